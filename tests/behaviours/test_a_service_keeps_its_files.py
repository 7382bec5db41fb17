"""A service that names its data directory has it again after a restart."""

from __future__ import annotations

from components.errors import UserError
from tests.behaviours.graphs import values
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph

KEEPING = (":Volume", ":PersistentVolumeClaim", ":FileSystem", ":Process")
"""What outlives a container; a process of this machine keeps its folder."""


def test_it(target: str, little: LittleMesh) -> None:
    try:
        made = Graph(little, values(target)).kept()
    except UserError as refused:
        raise AssertionError("it is refused") from refused
    assert [each.name for each in made if each.type.endswith(KEEPING)]
