"""The slow way to record: the SDK's own mock monitor, for a Pulumi SDK whose inside nobody here knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from google.protobuf import empty_pb2, json_format
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_pulumi_func

from stacks.recorded import COMPUTED, IS_SECRET, SECRET, SIGNED, UNKNOWN, Recorded


class Nobody(mocks.Mocks):
    """Is not asked: the monitor answers."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return "", {}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


class Monitor(mocks.MockMonitor):
    """Notes what is sent; plain inputs come back, as in a preview of an empty stack, everything else is unknown."""

    def __init__(self) -> None:
        super().__init__(Nobody())
        self.graph: list[Recorded] = []

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type != "pulumi:pulumi:Stack":
            inputs: dict[str, Any] = plain(json_format.MessageToDict(request.object))
            self.graph.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    parent=short(request.parent) or None,
                    custom=request.custom,
                    protect=request.protect,
                    props={},
                    provider=short(request.provider.rpartition("::")[0]) or None,
                    adopts=request.importId or None,
                    inputs=inputs,
                    dependencies={name for name in map(short, request.dependencies) if name},
                )
            )
        answer = resource_pb2.RegisterResourceResponse(urn=urn)
        for key, value in request.object.fields.items():
            if value.WhichOneof("kind") not in ("struct_value", "list_value"):
                answer.object.fields[key].CopyFrom(value)
        return answer

    def ReadResource(self, request: Any) -> Any:
        return resource_pb2.ReadResourceResponse(urn=self.make_urn(request.parent, request.type, request.name))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        return empty_pb2.Empty()


def plain(value: Any) -> Any:
    """Inputs as the recording has them."""
    if isinstance(value, dict):
        return SECRET if value.get(SIGNED) == IS_SECRET else {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return COMPUTED if isinstance(value, str) and UNKNOWN in value else value


def short(urn: str) -> str:
    """`type::name` of a URN; empty for none and for the stack itself."""
    parts = urn.split("::")
    kind = parts[2].rpartition("$")[2] if len(parts) > 3 else ""
    return f"{kind}::{parts[3]}" if kind and kind != "pulumi:pulumi:Stack" else ""


def record(program: Callable[[], Any]) -> list[Recorded]:
    """Run `program` and return its resources. Takes about 10 ms a resource."""
    monitor, loop = Monitor(), asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        mocks.set_mocks(Nobody(), "meshwright", "recorded", preview=True, monitor=monitor)
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return monitor.graph
