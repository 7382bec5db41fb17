"""A second `up` changes nothing: the same manifests give the same graph (tests/plugins runs it on the engine)."""

from __future__ import annotations

from stacks.domain import Domain, domains
from stacks.program import Program
from stacks.render import records
from tests.behaviours.graphs import example, values


def test_it(target: str) -> None:
    chosen = {each.name: each.inputs.get("implementation") for each in example(target).resources if not each.custom}
    chosen = {name: how for name, how in chosen.items() if how}
    for domain in domains():
        stack = f"{domain}-dev"
        was = {"target": target, "implementations": chosen}
        first, second = (Program(Domain(stack), values(target), previous).recorded() for previous in ({}, was))
        assert records(first, stack) == records(second, stack)
