"""What is wrong between products is found before anything is created, each with its place and how to mend it."""

from __future__ import annotations

import pytest

from components.errors import Refused, UserError
from components.targets import Target, load
from stacks.domain import domains, stack_config
from tests.conftest import LittleMesh

INPUT = "inputPorts: [{name: weather, from: weather/observations/tables}]\nparameters: {script: score.py}\n"


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


@pytest.fixture
def shop(little: LittleMesh) -> LittleMesh:
    """sales/orders stands; sales/score reads weather/observations, which is granted."""
    little.table("sales/orders")
    little.table("weather/observations", "grants: [{to: sales/score, port: tables, until: 2027-01-01}]\n")
    little.write("stacks/sales/score/score.py", "")
    little.product("sales/score", INPUT, template="script")
    return little


def test_a_sound_domain_is_planned_in_order(shop: LittleMesh) -> None:
    shop.product(
        "sales/first",
        "inputPorts: [{name: orders, from: sales/orders/tables}]\nparameters: {script: score.py}\n",
        template="script",
    )
    shop.write("stacks/sales/first/score.py", "")
    names = [planned.name for planned in shop.domain("sales-dev").products]
    assert names.index("orders") < names.index("first")
    assert shop.domain("sales-dev").inputs_of() == {"weather"}


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


def test_a_circle_between_domains_is_named(shop: LittleMesh) -> None:
    shop.write("stacks/weather/observations/score.py", "")
    shop.product(
        "weather/observations",
        "inputPorts: [{name: score, from: sales/score/tables}]\nparameters: {script: score.py}\n"
        "grants: [{to: sales/score, port: tables, until: 2027-01-01}]\n",
        template="script",
    )
    said = "\n".join(error.text() for error in shop.mistakes("sales-dev"))
    assert "products read each other in a circle: " in said
    assert "sales/score -> weather/observations" in said or "weather/observations -> sales/score" in said


def test_all_mistakes_of_all_manifests_are_told_at_once(shop: LittleMesh) -> None:
    shop.product("sales/orders", "sources: [{name: data, file: gone.csv}]\nparameters: {sise: small}\n")
    shop.product("sales/score", INPUT.replace("observations", "rain"), template="script")
    said = [error.text() for error in shop.mistakes("sales-dev")]
    assert len(said) == 3
    assert any("there is no file gone.csv" in text for text in said)
    assert any("has no parameter `sise`" in text and "did you mean `size`?" in text for text in said)
    assert any("has no product `rain`" in text for text in said)
    assert all(".yaml:" in text for text in said)


def test_a_stack_is_named_after_its_domain_and_environment(shop: LittleMesh) -> None:
    for stack in ("sales", "sales-test", "dev"):
        with pytest.raises(UserError, match="is not named <domain>-<environment>"):
            shop.domain(stack)
    with pytest.raises(UserError, match="there is no domain `sale`"):
        shop.domain("sale-dev")


def test_a_stack_name_is_checked_against_the_lines_of_the_mesh_file(shop: LittleMesh) -> None:
    assert shop.mistake("sales-test") == (
        "stacks/mesh.yaml:5: stack `sales-test` is not named <domain>-<environment>\n  hint: environments: dev, prod"
    )


def test_a_product_that_reads_itself_is_a_circle(shop: LittleMesh) -> None:
    shop.table("sales/orders", "inputPorts: [{name: me, from: sales/orders/tables}]\n")
    said = "stacks/sales/orders.yaml:10: products read each other in a circle: sales/orders -> sales/orders"
    assert shop.mistake("sales-dev") == said


def test_each_product_of_a_circle_in_a_domain_is_told_its_way(little: LittleMesh) -> None:
    for name, reads in (("a", "b"), ("b", "c"), ("c", "a"), ("outside", "a")):
        little.table(f"sales/{name}", f"inputPorts: [{{name: other, from: sales/{reads}/tables}}]\n")
    assert [error.text() for error in little.mistakes("sales-dev")] == [
        "stacks/sales/a.yaml:10: products read each other in a circle: sales/a -> sales/b -> sales/c -> sales/a",
        "stacks/sales/b.yaml:10: products read each other in a circle: sales/b -> sales/c -> sales/a -> sales/b",
        "stacks/sales/c.yaml:10: products read each other in a circle: sales/c -> sales/a -> sales/b -> sales/c",
    ]


