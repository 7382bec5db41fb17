"""A domain as a whole: the order of its products, circles, all mistakes at once, stack files, what a target lacks."""

from __future__ import annotations

import pytest

from components.errors import Refused, UserError
from components.targets import Target, load
from stacks.domain import domains, stack_config
from tests.conftest import LittleMesh
from tests.stacks.conftest import INPUT


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


def test_mistakes_of_what_is_not_read_stay_where_they_are(shop: LittleMesh) -> None:
    shop.write("stacks/weather/broken.yaml", "name: [\n")
    shop.write("stacks/finance/broken.yaml", "name: [\n")
    assert len(shop.domain("sales-dev").products) == 2


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
