"""The example mesh as each target would build it, recorded once with what the recording itself does not keep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch

import pulumi
from pulumi import resource as pulumi_resource

from components.port import ADDRESS
from components.targets import TARGETS
from stacks.domain import Domain, domains
from stacks.program import Declaration, Program
from stacks.recording import Recorded, record
from stacks.render import address
from tests.stacks.test_snapshots import VALUES

__all__ = ["TARGETS", "Example", "example", "values"]


@dataclass
class Example:
    """All products of all domains on one target."""

    target: str
    resources: list[Recorded] = field(default_factory=list)
    options: dict[str, pulumi.ResourceOptions] = field(default_factory=dict)
    """Of each resource, by its address."""
    waits: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By product and port: addresses of the resources that the port's address waits for."""

    @property
    def made(self) -> list[Recorded]:
        """What the target makes: no components, no providers."""
        return [each for each in self.resources if each.custom and not each.type.startswith("pulumi:")]

    def components(self, *kinds: str) -> dict[str, Recorded]:
        """Components of these kinds, by name."""
        return {each.name: each for each in self.resources if each.type in {f"mesh:data:{kind}" for kind in kinds}}

    def below(self, name: str) -> Iterator[Recorded]:
        """What stands under a component, at any depth."""
        parents = {address(each): each.parent for each in self.resources}
        for each in self.made:
            above = each.parent
            while above is not None:
                if above.rpartition("::")[2] == name and above.startswith("mesh:data:"):
                    yield each
                    break
                above = parents.get(above)


def values(target: str) -> dict[str, Any]:
    """What a stack's configuration says."""
    return {"target": target, **VALUES[target]}


@cache
def example(target: str, environment: str = "dev") -> Example:
    """Recorded once for all behaviours."""
    found = Example(target)
    for domain in domains():
        program = Program(Domain(f"{domain}-{environment}"), values(target))
        with_options(found, program)
    return found


def with_options(found: Example, program: Program) -> None:
    """Record a program, its resources' options and its ports' dependencies."""
    futures: dict[tuple[str, str], list[pulumi.Output[Any]]] = {}

    def build() -> None:
        inner: Any = vars(pulumi_resource)["register_resource"]

        def register(res: Any, ty: str, name: str, *rest: Any) -> None:
            found.options[f"{ty}::{name}"] = rest[4]
            inner(res, ty, name, *rest)

        with patch.object(pulumi_resource, "register_resource", register):
            declaration = Declaration(program, program.target(), {})
            declaration.declare()
            for product in declaration.products.values():
                for name, port in product.outputs.ports.items():
                    futures[product.name, name] = [port.part(part) for part in ADDRESS[port.protocol]]

    found.resources += record(build)
    for key, outputs in futures.items():
        found.waits[key] = {f"{each._type}::{each._name}" for output in outputs for each in resources_of(output)}


def resources_of(output: pulumi.Output[Any]) -> set[Any]:
    """What an output waits for; its value is there when the recording has ended."""
    future: Any = output._data
    assert isinstance(future, asyncio.Future) and future.done()
    return set(future.result().resources)
