"""Faults that a platform team promises to stop, each by the gates that must stop it and by the same rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.example.running import Running
from tests.example.sales import copy_without_products, product, stack
from tests.planted.mesh import FAULTS, planted

pytestmark = pytest.mark.processes

TABLE = "template: table@1\nsources: [{name: data, file: data.csv}]\n"


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What `mesh check` finds in a mesh with all faults."""
    made = planted(tmp_path_factory.mktemp("planted"))
    done = made.mesh("check", "--json", check=False)
    assert done.returncode == 1, done.stderr
    assert "canary-4711" not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert not report["mistakes"]
    found: list[dict[str, Any]] = report["findings"]
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_the_check_refuses_a_planted_resource(findings: list[dict[str, Any]], name: str) -> None:
    fault = FAULTS[name]
    own = [found for found in findings if found["product"] == f"{name}/fault" and found["level"] == "mandatory"]
    assert fault.rule in {found["rule"] for found in own}, own
    (found,) = [found for found in own if found["rule"] == fault.rule and found["resource"] == "fault--raw--it"] or [
        found for found in own if found["rule"] == fault.rule
    ][:1]
    assert (found["file"], found["stack"]) == (f"stacks/{name}/fault.yaml", f"{name}-{fault.environment}")
    assert found["line"] >= 1


def check(running: Running) -> dict[str, dict[str, Any]]:
    """What stops, by product and rule."""
    report = json.loads(running.mesh("check", "--json", check=False).stdout)
    return {f"{one['product']} {one['rule']}": one for one in report["findings"] if one["level"] == "mandatory"}


@pytest.fixture
def empty(tmp_path: Path) -> Running:
    made = copy_without_products(tmp_path)
    stack(made, "sales", "target: local", "region: eu-west-1")
    return made


def test_a_missing_owner(empty: Running) -> None:
    product(empty, "sales/orders", TABLE, data_csv="id\n1\n")
    empty.edit("stacks/sales/orders.yaml", "owner: tests@example.org", "owner: tbd")
    assert "sales/orders GOV-09" in check(empty)


def test_ten_times_the_size_over_budget(empty: Running) -> None:
    product(empty, "sales/orders", TABLE, data_csv="id\n1\n")
    assert "sales/orders COST-02" not in check(empty)
    empty.edit("stacks/sales/orders.yaml", "template: table@1\n", "template: table@1\nparameters: {size: large}\n")
    empty.edit("stacks/sales/orders.yaml", "monthly: 100", "monthly: 20")
    assert "sales/orders COST-02" in check(empty)


def test_personal_data_of_europe_in_america_through_two_products(empty: Running) -> None:
    marked = (
        "outputPorts: [{name: tables, schema: [{name: data, properties: "
        "[{name: id, logicalType: integer, personalData: true}]}]}]\n"
        "personalData: {purpose: billing, lawfulBasis: contract, retentionDays: 30}\n"
    )
    read = "template: table@1\ninputPorts: [{name: source, from: %s}]\n"
    read += "sources: [{name: data, port: source, table: data}]\n"
    grant = "grants: [{to: usa/board, port: tables, until: 2099-01-01}]\n"
    product(empty, "sales/customers", TABLE + marked, data_csv="id\n1\n")
    product(empty, "sales/churn", read % "sales/customers/tables" + grant)
    stack(empty, "usa", "target: local", "region: us-east-1")
    product(empty, "usa/board", read % "sales/churn/tables")
    found = check(empty)["usa/board PII-01"]
    assert "sales/customers (eu-west-1) -> sales/churn (eu-west-1) -> usa/board (us-east-1)" in found["what"]


def test_an_expired_waiver(empty: Running) -> None:
    product(empty, "sales/orders", TABLE, data_csv="id\n1\n")
    empty.edit("stacks/sales/orders.yaml", "monthly: 100", "monthly: 1")
    waiver = (
        "waivers:\n  - {rule: COST-02, product: sales/orders, reason: a trial, owner: a@example.org, "
        "approvedBy: b@example.org, ticket: T-1, approved: 2020-01-01, expires: %s}\n"
    )
    (empty.root / "policies" / "waivers.yaml").write_text(waiver % "2020-06-01")
    assert "sales/orders COST-02" in check(empty)
