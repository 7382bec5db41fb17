"""Stand-in: what plugins that take an official provider's place in tests have in common. Never used outside tests."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi import _types
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc

from providers.mesh.masks import Masks
from providers.mesh.values import UNKNOWN, plain_map, secret_texts, unknown_in, wrap

Values = dict[str, Any]
Properties = dict[str, PropertyValue]
T = TypeVar("T")
DIFF = proto.PropertyDiff


class Refusal(Exception):
    """What the user did wrong, or what failed, in a sentence."""


class Kind(ABC):
    """One resource kind; its methods see plain dicts and block."""

    args: ClassVar[type[Any]]
    """The SDK's own Args class: what it does not know is refused."""
    updated: ClassVar[frozenset[str]] = frozenset()
    """Inputs that change in place; every other one makes a new resource."""
    computed: ClassVar[tuple[str, ...]] = ()
    cancelled: threading.Event

    def check(self, new: Values) -> Iterator[tuple[str, str]]:
        """What is wrong with the inputs; unknown values pass."""
        yield from foreign(self.args, new)

    def before(self, old: Values, state: Values) -> Values:
        """What new inputs are compared with."""
        return old

    def foresee(self, new: Values, state: Values) -> Values:
        """Outputs in a preview: all of a new resource is unknown, of one that is there what is known stays."""
        if state:
            return {key: state[key] for key in self.computed if key in state}
        return dict.fromkeys(self.computed, UNKNOWN)

    @abstractmethod
    def create(self, new: Values) -> tuple[str, Values]:
        """Id and outputs; a failure leaves nothing behind."""

    @abstractmethod
    def read(self, identity: str, inputs: Values) -> Values | None:
        """Outputs as they are now; None where the thing is gone."""

    def update(self, identity: str, new: Values) -> Values:
        """Outputs after a change in place."""
        return self.read(identity, new) or {}

    @abstractmethod
    def delete(self, identity: str, state: Values) -> None:
        """Remove it; no error where it is gone already."""


