"""Every target's program sends what it recorded: the SDK takes each input, and no alias that our stacks never had."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.targets import TARGETS
from stacks.domain import Domain
from stacks.program import Program
from tests.conftest import TABLE, LittleMesh
from tests.stacks.test_snapshots import VALUES
from tests.targets.registered import requests

pytestmark = pytest.mark.processes

AZURE = "azure-native:"
OURS = ("pulumi:pulumi:Stack", "pulumi:pulumi:StackReference")
"""Pulumi's own: the stack is not recorded, a reference is read and not registered."""


@pytest.mark.parametrize("target", TARGETS)
def test_the_sdk_takes_every_input_of_the_example(target: str) -> None:
    values = {"target": target, **VALUES[target]}
    stack = "weather-dev" if target == "local" else "flights-dev"
    sent = requests(stack, values)
    recorded = Program(Domain(stack), values).recorded()
    names = [f"{request.type}::{request.urn.rpartition('::')[2]}" for request in sent]
    assert sorted(name for name in names if not name.startswith(OURS)) == sorted(
        f"{resource.type}::{resource.name}" for resource in recorded if not resource.type.startswith(OURS)
    )


def test_without_the_sdks_aliases_the_same_is_sent() -> None:
    values = {"target": "azure", **VALUES["azure"]}
    without, kept = requests("weather-dev", values), requests("weather-dev", values, "keep")
    assert sorted((r.urn, r.inputs) for r in without) == sorted((r.urn, r.inputs) for r in kept)
    assert all(request.aliases for request in kept if request.type.startswith(AZURE))
    versioned = [alias for request in without for alias in request.aliases if "/v20" in alias]
    assert versioned == []


def test_an_alias_of_ours_stays(little: LittleMesh, tmp_path: Path) -> None:
    renamed = TABLE.replace("warehouse: {", "store: {renamedFrom: warehouse, ").replace("${warehouse}", "${store}")
    little.write("templates/table.yaml", renamed)
    little.table("sales/orders")
    sent = requests("sales-dev", {"target": "azure", **VALUES["azure"]}, folder=tmp_path)
    (store,) = [r for r in sent if r.type == "mesh:data:Database"]
    assert any("orders--warehouse" in alias for alias in store.aliases)
    assert not any("/v20" in alias for request in sent for alias in request.aliases)
