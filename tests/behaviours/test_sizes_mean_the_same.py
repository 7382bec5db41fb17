"""A size means the same vCPU and memory on every target."""

from __future__ import annotations

from components.primitives import SIZES
from tests.behaviours.containers import containers
from tests.behaviours.graphs import values
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph


def test_it(target: str, little: LittleMesh) -> None:
    graph = Graph(little, values(target))
    for size, capacity in SIZES.items():
        made = [each for each in graph.service(size=size) if each.name.endswith("--extra")]
        found = [part for part in containers(made) if part.name != "files"]
        assert found
        assert {(part.cpu, part.memory) for part in found} == {(capacity.cpu, capacity.memory)}
