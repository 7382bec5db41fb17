"""What a manifest relies on is looked up before anything is created; a mistake has its place and how to mend it."""

from __future__ import annotations

import pytest

from tests.conftest import MESH, LittleMesh
from tests.stacks.conftest import INPUT

SHOWN = """\
apiVersion: meshwright/v1
kind: Template
name: shown
version: 1.0.0
description: Dashboards alone
components:
  bi: {type: Superset, reads: {}, dashboards: "${product.dashboards}", folder: "${product.folder}"}
outputs:
  dashboard: {type: http, from: "${bi.dashboard}"}
"""


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("weathr/observations/tables", "there is no domain `weathr`"),
        ("weather/observation/tables", "domain `weather` has no product `observation`"),
        ("weather/observations/table", "weather/observations offers no port `table`"),
    ],
)
def test_an_input_that_is_not_there_names_the_near_one(shop: LittleMesh, reference: str, sentence: str) -> None:
    shop.product("sales/score", INPUT.replace("weather/observations/tables", reference), template="script")
    said = shop.mistake("sales-dev")
    assert sentence in said
    assert "stacks/sales/score.yaml:9" in said
    assert "did you mean" in said


def test_a_port_without_a_grant_names_the_lines_to_add(shop: LittleMesh) -> None:
    shop.table("weather/observations")
    said = shop.mistake("sales-dev")
    assert "weather/observations/tables is not granted to sales/score" in said
    assert "stacks/weather/observations.yaml" in said
    assert "- {to: sales/score, port: tables, until: 2027-11-25}" in said


def test_a_grant_that_ended_says_when(shop: LittleMesh) -> None:
    shop.table("weather/observations", "grants: [{to: sales/score, port: tables, until: 2026-11-24}]\n")
    assert "the grant of weather/observations/tables to sales/score ended on 2026-11-24" in shop.mistake("sales-dev")


def test_a_grant_holds_through_its_last_day(shop: LittleMesh) -> None:
    shop.table("weather/observations", "grants: [{to: sales/score, port: tables, until: 2026-11-25}]\n")
    assert shop.domain("sales-dev").products


def test_a_product_that_reads_itself_is_a_circle(shop: LittleMesh) -> None:
    shop.table("sales/orders", "inputPorts: [{name: me, from: sales/orders/tables}]\n")
    said = "stacks/sales/orders.yaml:10: products read each other in a circle: sales/orders -> sales/orders"
    assert shop.mistake("sales-dev") == said


def test_a_product_that_cannot_be_read_is_told_in_its_own_file(shop: LittleMesh) -> None:
    shop.write("stacks/weather/observations.yaml", "name: [\n")
    assert shop.mistake("sales-dev").startswith("stacks/weather/observations.yaml:2: YAML syntax error")


def test_a_mistake_in_the_producers_template_is_told_there(shop: LittleMesh) -> None:
    shop.product("weather/observations", "grants: [{to: sales/score, port: tables, until: 2027-01-01}]\n", template="x")
    assert shop.mistake("sales-dev").startswith("stacks/weather/observations.yaml:8: there is no template `x`")


def test_the_missing_grants_hint_goes_in_as_it_stands(shop: LittleMesh) -> None:
    file = shop.table("weather/observations")
    line = shop.mistakes("sales-dev")[0].hint.splitlines()[-1].strip()
    file.write_text(file.read_text() + f"grants:\n  {line}\n")
    assert shop.domain("sales-dev").products


def test_a_grant_of_another_port_or_to_another_product_opens_nothing(shop: LittleMesh) -> None:
    more = "outputPorts: [{name: tables}, {name: days, from: tables}]\n"
    for grant in (
        "{to: sales/score, port: days, until: 2027-01-01}",
        "{to: sales/orders, port: tables, until: 2027-01-01}",
    ):
        shop.table("weather/observations", f"{more}grants: [{grant}]\n")
        assert "weather/observations/tables is not granted to sales/score" in shop.mistake("sales-dev")