def test_a_circle_elsewhere_does_not_hide_ones_own(little: LittleMesh) -> None:
    grants = "grants: [{to: sales/a, port: tables, until: 2027-01-01}]\n"
    little.table("weather/x", "inputPorts: [{name: y, from: weather/y/tables}]\n" + grants)
    little.table("weather/y", "inputPorts: [{name: x, from: weather/x/tables}]\n")
    reads = "inputPorts: [{name: x, from: weather/x/tables}, {name: b, from: sales/b/tables}]\n"
    little.table("sales/a", reads)
    little.table("sales/b", "inputPorts: [{name: a, from: sales/a/tables}]\n")
    said = [error.what for error in little.mistakes("sales-dev")]
    assert said == [
        "products read each other in a circle: sales/a -> sales/b -> sales/a",
        "products read each other in a circle: sales/b -> sales/a -> sales/b",
    ]


def test_domains_that_read_each_other_by_different_products_are_refused(shop: LittleMesh) -> None:
    shop.table("sales/orders", "grants: [{to: weather/demand, port: tables, until: 2027-01-01}]\n")
    shop.table("weather/demand", "inputPorts: [{name: orders, from: sales/orders/tables}]\n")
    assert "stacks/sales/score.yaml:9: domains read each other in a circle: sales -> weather -> sales" in shop.mistake(
        "sales-dev"
    )
    assert "domains read each other in a circle: weather -> sales -> weather" in shop.mistake("weather-dev")


def test_two_products_of_one_name(shop: LittleMesh) -> None:
    text = (shop.stacks / "sales" / "orders.yaml").read_text()
    shop.write("stacks/sales/purchases.yaml", text.replace("sources:", "# sources:"))
    assert shop.mistake("sales-dev") == (
        "stacks/sales/purchases.yaml:3: product `orders` stands in orders.yaml already"
    )


def test_a_broken_manifest_does_not_hide_what_is_wrong_with_others(shop: LittleMesh) -> None:
    shop.write("stacks/sales/broken.yaml", "name: [\n")
    shop.product("sales/orders", "parameters: {sise: small}\n")
    shop.product("sales/other", template="tabel")
    assert [error.what for error in shop.mistakes("sales-dev")] == [
        "YAML syntax error: did not find expected node content",
        "template `table` has no parameter `sise`",
        "there is no template `tabel`",
    ]


def test_a_product_that_cannot_be_read_is_told_in_its_own_file(shop: LittleMesh) -> None:
    shop.write("stacks/weather/observations.yaml", "name: [\n")
    assert shop.mistake("sales-dev").startswith("stacks/weather/observations.yaml:2: YAML syntax error")


def test_mistakes_of_what_is_not_read_stay_where_they_are(shop: LittleMesh) -> None:
    shop.write("stacks/weather/broken.yaml", "name: [\n")
    shop.write("stacks/finance/broken.yaml", "name: [\n")
    assert len(shop.domain("sales-dev").products) == 2


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


@pytest.mark.parametrize("domain", ["Sales", "sales_eu", "a-domain-of-twenty-five-xy"])
def test_a_domain_has_a_legal_name(little: LittleMesh, domain: str) -> None:
    little.table(f"{domain}/orders")
    assert f"stacks/{domain}: `{domain}` is no legal name of a domain" in little.mistake(f"{domain}-dev")


def test_a_manifest_with_another_ending_is_told(shop: LittleMesh) -> None:
    shop.write("stacks/sales/refunds.yml", "")
    assert shop.mistake("sales-dev") == "stacks/sales/refunds.yml: a manifest's name ends in .yaml"


