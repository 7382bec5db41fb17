"""Rules over the product that our own program declares, as the engine would show it to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.rule import Resource, all_rules
from policies.unknown import guarded
from stacks.program import Program
from tests.conftest import LittleMesh

CONTRACT = "outputPorts: [{name: tables, schema: [{name: data, properties: [{name: id, logicalType: integer}]}]}]\n"


def found(little: LittleMesh, stack: str) -> set[str]:
    """Ids of the rules that `sales/orders` breaks."""
    values = {"target": "local", "dataDirectory": str(Path.cwd() / "data")}
    graph = Program(little.domain(stack), values).recorded()
    product = next(recorded for recorded in graph if recorded.type == "mesh:data:Product")
    environment = stack.rpartition("-")[2]
    seen = Resource(type=product.type, props=guarded(product.inputs), name=product.name, environment=environment)
    return {rule.id for rule in all_rules() if rule.covers(seen.type) and rule.judge(seen)}


@pytest.mark.parametrize(
    ("more", "stack", "fires"), [("", "prod", True), ("", "dev", False), (CONTRACT, "prod", False)]
)
def test_a_port_of_tables_has_a_contract_in_prod(little: LittleMesh, more: str, stack: str, fires: bool) -> None:
    little.table("sales/orders", more)
    assert ("GOV-10" in found(little, f"sales-{stack}")) is fires
