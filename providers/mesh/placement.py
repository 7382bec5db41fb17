"""Placement: where a stack runs; recorded once, a change is refused."""

from __future__ import annotations

from collections.abc import Iterator

from .fields import Failure, Field
from .kind import Inputs, Kind, Operation, Outputs, refused


class Placement(Kind):
    """The target (and region) of a stack, kept in its state."""

    fields = {
        "target": Field("text", required=True),
        "region": Field("text"),
        "domain": Field("text", required=True),
        "environment": Field("text", required=True),
        "tags": Field("table"),
    }

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        yield from refused(
            old,
            new,
            ("target", "region"),
            "a stack",
            "destroy it first, or make a stack of another name for the new one",
        )

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        return {}

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        return {}

    def identity(self, inputs: Inputs) -> str:
        return f"{inputs['domain']}-{inputs['environment']}"
