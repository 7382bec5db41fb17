"""The resources that our own components declare, on every target in dev and prod, as rules see them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from policies.rule import UNKNOWN, Options, Resource
from policies.unknown import guarded
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import COMPUTED, SYMBOL, Recorded
from tests.stacks.test_snapshots import OUTSIDE, ROOT, VALUES

ENVIRONMENTS = ("dev", "prod")
STACKS = ("weather", "flights")
PAGES: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/a",
        "publicDomain": "data.example.org",
        "readers": ["10.9.0.0/16"],
    },
    "azure": {"public": True},
    "kubernetes": {"ingressDomain": "data.example.org", "ingressIssuer": "letsencrypt"},
}
"""What a target needs before it shows a page to the internet; the others can't."""
PORTS: Mapping[str, Mapping[str, Any]] = {"docker": {"publish": True}}
ABROAD = "sales-dev"
"""A stack outside the mesh; it knows dev alone."""


@cache
def declared(target: str, environment: str) -> tuple[Resource, ...]:
    """What the example mesh declares there: one recording for all tests."""
    return tuple(_declared(target, environment))


def _declared(target: str, environment: str) -> Iterator[Resource]:
    values: dict[str, Any] = {"target": target, **VALUES[target]}
    for stack in STACKS:
        name = f"{stack}-{environment}"
        yield from as_rules_see(_graph(Program(Domain(name), values)), name)
    if environment == "dev":
        yield from as_rules_see(_graph(Program(Domain(ABROAD, stacks=OUTSIDE), values)), ABROAD)


@cache
def published(target: str) -> tuple[Resource, ...]:
    """What `flights` declares in prod once its dashboard is for the internet, or its ports for this machine."""
    with TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        shutil.copytree(ROOT / "stacks", stacks, ignore=shutil.ignore_patterns("__pycache__"))
        if target in PAGES:
            manifest = stacks / "flights" / "departures.yaml"
            manifest.write_text(
                f"{manifest.read_text(encoding='utf-8')}parameters: {{public: true}}\n", encoding="utf-8"
            )
        values: dict[str, Any] = {"target": target, **VALUES[target], **PAGES.get(target, {}), **PORTS.get(target, {})}
        domain = Domain("flights-prod", stacks=stacks, templates=ROOT / "templates")
        return tuple(as_rules_see(_graph(Program(domain, values)), "flights-prod"))


def _graph(program: Program) -> list[Recorded]:
    """The recording, each product with the estimate that `up` would give it."""
    graph = program.recorded()
    estimates = program.estimates(graph)
    for recorded in graph:
        if recorded.type == "mesh:data:Product":
            recorded.inputs["estimate"] = estimates[recorded.name]
    return graph


def as_rules_see(graph: Iterable[Recorded], stack: str) -> Iterator[Resource]:
    """The resources of a stack. What only the engine knows is UNKNOWN; text around it can be read all the same."""
    environment = stack.rpartition("-")[2]
    for recorded in graph:
        yield Resource(
            type=recorded.type,
            props=guarded(_plain(recorded.inputs)),
            name=recorded.name,
            urn=f"urn:pulumi:{stack}::meshwright::{recorded.type}::{recorded.name}",
            options=Options(protect=recorded.protect, parent=recorded.parent or ""),
            environment=environment,
        )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return UNKNOWN if value == COMPUTED or SYMBOL.fullmatch(value) else value
    # The engine hands every number over as a float.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
