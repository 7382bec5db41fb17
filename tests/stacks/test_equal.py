"""What is recorded is what the real engine is asked to register: names, parents, inputs and dependencies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.domain import Domain, stack_config
from stacks.program import Program
from stacks.recorded import COMPUTED, IS_SECRET, SECRET, SIGNED, SYMBOL, UNKNOWN
from tests.example.running import ROOT, Running, copy_of_checkout

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A copy whose stacks were never up."""
    folder = tmp_path_factory.mktemp("equal")
    made = copy_of_checkout(folder / "checkout", folder / "state")
    # A preview can't read a stack that is not up: all that is read comes from its own domain.
    made.edit("stacks/flights/delay-model.yaml", "weather/observations/hourly", "flights/departures/tables")
    return made


def asked(running: Running, stack: str, log: Path) -> Iterator[dict[str, Any]]:
    """The requests of a preview, as the engine logs them."""
    running.pulumi("stack", "init", stack)
    running.environment["PULUMI_DEBUG_GRPC"] = str(log)
    try:
        running.pulumi("preview", "-s", stack)
    finally:
        del running.environment["PULUMI_DEBUG_GRPC"]
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry["method"].endswith("/RegisterResource") and entry.get("response"):
            yield entry["request"]


def short(urn: str) -> str:
    """`type::name` of a URN, without the types of its parents; empty for the stack itself."""
    kind, name = urn.split("::")[2:4]
    return "" if kind == "pulumi:pulumi:Stack" else f"{kind.split('$')[-1]}::{name}"


def of_engine(value: Any, root: Path) -> Any:
    """Inputs of a request, with the recording's words for what is secret or unknown, and this checkout's paths."""
    if isinstance(value, dict):
        if value.get(SIGNED) == IS_SECRET:
            return SECRET
        return {key: of_engine(item, root) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [of_engine(item, root) for item in value]
    if value == UNKNOWN:
        return COMPUTED
    return value.replace(str(root), str(ROOT)) if isinstance(value, str) else value


def of_recording(value: Any) -> Any:
    """Inputs of a recording, where a symbol says no more than that the engine does not know either."""
    if isinstance(value, dict):
        return {key: of_recording(item) for key, item in value.items()}
    if isinstance(value, list):
        return [of_recording(item) for item in value]
    return COMPUTED if isinstance(value, str) and SYMBOL.search(value) else value


def differences(mine: Any, engine: Any, path: str = "") -> Iterator[str]:
    """Where they differ. What a provider knows in a preview, as a folder's name, no recording knows."""
    if isinstance(mine, str) and COMPUTED in mine:
        return
    if isinstance(mine, dict) and isinstance(engine, dict):
        for key in mine.keys() | engine.keys():
            yield from differences(mine.get(key), engine.get(key), f"{path}.{key}")
    elif isinstance(mine, list) and isinstance(engine, list) and len(mine) == len(engine):
        for index, pair in enumerate(zip(mine, engine, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif mine != engine:
        yield f"{path}: {mine!r} != {engine!r}"


@pytest.mark.parametrize("stack", ["weather-dev", "flights-dev"])
def test_the_recording_is_what_the_engine_is_asked(checkout: Running, tmp_path: Path, stack: str) -> None:
    engine = {
        f"{request['type']}::{request['name']}": request for request in asked(checkout, stack, tmp_path / "grpc.json")
    }
    stacks, templates = checkout.root / "stacks", checkout.root / "templates"
    domain = Domain(stack, stacks=stacks, templates=templates)
    values = {**stack_config(stack, stacks), "dataDirectory": str(checkout.home(stack))}
    program = Program(domain, values)
    recorded = program.recorded()
    estimates = program.estimates(recorded)
    for made in recorded:
        if made.type == "mesh:data:Product":
            made.inputs["estimate"] = estimates[made.name]
    mine = {f"{made.type}::{made.name}": made for made in recorded}
    kinds = ("pulumi:pulumi:Stack", "pulumi:pulumi:StackReference")
    assert {key for key in mine if not key.startswith(kinds)} == {key for key in engine if not key.startswith(kinds)}
    for key, request in engine.items():
        if key.startswith(kinds):
            continue
        made = mine[key]
        assert (made.parent or "") == short(request["parent"]), key
        assert bool(request.get("custom")) == made.custom, key
        assert bool(request.get("protect")) == made.protect, key
        plain = json.loads(json.dumps(of_recording(made.inputs)).replace(str(checkout.root), str(ROOT)))
        assert not list(differences(plain, of_engine(request.get("object") or {}, checkout.root))), key
        assert {short(urn) for urn in request.get("dependencies") or ()} == set(made.dependencies), key
