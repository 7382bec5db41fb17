"""Recording: run a program's constructors without an engine, and keep what they would register."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import cache, lru_cache
from typing import Any

import pulumi
from pulumi import _types
from pulumi import output as pulumi_output
from pulumi import resource as pulumi_resource
from pulumi.runtime.settings import SETTINGS

from components.errors import UserError
from stacks.recorded import COMPUTED, SECRET, SYMBOL, Recorded

__all__ = ["COMPUTED", "SECRET", "SYMBOL", "Recorded", "record"]

INSIDE: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (
        pulumi_resource,
        "register_resource",
        ("res", "ty", "name", "custom", "remote", "new_dependency", "props", "opts", "typ", "package_ref"),
    ),
    (pulumi_output, "_OutputData", ("resources", "value", "is_known", "is_secret")),
    (pulumi, "get", ("self", "name")),
)
"""What is replaced or made here, and the parameters that it has in the SDKs 3.259 to 3.272."""

PLAIN = frozenset({str, int, float, bool})
"""Types of values that hold no other."""


def record(program: Callable[[], Any]) -> list[Recorded]:
    """Run `program` and return its resources in the order of their registration.

    Nothing is registered; outputs of resources are unknown, as in the preview of an empty stack. An exception of the
    program leaves as it is.
    """
    graph: list[Recorded] = []
    running = _running_loop()
    if what := unfamiliar():
        return _slowly(program, what, running is not None)
    if running is not None:
        # Inside a Pulumi program: only plain inputs are read, the loop is not ours to drain.
        with _intercepted(graph):
            program()
        _resolve(graph)
        return graph
    loop = asyncio.new_event_loop()
    collect = gc.isenabled()
    gc.disable()  # outputs are full of cycles; collecting in the middle costs more than it frees
    try:
        asyncio.set_event_loop(loop)

        async def whole() -> None:
            with _intercepted(graph):
                program()
            while len(pending := asyncio.all_tasks()) > 1:
                await asyncio.wait(pending - {asyncio.current_task()})

        loop.run_until_complete(whole())
        _resolve(graph)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        SETTINGS.outputs.clear()  # nobody waits for them any more
        if collect:
            gc.enable()
    return graph


@cache
def unfamiliar() -> str:
    """What of the Pulumi SDK is not as it is known here; empty if all is."""
    for owner, name, known in INSIDE:
        try:
            have = tuple(inspect.signature(getattr(owner, name)).parameters)
        except (AttributeError, TypeError, ValueError):
            have = ()
        if have[: len(known)] != known:
            return f"`{owner.__name__}.{name}`"
    return ""


def _slowly(program: Callable[[], Any], what: str, engine: bool) -> list[Recorded]:
    """The same by the SDK's own mock monitor, said aloud; a program that an engine runs has a monitor already."""
    from stacks import monitored

    said = f"this Pulumi SDK ({importlib.metadata.version('pulumi')}) is new to Meshwright: {what} has changed"
    if engine:
        raise UserError(said, hint="install the version that requirements.lock names, or a newer Meshwright")
    sys.stderr.write(f"warning: {said}; the graph is recorded by its mock monitor, which is slower\n")
    return monitored.record(program)


def _resolve(graph: list[Recorded]) -> None:
    """Inputs and dependencies of each resource, read from outputs that are done."""
    for resource in graph:
        resource.inputs = _plain(resource.props, resource.dependencies)
        _plain(resource.depends_on, resource.dependencies)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def _intercepted(graph: list[Recorded]) -> Iterator[None]:
    """Replace registration inside the SDK by a note of it, and let unknown outputs pass through text as symbols."""

    def register(
        res: Any,
        ty: str,
        name: str,
        custom: bool,
        remote: bool,
        dep: Any,
        props: Any,
        opts: Any,
        typ: Any = None,
        *_: Any,
    ) -> None:
        names = known_names(typ) if typ is not None else {}
        own = {names.get(key) or res.translate_input_property(key): value for key, value in props.items()}
        graph.append(
            Recorded(
                type=ty,
                name=name,
                parent=_urn(opts.parent) if opts.parent is not None else None,
                custom=custom,
                protect=bool(opts.protect),
                props=own,
                provider=_urn(opts.provider) if opts.provider is not None else None,
                depends_on=opts.depends_on,
                adopts=opts.import_,
            )
        )
        res.__dict__["urn"] = _output(f"{ty}::{name}", known=True, resources={res})
        if not custom:
            return
        res.__dict__["id"] = _symbol(res, "id")
        for key, value in props.items():
            if value is None and typ is not None:
                continue  # `get` makes it when it is read
            # As in a preview, a plain input is known as an output too; everything else waits for the engine.
            simple = isinstance(value, str | int | float | bool)
            output = _output(value, known=True, resources={res}) if simple else _symbol(res, names.get(key) or key)
            res.__dict__[res.translate_output_property(key)] = output

    def read(res: Any, ty: str, name: str, props: Any, opts: Any, typ: Any = None, *_: Any) -> None:
        register(res, ty, name, True, False, None, props, opts, typ)

    def get(self: Any, name: str) -> Any:
        found = sdk_get(self, name)
        if found is None and isinstance(self, pulumi.CustomResource):
            pulumi_name = _types.resource_py_to_pulumi_names(type(self)).get(name) or name
            found = self.__dict__[name] = _symbol(self, pulumi_name)
        return found

    known_names = lru_cache(maxsize=None)(_types.input_type_py_to_pulumi_names)
    sdk_get, sdk_getattr, sdk_getitem = pulumi.get, pulumi.Output.__getattr__, pulumi.Output.__getitem__
    replaced = (
        (pulumi_resource, "register_resource", register),
        (pulumi_resource, "read_resource", read),
        (pulumi_resource, "register_resource_outputs", lambda *_: None),
        (pulumi, "get", get),
        (pulumi.Output, "__getattr__", lambda self, name: _part(self, f".{_camel(name)}") or sdk_getattr(self, name)),
        (pulumi.Output, "__getitem__", lambda self, key: _part(self, f"[{key}]") or sdk_getitem(self, key)),
        (
            pulumi.Output,
            "concat",
            staticmethod(lambda *parts: _text(lambda plain: "".join(map(str, plain)), list(parts))),
        ),
        (
            pulumi.Output,
            "json_dumps",
            staticmethod(lambda value, **how: _text(lambda plain: json.dumps(plain, **how), value)),
        ),
    )
    kept = [(owner, name, vars(owner)[name]) for owner, name, _ in replaced]
    try:
        for owner, name, replacement in replaced:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def _urn(resource: Any) -> str:
    return f"{resource._type}::{resource._name}"


