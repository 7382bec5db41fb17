"""Serves the kinds to the Pulumi engine over gRPC."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import proto
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from . import kinds
from .adoption import adopted, taken_over
from .fields import with_defaults
from .kind import Kind, Operation, differences
from .masks import Masks
from .refusal import Refusal
from .values import UNKNOWN, plain_map, secret_texts, wrap

VERSION = "0.1.0"
# Operations mostly wait (for health, for jobs); the engine itself bounds how many it starts at once.
THREADS = 64
Properties = dict[str, PropertyValue]
T = TypeVar("T")
DIFF = proto.PropertyDiff


class _Mesh(Provider):
    """The library's defaults for configuration; the six resource methods are the servicer's own."""


class MeshServicer(ProviderServicer):
    """Turns requests into calls of a kind's methods, in threads, and their failures into sentences.

    The library's own resource methods are replaced: they append tracebacks to messages and drop the old inputs.
    """

    def __init__(self, args: list[str], engine: str) -> None:
        super().__init__(args, VERSION, _Mesh(), engine_address=engine)
        self.cancelled = threading.Event()
        self.busy = 0

    async def _work(self, request: Any, context: Any, work: Callable[[Kind, Operation], T], *secret: Properties) -> T:
        masks = Masks({text for properties in secret for text in secret_texts(properties)})
        operation = Operation(request.urn, self.cancelled, masks, lambda text: self._log(request.urn, text))
        self.busy += 1
        try:
            token = request.urn.split("::")[-2].rsplit("$", 1)[-1]
            return await asyncio.to_thread(work, kinds.find(token), operation)
        except Refusal as refusal:
            await context.abort(grpc.StatusCode.UNKNOWN, masks(str(refusal)))
        except Exception as error:  # a fault of ours: the traceback helps whoever reports it
            await context.abort(grpc.StatusCode.INTERNAL, masks(f"{error!r}\n{traceback.format_exc()}"))
        finally:
            self.busy -= 1
        raise AssertionError("unreachable")

    def _log(self, urn: str, text: str) -> None:
        with grpc.insecure_channel(self._engine_address) as channel:
            request = engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=text, urn=urn)
            engine_pb2_grpc.EngineStub(channel).Log(request)

    async def Check(self, request: Any, context: Any) -> Any:
        old, new = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)

        def work(kind: Kind, _: Operation) -> Any:
            given = {**{key: wrap(value) for key, value in with_defaults(kind.fields).items()}, **_present(new)}
            found = kind.check(plain_map(old), plain_map(given))
            return proto.CheckResponse(
                inputs=PropertyValue.marshal_map(given),
                failures=[proto.CheckFailure(property=key, reason=reason) for key, reason in found],
            )

        return await self._work(request, context, work, old, new)

    async def Diff(self, request: Any, context: Any) -> Any:
        state, new = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)
        old = PropertyValue.unmarshal_map(request.old_inputs) if request.HasField("old_inputs") else state

        def work(kind: Kind, _: Operation) -> Any:
            before, after = plain_map(old), plain_map(new)
            detailed = {}
            for path, what in differences(before, after):
                replace = path.split(".")[0].split("[")[0] in kind.replaced_by
                name = f"{what.upper()}_REPLACE" if replace else what.upper()
                detailed[path] = DIFF(kind=DIFF.Kind.Value(name), inputDiff=True)
            replaces = sorted({path.split(".")[0].split("[")[0] for path in detailed} & kind.replaced_by)
            if kind.probed and not replaces:
                known = plain_map(state)
                if known.get("alive") is False or kind.dead(before, known):
                    detailed["alive"] = DIFF(kind=DIFF.UPDATE, inputDiff=False)
            return proto.DiffResponse(
                changes=proto.DiffResponse.DIFF_SOME if detailed else proto.DiffResponse.DIFF_NONE,
                replaces=replaces,
                deleteBeforeReplace=bool(replaces),
                diffs=sorted({path.split(".")[0].split("[")[0] for path in detailed}),
                detailedDiff=detailed,
                hasDetailedDiff=True,
            )

        return await self._work(request, context, work, state, new)

    async def Create(self, request: Any, context: Any) -> Any:
        new = PropertyValue.unmarshal_map(request.properties)

        def work(kind: Kind, operation: Operation) -> Any:
            inputs = plain_map(new)
            if request.preview:
                outputs = kind.foresee({}, {}, inputs)
                return proto.CreateResponse(id="", properties=_state(kind, new, outputs))
            operation.checkpoint()
            with adopted(inputs, request.urn):
                outputs = kind.create(operation, inputs)
            return proto.CreateResponse(id=kind.identity(inputs), properties=_state(kind, new, outputs))

        return await self._work(request, context, work, new)

    async def Update(self, request: Any, context: Any) -> Any:
        state, new = PropertyValue.unmarshal_map(request.olds), PropertyValue.unmarshal_map(request.news)
        old = PropertyValue.unmarshal_map(request.old_inputs) if request.HasField("old_inputs") else state

        def work(kind: Kind, operation: Operation) -> Any:
            before, known, inputs = plain_map(old), plain_map(state), plain_map(new)
            if request.preview:
                outputs = kind.foresee(before, known, inputs)
            else:
                operation.checkpoint()
                outputs = kind.update(operation, before, known, inputs)
            return proto.UpdateResponse(properties=_state(kind, new, outputs))

        return await self._work(request, context, work, state, new)

    async def Read(self, request: Any, context: Any) -> Any:
        state, inputs = PropertyValue.unmarshal_map(request.properties), PropertyValue.unmarshal_map(request.inputs)

        def work(kind: Kind, operation: Operation) -> Any:
            if not inputs:
                raise Refusal(f"{kind.token} can't be imported; it is made by `pulumi up`")
            answer = dict(state)
            if kind.probed:
                answer["alive"] = wrap(kind.dead(plain_map(inputs), plain_map(state)) is None)
            return proto.ReadResponse(
                id=request.id, properties=PropertyValue.marshal_map(answer), inputs=PropertyValue.marshal_map(inputs)
            )

        return await self._work(request, context, work, state, inputs)

    async def Delete(self, request: Any, context: Any) -> Any:
        state = PropertyValue.unmarshal_map(request.properties)
        old = PropertyValue.unmarshal_map(request.old_inputs) if request.HasField("old_inputs") else state

        def work(kind: Kind, operation: Operation) -> Any:
            if not taken_over(plain_map(old), request.urn):
                kind.delete(operation, plain_map(old), plain_map(state))
            return empty_pb2.Empty()

        return await self._work(request, context, work, state, old)

    async def Cancel(self, request: Any, context: Any) -> Any:
        self.cancelled.set()
        return empty_pb2.Empty()


def _present(values: Properties) -> Properties:
    return {key: value for key, value in values.items() if value.value is not None}


def _state(kind: Kind, inputs: Properties, outputs: dict[str, Any]) -> Any:
    if kind.probed:
        outputs = {**outputs, "alive": True}
    made = {key: wrap(value, key in kind.secret_outputs and value != UNKNOWN) for key, value in outputs.items()}
    return PropertyValue.marshal_map({**inputs, **made})


def serve(args: list[str]) -> None:
    """Serve on a free port of loopback, print it, and stay until the engine, a signal or the parent's death ends us."""
    asyncio.run(_serve(args))


async def _serve(args: list[str]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    servicer = MeshServicer(args, next((arg for arg in args if not arg.startswith("-")), ""))
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    parent = os.getppid()
    while not ended.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(ended.wait(), 1.0)
        except TimeoutError:
            continue
    servicer.cancelled.set()  # what is half made is removed before we go
    for _ in range(200):
        if not servicer.busy:
            break
        await asyncio.sleep(0.05)
    await server.stop(0.1)
    sys.stdout.flush()
    os._exit(0)  # threads that still wait must not keep the engine waiting
