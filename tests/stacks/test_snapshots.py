"""Every template on every target: the graph as it was agreed, one readable file each.

`MESH_SNAPSHOTS=write pytest tests/stacks/test_snapshots.py` writes them anew; read the difference before you commit.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from components.targets import TARGETS
from stacks.domain import Domain
from stacks.program import Program
from stacks.render import below, tree

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOTS = ROOT / "tests" / "snapshots"
PRODUCTS = {
    "table": ("weather-dev", "observations"),
    "dashboard": ("flights-dev", "departures"),
    "dask-model": ("flights-dev", "delay-model"),
    "spark-batch": ("flights-dev", "route-stats"),
    "external": ("sales-dev", "erp"),
}
OUTSIDE = Path(__file__).with_name("outside")
"""A domain whose products stand outside the mesh: the example mesh has none."""
VALUES: dict[str, dict[str, Any]] = {
    "local": {"dataDirectory": "/data"},
    "aws": {"region": "eu-west-1", "registry": "registry.example.org"},
    "azure": {"region": "westeurope", "registry": "example.azurecr.io/mesh"},
    "docker": {"dataDirectory": "/data", "registry": "registry.example.org"},
    "kubernetes": {"registry": "registry.example.org"},
}


def rendered(template: str, target: str) -> str:
    stack, product = PRODUCTS[template]
    domain = Domain(stack, stacks=OUTSIDE) if template == "external" else Domain(stack)
    graph = Program(domain, {"target": target, **VALUES[target]}).recorded()
    return tree(below(graph, product), {str(ROOT): "<project>", sys.executable: "python"})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("template", PRODUCTS)
def test_graph(template: str, target: str) -> None:
    file, text = SNAPSHOTS / f"{template}.{target}.txt", rendered(template, target)
    if os.environ.get("MESH_SNAPSHOTS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_no_secret_and_no_path_of_this_machine_is_in_a_snapshot(target: str) -> None:
    for file in SNAPSHOTS.glob(f"*.{target}.txt"):
        text = file.read_text(encoding="utf-8")
        for word in (str(ROOT), f"{Path.home()}/", "site-packages", sys.executable):
            assert word not in text, file.name


def test_every_snapshot_is_of_a_template_and_a_target() -> None:
    wanted = {f"{template}.{target}.txt" for template in PRODUCTS for target in TARGETS}
    assert {file.name for file in SNAPSHOTS.iterdir()} == wanted
