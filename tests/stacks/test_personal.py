"""Personal data: by which products it goes, where it stops, and what policies are told of it."""

from __future__ import annotations

import pytest

from stacks.program import Program
from tests.conftest import LittleMesh

MARKED = "{name: data, properties: [{name: id, logicalType: integer, personalData: true}]}"
PLAIN = "{name: data, properties: [{name: id, logicalType: integer}]}"
SECTION = "personalData: {purpose: billing, lawfulBasis: contract, retentionDays: 30}\n"


def port(schema: str = "", removed: str = "", name: str = "tables") -> str:
    """An output port called `name`, with a contract, and how personal data was removed."""
    lines = f"  - name: {name}\n    from: tables\n"
    lines += f"    schema: [{schema}]\n" if schema else ""
    return lines + (f"    personalData: {removed}\n" if removed else "")


def reads(name: str, output: str = "tables") -> str:
    """Lines by which a product reads one."""
    return (
        f"inputPorts: [{{name: source, from: {name}/{output}}}]\nsources: [{{name: data, port: source, table: data}}]\n"
    )


def grant(*consumers: str) -> str:
    return "grants: [" + ", ".join(f"{{to: {to}, port: tables, until: 2027-01-01}}" for to in consumers) + "]\n"


def ways(mesh: LittleMesh, stack: str, product: str) -> list[str]:
    """`a/b -> c/d` for each way on which personal data reached a product."""
    domain = mesh.domain(stack)
    (planned,) = [each for each in domain.products if each.name == product]
    return [" -> ".join(way) for way in domain.personal.ways(planned.written)]


@pytest.fixture
def mesh(little: LittleMesh) -> LittleMesh:
    """sales/customers holds personal data; sales/churn reads it; ops/board reads that."""
    little.table("sales/customers", "outputPorts:\n" + port(MARKED))
    little.product("sales/churn", reads("sales/customers") + grant("ops/board"))
    little.product("ops/board", reads("sales/churn"))
    return little


def test_a_marked_column_is_where_it_begins(mesh: LittleMesh) -> None:
    assert ways(mesh, "sales-dev", "customers") == ["sales/customers"]


def test_it_goes_along_with_all_that_read_it(mesh: LittleMesh) -> None:
    assert ways(mesh, "sales-dev", "churn") == ["sales/customers -> sales/churn"]
    assert ways(mesh, "ops-dev", "board") == ["sales/customers -> sales/churn -> ops/board"]


@pytest.mark.parametrize("how", ["aggregated", "masked", "dropped"])
def test_a_port_that_says_how_it_was_removed_ends_the_way(mesh: LittleMesh, how: str) -> None:
    mesh.product("sales/churn", reads("sales/customers") + grant("ops/board") + "outputPorts:\n" + port("", how))
    assert ways(mesh, "sales-dev", "churn") == ["sales/customers -> sales/churn"], "it still holds what it read"
    assert ways(mesh, "ops-dev", "board") == []


def test_a_contract_without_a_mark_does_not_remove_what_was_read(mesh: LittleMesh) -> None:
    mesh.product("sales/churn", reads("sales/customers") + grant("ops/board") + "outputPorts:\n" + port(PLAIN))
    assert ways(mesh, "ops-dev", "board") == ["sales/customers -> sales/churn -> ops/board"]


def test_a_products_own_data_leaves_by_marked_ports_alone(mesh: LittleMesh) -> None:
    both = "outputPorts:\n" + port(MARKED) + port(PLAIN, name="plain")
    mesh.table("sales/customers", both)
    mesh.product("sales/churn", reads("sales/customers", "plain"))
    assert ways(mesh, "sales-dev", "churn") == []


def test_a_product_may_say_it_without_a_contract(little: LittleMesh) -> None:
    little.table("sales/customers", SECTION)
    little.product("sales/churn", reads("sales/customers"))
    assert ways(little, "sales-dev", "churn") == ["sales/customers -> sales/churn"]


def test_two_origins_are_two_ways_and_two_roads_from_one_are_one(mesh: LittleMesh) -> None:
    mesh.table("sales/leads", "outputPorts:\n" + port(MARKED))
    mesh.product(
        "sales/all",
        "inputPorts:\n"
        + "".join(f"  - {{name: {name}, from: sales/{name}/tables}}\n" for name in ("customers", "churn", "leads"))
        + "sources: [{name: data, port: leads, table: data}]\n",
    )
    assert ways(mesh, "sales-dev", "all") == ["sales/customers -> sales/all", "sales/leads -> sales/all"]


def test_policies_are_told_the_section_and_each_place(mesh: LittleMesh) -> None:
    for stack, region in (("sales-dev", "eu-west-1"), ("ops-dev", "us-east-1")):
        mesh.write(f"stacks/Pulumi.{stack}.yaml", f"config:\n  meshwright:region: {region}\n")
    mesh.product("ops/board", reads("sales/churn") + SECTION)
    graph = Program(mesh.domain("ops-dev"), {"target": "local", "region": "eu-central-1"}).recorded()
    (product,) = [made for made in graph if made.type == "mesh:data:Product"]
    assert product.inputs["personalData"] == {
        "purpose": "billing",
        "lawfulBasis": "contract",
        "retentionDays": 30,
        "masked": False,
        "ways": [
            [
                {"product": "sales/customers", "place": "eu-west-1"},
                {"product": "sales/churn", "place": "eu-west-1"},
                {"product": "ops/board", "place": "eu-central-1"},
            ]
        ],
    }


def test_a_product_without_any_says_nothing(little: LittleMesh) -> None:
    little.table("sales/orders")
    graph = Program(little.domain("sales-dev"), {"target": "local"}).recorded()
    (product,) = [made for made in graph if made.type == "mesh:data:Product"]
    assert "personalData" not in product.inputs


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("personalData: {lawfulBasis: contrct}\n", "lawfulBasis"),
        ("personalData: {retentionDays: 0}\n", "retentionDays"),
        ("outputPorts:\n" + port("", "removed"), "aggregated"),
    ],
)
def test_what_is_no_such_thing_is_refused(little: LittleMesh, more: str, said: str) -> None:
    little.table("sales/orders", more)
    assert said in little.mistake("sales-dev")