def test_one_reads_ones_own_domain_without_a_grant(little: LittleMesh) -> None:
    little.table("sales/orders")
    little.table("sales/more", "inputPorts: [{name: orders, from: sales/orders/tables}]\n")
    assert [planned.name for planned in little.domain("sales-dev").products] == ["orders", "more"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("sources: [{name: data, file: gone.csv}]\n", "9: there is no file gone.csv"),
        ("sources: [{name: data, file: '*.parquet'}]\n", "9: there is no file *.parquet"),
        ("sources: [{name: data, file: ''}]\n", "9: there is no file ``"),
        ("sources: [{name: data, file: /etc/hosts}]\n", "9: /etc/hosts is not relative to orders/"),
        ("outputPorts: [{name: all}]\n", "9: template `table` offers no port `all`"),
        ("outputPorts: [{name: all, from: tabels}]\n", "9: template `table` offers no port `tabels`"),
        ("outputPorts: [{name: tables, contract: gone.yaml}]\n", "9: there is no file gone.yaml"),
        ("outputPorts: [{name: tables, contract: bad.yaml}]\n", "orders/bad.yaml:1: `schema` is missing"),
        ("outputPorts: [{name: tables, contract: wrong.yaml}]\n", "orders/wrong.yaml:3: unknown field"),
        ("grants: [{to: a/b, port: table, until: 2027-01-01}]\n", "9: there is no port `table`"),
        ("dashboards: [sales]\n", "9: template `table` has no use for `dashboards`"),
        ("implementations: {}\n", ""),
    ],
)
def test_what_a_manifest_relies_on(shop: LittleMesh, more: str, sentence: str) -> None:
    shop.write("stacks/sales/orders/bad.yaml", "kind: DataContract\n")
    shop.write("stacks/sales/orders/wrong.yaml", "schema:\n  - name: data\n    columns: []\n")
    shop.product("sales/orders", more)
    if not sentence:
        assert shop.domain("sales-dev").products
        return
    said = [error.text() for error in shop.mistakes("sales-dev")]
    assert any(sentence in text for text in said)
    assert all(text.startswith("stacks/sales/orders") for text in said)


def test_a_dashboard_folder_that_is_missing(little: LittleMesh) -> None:
    little.write("templates/shown.yaml", SHOWN)
    little.product("sales/orders", "dashboards: [dashboards/daily]\n", template="shown")
    assert little.mistake("sales-dev") == "stacks/sales/orders.yaml:9: there is no dashboard folder dashboards/daily"
    little.write("stacks/sales/orders/dashboards/daily/metadata.yaml", "")
    assert little.domain("sales-dev").products


def test_tables_narrow_a_port_of_tables_only(shop: LittleMesh) -> None:
    more = INPUT + "outputPorts: [{name: objects, tables: [a]}]\n"
    shop.product("sales/score", more, template="script")
    assert shop.mistake("sales-dev") == "stacks/sales/score.yaml:11: `tables` narrows a port of type sql, not s3"


def test_a_source_reads_a_port_of_tables(shop: LittleMesh) -> None:
    shop.write("stacks/sales/first/score.py", "")
    shop.product("sales/first", "parameters: {script: score.py}\n", template="script")
    more = "inputPorts: [{name: first, from: sales/first/objects}]\nsources: [{name: data, port: first, table: a}]\n"
    shop.product("sales/orders", more)
    assert shop.mistake("sales-dev") == "stacks/sales/orders.yaml:10: a source reads a port of type sql; `first` is s3"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            INPUT.replace("name: weather", "name: results"),
            ":9: input port `results` and component `results` of template `script` would both be named `results`",
        ),
        (
            INPUT.replace("name: weather", "name: tables-sales"),
            ":9: input port `tables-sales` and the domain's own right on `tables` would both be named `tables-sales`",
        ),
        (
            INPUT.replace("}]", "}, {name: weather-secret, from: sales/orders/tables}]"),
            ":9: input port `weather-secret` and input port `weather` would both be named `weather-secret`",
        ),
        (
            INPUT + "grants:\n  - {to: a/b-c, port: tables, until: 2027-01-01}\n"
            "  - {to: a-b/c, port: tables, until: 2027-01-01}\n",
            ":13: the grant of `tables` to a-b/c and the grant of `tables` to a/b-c would both be named `tables-a-b-c`",
        ),
    ],
)
def test_two_things_of_a_product_have_two_names(shop: LittleMesh, more: str, sentence: str) -> None:
    shop.product("sales/score", more, template="script")
    assert shop.mistake("sales-dev") == f"stacks/sales/score.yaml{sentence}"


def test_a_budget_without_a_currency_is_in_dollars(shop: LittleMesh) -> None:
    shop.write("stacks/mesh.yaml", MESH.replace("tenant: acme", "tenant: acme\ncurrency: EUR"))
    shop.table("sales/orders", "budget:\n  monthly: 5\n")
    assert shop.mistake("sales-dev").startswith("stacks/sales/orders.yaml:10: the budget is in USD, the mesh counts in")
    shop.table("sales/orders", "budget: {monthly: 5, currency: EUR}\n")
    assert shop.domain("sales-dev").products
