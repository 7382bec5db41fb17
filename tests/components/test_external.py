"""What is outside the mesh, declared as a product and read like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import Refused
from stacks.program import Program
from stacks.recording import Recorded
from tests.conftest import LittleMesh

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "external.yaml"
WAREHOUSE = """\
parameters:
  database: {host: db.example.org, database: erp, schema: sales, tables: [orders], user: reader, password: erp-login}
outputPorts: [{name: orders, from: tables}]
"""
STATUS = "parameters: {page: {url: 'https://status.example.org/api'}}\noutputPorts: [{name: api, from: page}]\n"


@pytest.fixture
def mesh(little: LittleMesh) -> LittleMesh:
    """A mesh with the template `external`, and a secret in the stack's configuration."""
    little.write("templates/external.yaml", TEMPLATE.read_text(encoding="utf-8"))
    secret = "config:\n  meshwright:target: local\n  meshwright:erp-login: {secure: v1:abc}\n"
    little.write("stacks/Pulumi.sales-dev.yaml", secret)
    return little


def graph(mesh: LittleMesh, stack: str = "sales-dev") -> list[Recorded]:
    return [made for made in Program(mesh.domain(stack), {"target": "local"}).recorded() if made.custom]


def named(resources: list[Recorded], end: str) -> dict[str, Any]:
    (found,) = [resource for resource in resources if resource.name.endswith(end)]
    return found.inputs


def test_a_database_makes_its_secret_and_nothing_else(mesh: LittleMesh) -> None:
    mesh.product("sales/erp", WAREHOUSE, template="external")
    made = [resource for resource in graph(mesh) if resource.name.startswith("erp")]
    assert [resource.type.rpartition(":")[2] for resource in made] == ["SecretValue"]
    assert made[0].inputs["value"] == "(secret)"


def test_it_is_read_like_any_other_port(mesh: LittleMesh) -> None:
    mesh.product("sales/erp", WAREHOUSE, template="external")
    read = "inputPorts: [{name: erp, from: sales/erp/orders}]\nsources: [{name: orders, port: erp, table: orders}]\n"
    mesh.product("sales/report", read)
    run = named(graph(mesh), "report--load--run")
    found = {key.removeprefix("ERP_"): value for key, value in run["variables"].items() if key.startswith("ERP_")}
    assert found == {
        "PROTOCOL": "sql",
        "HOST": "db.example.org",
        "PORT": "5432",
        "DATABASE": "erp",
        "SCHEMA": "sales",
        "TABLES": "orders",
        "USER": "reader",
    }
    assert "ERP_PASSWORD" in run["secrets"]


def test_a_page_without_a_login_brings_no_credentials_to_another_domain(mesh: LittleMesh) -> None:
    grant = "grants: [{to: ops/watch, port: api, until: 2027-01-01}]\n"
    mesh.product("sales/status", STATUS + grant, template="external")
    mesh.write("stacks/ops/watch/watch.py", "")
    read = "parameters: {script: watch.py}\ninputPorts: [{name: status, from: sales/status/api}]\n"
    mesh.product("ops/watch", read, template="script")
    run = named(graph(mesh, "ops-dev"), "watch--work--run")
    assert run["variables"]["STATUS_PROTOCOL"] == "http"
    assert not [key for key in (*run["variables"], *run["secrets"]) if key in ("STATUS_USER", "STATUS_PASSWORD")]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("database: {host: h, database: d, user: u, password: other}", "the secret `other` is missing"),
        ("database: {host: h, database: d, user: u, password: target}", "the secret `target` stands in the config"),
        ("bucket: {endpoint: 'https://s', bucket: b, user: u, password: erp-login}", "`tables` of the template"),
    ],
)
def test_what_can_not_be_offered_is_refused_before_anything_is_made(
    mesh: LittleMesh, parameters: str, said: str
) -> None:
    more = f"parameters:\n  {parameters}\noutputPorts: [{{name: orders, from: tables}}]\n"
    mesh.product("sales/erp", more, template="external")
    with pytest.raises(Refused) as refused:
        graph(mesh)
    assert said in str(refused.value)
    assert "stacks/sales/erp.yaml:8" in str(refused.value)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("service: {url: 'https://me:word@host', user: u, password: p}", "`url` holds a login"),
        ("page: {url: 'ftp://host'}", "`url` is an address like https://host"),
        ("database: {host: h, port: 0, database: d, user: u, password: p}", "`port` is between 1 and 65535"),
        ("database: {hots: h, database: d, user: u, password: p}", "has no `hots`; did you mean `host`?"),
        ("database: {host: h, database: d, user: u}", "ExternalDatabase lacks `password`"),
        ("database: {host: h, port: x, database: d, user: u, password: p}", "`port`: 'x' stands where a whole number"),
    ],
)
def test_a_mistake_is_told_with_its_line(mesh: LittleMesh, parameters: str, said: str) -> None:
    mesh.product("sales/erp", f"parameters:\n  {parameters}\n", template="external")
    mistake = mesh.mistake("sales-dev")
    assert said in mistake
    assert "stacks/sales/erp.yaml:10" in mistake
