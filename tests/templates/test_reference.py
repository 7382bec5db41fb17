"""References: what they stand for, and what an argument becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from components.errors import UserError
from components.port import Port
from components.primitives import Schedule, Size
from templates.model import ProductView
from templates.reference import argument, follow, has_reference, needed, references

WEATHER = Port(protocol="sql", address={"host": "db"})
VIEW = ProductView(
    name="orders", domain="sales", environment="dev", folder="/f", schema="orders", inputs={"weather": WEATHER}
)
MADE: dict[str, Any] = {
    "parameters": {"size": "small", "packages": ["a==1"], "storage": 5, "cron": "0 5 * * *"},
    "product": VIEW,
}


def test_references_are_found_in_all_that_is_written() -> None:
    written = {"a": "${x.y}", "b": ["${z}", {"c": "of ${p.q} and ${r}"}], "d": 5}
    assert sorted(references(written)) == ["p.q", "r", "x.y", "z"]
    assert not has_reference({"a": ["plain", 5, None]})


@pytest.mark.parametrize(
    ("value", "kind", "becomes"),
    [
        ("${parameters.size}", Size, "small"),
        ("${parameters.packages}", tuple[str, ...], ("a==1",)),
        ("${product.inputs.weather}", Port, WEATHER),
        ("${product.inputs}", Mapping[str, Port], {"weather": WEATHER}),
        ("${product.schedule}", Schedule | None, None),
        ("of-${product.name}-${parameters.storage}", str, "of-orders-5"),
        (["${product.name}", "plain"], tuple[str, ...], ("orders", "plain")),
        ({"w": "${product.inputs.weather}"}, Mapping[str, Port], {"w": WEATHER}),
        ({"cron": "${parameters.cron}"}, Schedule | None, Schedule(cron="0 5 * * *")),
        ({"cron": "0 5 * * *"}, Schedule, Schedule(cron="0 5 * * *")),
        (5, float, 5.0),
    ],
)
def test_an_argument(value: Any, kind: Any, becomes: Any) -> None:
    made = argument(value, kind, MADE)
    assert made == becomes
    assert type(made) is type(becomes)


def test_a_name_that_is_missing_only_now_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="finds no `wether`") as caught:
        follow("product.inputs.wether", MADE)
    assert caught.value.hint == "did you mean `weather`?"
    with pytest.raises(UserError, match=r"`parameters.storage`: 5 stands where a text is needed"):
        argument("${parameters.storage}", str, MADE)


def test_what_must_be_given() -> None:
    assert [field.name for field in needed(Schedule)] == ["cron"]
    assert {field.name for field in needed(ProductView)} >= {"name", "inputs"}
