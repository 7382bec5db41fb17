"""A service has one instance, and up to `maximum` of them while they are busy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.behaviours.graphs import values
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph

LIMITS = ("maxReplicas", "maxCapacity")


def test_it(target: str, little: LittleMesh) -> None:
    graph = Graph(little, values(target))
    alone, growing = (graph.service(maximum=maximum) for maximum in (1, 5))
    assert {limit for each in alone for limit in limits(each.inputs)} <= {1}
    assert 5 in {limit for each in growing for limit in limits(each.inputs)}


def limits(value: Any) -> Iterator[int]:
    """Every limit of instances, at any depth."""
    for key, item in value.items() if isinstance(value, dict) else ():
        if key in LIMITS:
            yield item
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from limits(item)