def test_a_contract_beside_a_manifest_is_no_manifest(little: LittleMesh) -> None:
    little.write("stacks/sales/data.csv", "id\n1\n")
    text = "schema: [{name: data, properties: [{name: id, logicalType: integer}]}]\n"
    little.write("stacks/sales/orders.odcs.yaml", text)
    ports = "outputPorts: [{name: tables, contract: orders.odcs.yaml}]\n"
    little.product("sales/orders", "sources: [{name: data, file: data.csv}]\n" + ports)
    (planned,) = little.domain("sales-dev").products
    assert [table.name for table in planned.contracts["tables"]] == ["data"]
    assert [column.name for column in planned.view("dev", {}).contract[0].properties] == ["id"]


def test_what_a_product_offers(shop: LittleMesh) -> None:
    shop.product("sales/score", INPUT + "outputPorts: [{name: scores, from: tables, tables: [a]}]\n", template="script")
    planned = {product.name: product for product in shop.domain("sales-dev").products}
    assert set(planned["orders"].offers) == {"tables"}
    assert set(planned["score"].offers) == {"scores"}
    offer = planned["score"].offers["scores"]
    assert (offer.output, offer.protocol, offer.tables) == ("tables", "sql", ("a",))
    assert planned["score"].parameters == {"script": "score.py", "storage": 20}
    assert planned["score"].view("dev", {}).schema == "score"
    assert planned["score"].tags("dev").as_map()["cost-centre"] == "sales-1"


def test_checking_writes_nothing(shop: LittleMesh) -> None:
    before = sorted(shop.root.rglob("*"))
    shop.domain("sales-dev")
    shop.product("sales/orders", "parameters: {sise: small}\n")
    shop.mistakes("sales-dev")
    assert sorted(shop.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("config:\n  meshwright:target: local\n  aws:region: eu\n", {"target": "local"}),
        ("config:\n  meshwright:token: {secure: v1:abc}\n", {}),
        ("encryptionsalt: v1:abc\n", {}),
        ("config:\n", {}),
        ("", {}),
    ],
)
def test_a_stack_file(little: LittleMesh, text: str, values: dict[str, str]) -> None:
    little.write("stacks/Pulumi.sales-dev.yaml", text)
    assert stack_config("sales-dev", little.stacks) == values
    assert stack_config("sales-prod", little.stacks) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a\n", "stacks/Pulumi.sales-dev.yaml:1: the file holds no mapping of names to values"),
        ("encryptionsalt: a\nconfig: [a]\n", "stacks/Pulumi.sales-dev.yaml:2: `config` holds no mapping"),
        ("config: {\n", "stacks/Pulumi.sales-dev.yaml:2: YAML syntax error"),
    ],
)
def test_a_wrong_stack_file(little: LittleMesh, text: str, sentence: str) -> None:
    little.write("stacks/Pulumi.sales-dev.yaml", text)
    with pytest.raises(Refused) as caught:
        stack_config("sales-dev", little.stacks)
    assert str(caught.value).startswith(sentence)


def test_domains_are_the_folders_that_hold_manifests(shop: LittleMesh) -> None:
    (shop.stacks / "empty").mkdir()
    shop.write("stacks/papers/orders.odcs.yaml", "")
    assert domains(shop.stacks) == ["sales", "weather"]


def test_what_a_target_lacks_is_told_with_the_manifest(shop: LittleMesh) -> None:
    class Bare(Target):
        """Builds nothing."""

        name = "bare"

    domain = shop.domain("sales-dev")
    with pytest.raises(Refused) as caught:
        domain.check_target(Bare(domain.settings({})))
    said = str(caught.value)
    assert "stacks/sales/orders.yaml:8: Database `warehouse` of template table needs Database, which bare lacks" in said
    assert "Ingest `load` of template table needs Secret, which bare lacks" in said


def test_an_implementation_of_no_component(shop: LittleMesh) -> None:
    shop.table("sales/orders", "implementations: {warehuose: rds_instance}\n")
    domain = shop.domain("sales-dev")
    with pytest.raises(
        Refused, match=r"orders.yaml:10: there is no component `warehuose`\n  hint: did you mean `warehouse`"
    ):
        domain.check_target(load("local")(domain.settings({"target": "local"})))


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
