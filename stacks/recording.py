"""Recording: run a program's constructors without an engine, and keep what they would register."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import output as pulumi_output
from pulumi import resource as pulumi_resource

COMPUTED = "(computed)"
"""Stands for a value that only the engine would know."""


@dataclass
class Recorded:
    """One resource as it would be registered: `inputs` are filled in when the recording ends."""

    type: str
    name: str
    parent: str | None
    custom: bool
    protect: bool
    props: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    dependencies: set[str] = field(default_factory=set)


class Unresolved(Exception):
    """An output of the recorded program failed or never resolved."""


def record(program: Callable[[], Any]) -> list[Recorded]:
    """Run `program` and return its resources in the order of their registration.

    Nothing is registered; outputs of resources are unknown, as in the preview of an empty stack. An exception of the
    program leaves as it is.
    """
    graph: list[Recorded] = []
    running = _running_loop()
    if running is not None:
        # Inside a Pulumi program: only plain inputs are read, the loop is not ours to drain.
        with _intercepted(graph):
            program()
        for resource in graph:
            resource.inputs = _plain(resource.props, resource.dependencies)
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
        for resource in graph:
            resource.inputs = _plain(resource.props, resource.dependencies)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        if collect:
            gc.enable()
    return graph


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def _intercepted(graph: list[Recorded]) -> Iterator[None]:
    """Replace registration inside the SDK by a note of it."""

    def register(res: Any, ty: str, name: str, custom: bool, remote: bool, dep: Any, props: Any, opts: Any, *_: Any) -> None:
        parent = f"{opts.parent._type}::{opts.parent._name}" if opts.parent is not None else None
        urn = f"{ty}::{name}"
        res.__dict__["urn"] = _known(urn, res)
        graph.append(Recorded(ty, name, parent, custom, bool(opts.protect), dict(props)))
        if not custom:
            return
        res.__dict__["id"] = _unknown(res)
        for key, value in props.items():
            output = res.translate_output_property(key)
            simple = value is not None and isinstance(value, str | int | float | bool)
            res.__dict__[output] = _known(value, res) if simple else _unknown(res)

    names = {"register_resource": register, "register_resource_outputs": lambda *_: None}
    kept = {name: getattr(pulumi_resource, name) for name in names}
    try:
        for name, replacement in names.items():
            setattr(pulumi_resource, name, replacement)
        yield
    finally:
        for name, original in kept.items():
            setattr(pulumi_resource, name, original)


def _unknown(resource: Any) -> pulumi.Output[Any]:
    return _done(pulumi_output._OutputData(resources={resource}, value=pulumi_output.UNKNOWN, is_known=False, is_secret=False))


def _known(value: Any, resource: Any) -> pulumi.Output[Any]:
    return _done(pulumi_output._OutputData(resources={resource}, value=value, is_known=True, is_secret=False))


def _done(data: Any) -> pulumi.Output[Any]:
    future: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
    future.set_result(data)
    made: pulumi.Output[Any] = object.__new__(pulumi.Output)
    made._data = future
    return made


def _plain(value: Any, dependencies: set[str]) -> Any:
    """A property without outputs: what is not known yet is COMPUTED, secrets are never shown."""
    if isinstance(value, pulumi.Output):
        future = value._data
        if not (isinstance(future, asyncio.Future) and future.done()):
            return COMPUTED
        data = future.result()
        dependencies.update(f"{res._type}::{res._name}" for res in data.resources)
        if data.is_secret:
            return "(secret)"
        return _plain(data.value, dependencies) if data.is_known else COMPUTED
    if isinstance(value, pulumi.Resource):
        dependencies.add(f"{value._type}::{value._name}")
        return f"${{{value._name}}}"
    if isinstance(value, pulumi_output.Unknown):
        return COMPUTED
    if isinstance(value, dict):
        return {key: _plain(item, dependencies) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item, dependencies) for item in value]
    if hasattr(value, "__dict__") and type(value).__module__.startswith("pulumi_"):
        from pulumi import _types

        return _plain(_types.input_type_to_dict(value), dependencies)
    return value