def foreign(kind: type[Any], values: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """Keys that the SDK's class has not, all the way down."""
    known = _types.input_type_types(kind)
    for key, value in values.items():
        where = f"{place}{key}"
        if key not in known:
            yield where.split(".")[0].split("[")[0], f"`{where}` is no property of {kind.__name__}"
            continue
        inner = nested(known[key])
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            if inner and isinstance(item, dict):
                yield from min((list(foreign(each, item, f"{where}[{number}].")) for each in inner), key=len)


def nested(kind: Any) -> list[type[Any]]:
    """The input classes inside a type: one of them is meant."""
    if isinstance(kind, type) and _types.is_input_type(kind):
        return [kind]
    return [found for part in getattr(kind, "__args__", ()) for found in nested(part)]


class Configured(Provider):
    """The library's defaults; the methods that count are the servicer's own."""


class StandIn(ProviderServicer):
    """Serves kinds by their tokens, each method in a thread."""

    def __init__(self, version: str, kinds: Mapping[str, Kind], configure: Callable[[Values], None]) -> None:
        engine = next((arg for arg in sys.argv[1:] if not arg.startswith("-")), "")
        super().__init__(sys.argv[1:], version, Configured(), engine_address=engine)
        self.kinds, self.configure, self.cancelled, self.busy = kinds, configure, threading.Event(), 0
        for kind in kinds.values():
            kind.cancelled = self.cancelled

    async def _work(self, request: Any, context: Any, work: Callable[[Kind], T], *hidden: Properties) -> T:
        masks = Masks({text for properties in hidden for text in secret_texts(properties)})
        token = request.urn.split("::")[-2].rsplit("$", 1)[-1]
        self.busy += 1
        try:
            if token not in self.kinds:
                raise Refusal(f"the stand-in has no {token}")
            return await asyncio.to_thread(work, self.kinds[token])
        except Exception as error:
            await context.abort(grpc.StatusCode.UNKNOWN, masks(str(error)))
        finally:
            self.busy -= 1
        raise AssertionError("unreachable")

    async def Configure(self, request: Any, context: Any) -> Any:
        self.configure(plain_map(PropertyValue.unmarshal_map(request.args)))
        return proto.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=False
        )

    async def Check(self, request: Any, context: Any) -> Any:
        new = _present(PropertyValue.unmarshal_map(request.news))

        def work(kind: Kind) -> Any:
            failures = [proto.CheckFailure(property=key, reason=why) for key, why in kind.check(plain_map(new))]
            return proto.CheckResponse(inputs=PropertyValue.marshal_map(new), failures=failures)

        return await self._work(request, context, work, new)

    async def Diff(self, request: Any, context: Any) -> Any:
        state, new = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)
        old = PropertyValue.unmarshal_map(request.old_inputs)
        ignored = {path.split(".")[0].split("[")[0] for path in request.ignoreChanges}

        def work(kind: Kind) -> Any:
            before, after = kind.before(plain_map(old), plain_map(state)), plain_map(new)
            keys = sorted(k for k in (before.keys() | after.keys()) - ignored if before.get(k) != after.get(k))
            replaces = [key for key in keys if key not in kind.updated]
            detailed = {
                key: DIFF(kind=DIFF.UPDATE_REPLACE if key in replaces else DIFF.UPDATE, inputDiff=True) for key in keys
            }
            some = proto.DiffResponse.DIFF_SOME if keys else proto.DiffResponse.DIFF_NONE
            return proto.DiffResponse(
                changes=some, replaces=replaces, diffs=keys, detailedDiff=detailed, hasDetailedDiff=True
            )

        return await self._work(request, context, work, state, new)

    async def Create(self, request: Any, context: Any) -> Any:
        new = PropertyValue.unmarshal_map(request.properties)

        def work(kind: Kind) -> Any:
            if request.preview:
                return proto.CreateResponse(id="", properties=_state(new, kind.foresee(plain_map(new), {})))
            identity, outputs = kind.create(plain_map(new))
            return proto.CreateResponse(id=identity, properties=_state(new, outputs))

        return await self._work(request, context, work, new)

    async def Update(self, request: Any, context: Any) -> Any:
        state, new = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)

        def work(kind: Kind) -> Any:
            inputs, foreseen = plain_map(new), request.preview or unknown_in(plain_map(new))
            outputs = kind.foresee(inputs, plain_map(state)) if foreseen else kind.update(request.id, inputs)
            return proto.UpdateResponse(properties=_state(new, outputs))

        return await self._work(request, context, work, state, new)

    async def Read(self, request: Any, context: Any) -> Any:
        state, inputs = PropertyValue.unmarshal_map(request.properties), PropertyValue.unmarshal_map(request.inputs)

        def work(kind: Kind) -> Any:
            outputs = kind.read(request.id, plain_map(inputs))
            if outputs is None:
                return proto.ReadResponse(id="")
            return proto.ReadResponse(
                id=request.id, properties=_state({**state}, outputs), inputs=PropertyValue.marshal_map(inputs)
            )

        return await self._work(request, context, work, state, inputs)

    async def Delete(self, request: Any, context: Any) -> Any:
        state = PropertyValue.unmarshal_map(request.properties)

        def work(kind: Kind) -> Any:
            kind.delete(request.id, plain_map(state))
            return empty_pb2.Empty()

        return await self._work(request, context, work, state)

    async def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled.set()
        return empty_pb2.Empty()


def _present(values: Properties) -> Properties:
    return {key: value for key, value in values.items() if value.value is not None and not key.startswith("__")}


def _state(inputs: Properties, outputs: Values) -> Any:
    """Inputs with their secrets as they came, outputs over them; what was secret stays so."""
    return PropertyValue.marshal_map(
        {**inputs, **{key: _over(inputs.get(key), value) for key, value in outputs.items()}}
    )


def _over(was: PropertyValue | None, value: Any) -> PropertyValue:
    """A plain value with the secrets of what stood in its place."""
    if was is None or was.is_secret:
        return wrap(value, was is not None)
    inner = was.value
    if isinstance(inner, Mapping) and isinstance(value, Mapping):
        return PropertyValue({str(key): _over(inner.get(key), item) for key, item in value.items()})
    if isinstance(inner, tuple) and isinstance(value, list | tuple) and len(inner) == len(value):
        return PropertyValue([_over(*pair) for pair in zip(inner, value, strict=True)])
    return wrap(value)


def serve(
    version: str,
    kinds: Mapping[str, Kind],
    configure: Callable[[Values], None] = lambda _: None,
    servicer: type[StandIn] = StandIn,
) -> None:
    """Serve on a free port of loopback, print it, and stay until the engine, a signal or its death ends us.

    `version` is the SDK's: the engine warns of an older plugin.
    """
    asyncio.run(_serve(servicer(version, kinds, configure)))


async def _serve(servicer: StandIn) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended, loop, parent = asyncio.Event(), asyncio.get_running_loop(), os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    while not ended.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(ended.wait(), 1.0)
        except TimeoutError:
            continue
    servicer.cancelled.set()
    for _ in range(100):
        if not servicer.busy:
            break
        await asyncio.sleep(0.05)
    os._exit(0)  # threads that still wait must not keep the engine waiting
