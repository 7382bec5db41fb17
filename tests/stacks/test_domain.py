"""What is wrong between products is found before anything is created, each with its place and how to mend it."""

from __future__ import annotations

import pytest

from components.errors import UserError
from tests.conftest import LittleMesh

INPUT = "inputPorts: [{name: weather, from: weather/observations/tables}]\nparameters: {script: score.py}\n"


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