def _symbol(resource: Any, name: str) -> pulumi.Output[Any]:
    """An output that only the engine would know: `apply` does not run on it, text carries it along."""
    return _output(f"${{{_urn(resource)}#{name}}}", known=False, resources={resource})


def _part(output: Any, path: str) -> pulumi.Output[Any] | None:
    """The symbol of a part, where `output` is a symbol: `${urn#metadata}` -> `${urn#metadata.name}`."""
    future = output.__dict__.get("_data")
    if path.startswith("._") or not (isinstance(future, asyncio.Future) and future.done()):
        return None
    data = future.result()
    symbol = isinstance(data.value, str) and not data.is_known and SYMBOL.fullmatch(data.value)
    return _output(f"{data.value[:-1]}{path}}}", known=False, resources=data.resources) if symbol else None


def _camel(name: str) -> str:
    """`secret_arn` -> `secretArn`, as the engine has it."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _output(value: Any, *, known: bool, resources: set[Any], secret: bool = False) -> pulumi.Output[Any]:
    future: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
    future.set_result(pulumi_output._OutputData(resources=resources, value=value, is_known=known, is_secret=secret))
    return _made(future)


def _made(future: Any) -> pulumi.Output[Any]:
    made: pulumi.Output[Any] = object.__new__(pulumi.Output)
    made._data = future
    return made


def _text(write: Callable[[Any], str], value: Any) -> pulumi.Output[str]:
    """Text written from values that may hold outputs; symbols stand in it for what is not known."""

    async def run() -> Any:
        found: list[Any] = []
        await _settle(value, found)
        secret = any(data.is_secret for data in found)
        resources = {resource for data in found for resource in data.resources}
        known = all(data.is_known for data in found)
        return pulumi_output._OutputData(
            resources=resources, value=write(_plain(value, set())), is_known=known, is_secret=secret
        )

    return _made(asyncio.ensure_future(run()))


async def _settle(value: Any, found: list[Any]) -> None:
    """Wait for every output inside a value and collect what they hold."""
    if isinstance(value, pulumi.Output):
        data = await value._data
        found.append(data)
        await _settle(data.value, found)
    elif isinstance(value, Mapping):
        for item in value.values():
            await _settle(item, found)
    elif isinstance(value, list | tuple):
        for item in value:
            await _settle(item, found)


def _plain(value: Any, dependencies: set[str]) -> Any:
    """A property without outputs: symbols or COMPUTED for what is not known yet; secrets are never shown."""
    kind = type(value)
    if value is None or kind in PLAIN:
        return value
    if kind is dict:
        return {key: _plain(item, dependencies) for key, item in value.items() if item is not None}
    if kind is list:
        return [_plain(item, dependencies) for item in value]
    if isinstance(value, pulumi.Output):
        future = value._data
        if not (isinstance(future, asyncio.Future) and future.done()):
            return COMPUTED
        data = future.result()
        dependencies.update(map(_urn, data.resources))
        if data.is_secret:
            return SECRET
        # Of what is not known only symbols, and text that holds them, say anything.
        return _plain(data.value, dependencies) if data.is_known or isinstance(data.value, str) else COMPUTED
    if isinstance(value, pulumi.Resource):
        dependencies.add(_urn(value))
        return f"${{{_urn(value)}}}"
    if isinstance(value, pulumi_output.Unknown):
        return COMPUTED
    if _types.is_input_type(kind):
        return _plain(_types.input_type_to_dict(value), dependencies)
    if isinstance(value, Mapping):
        return {key: _plain(item, dependencies) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item, dependencies) for item in value]
    return value.value if isinstance(value, Enum) else value
