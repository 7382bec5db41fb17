"""A cloud resource that is there already becomes part of a product."""

from __future__ import annotations

from typing import Any

import pytest

from components.errors import Refused
from stacks.program import Program
from stacks.recording import Recorded
from stacks.render import tree
from tests.conftest import LittleMesh
from tests.stacks.test_snapshots import VALUES

SERVER = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/sales-dev"
    "/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders-production"
)


def graph(little: LittleMesh, target: str, lines: str, template: str = "table") -> list[Recorded]:
    little.table("sales/orders", lines)
    values: dict[str, Any] = {"target": target, **VALUES[target]}
    return Program(little.domain("sales-dev"), values).recorded()


def adopted(resources: list[Recorded]) -> dict[str, str]:
    return {made.type: made.adopts for made in resources if made.adopts}


def test_a_database_on_aws_keeps_its_name(little: LittleMesh) -> None:
    made = graph(little, "aws", "import: {warehouse: orders-production}\n")
    assert adopted(made) == {"aws:rds/instance:Instance": "orders-production"}
    (instance,) = [each for each in made if each.adopts]
    assert instance.inputs["identifier"] == "orders-production"
    assert "(takes over orders-production)" in tree(made)


def test_a_bucket_on_aws_keeps_its_name(little: LittleMesh) -> None:
    little.write("stacks/sales/files/work.py", "")
    little.product("sales/files", "parameters: {script: work.py}\nimport: {files: sales-archive}\n", template="script")
    made = Program(little.domain("sales-dev"), {"target": "aws", **VALUES["aws"]}).recorded()
    assert adopted(made) == {"aws:s3/bucket:Bucket": "sales-archive"}
    (bucket,) = [each for each in made if each.adopts]
    assert (bucket.inputs["bucket"], "bucketPrefix" in bucket.inputs) == ("sales-archive", False)


def test_a_server_on_azure_keeps_its_name(little: LittleMesh) -> None:
    made = graph(little, "azure", f"import: {{warehouse: {SERVER}}}\n")
    assert adopted(made) == {"azure-native:dbforpostgresql:Server": SERVER}
    (server,) = [each for each in made if each.adopts]
    assert server.inputs["serverName"] == "orders-production"


def test_without_it_nothing_is_taken_over(little: LittleMesh) -> None:
    assert adopted(graph(little, "aws", "")) == {}


@pytest.mark.parametrize(
    ("target", "lines", "said"),
    [
        ("aws", "import: {warehous: x}\n", "there is no component `warehous`"),
        ("aws", "import: {load: x}\n", "target aws takes over no Ingest that is there already"),
        ("local", "import: {warehouse: x}\n", "target local takes over no Database that is there already"),
    ],
)
def test_what_can_not_be_taken_over_is_refused_at_its_line(
    little: LittleMesh, target: str, lines: str, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        graph(little, target, lines)
    assert said in str(refused.value)
    assert "stacks/sales/orders.yaml:10" in str(refused.value)
