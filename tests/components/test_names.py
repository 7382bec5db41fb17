"""Physical names: short enough, and still apart."""

from __future__ import annotations

import pytest

from components.names import ID, shortened, slug

LONG = "a-name-of-thirty-eight-characters-long--warehouse--reader"


@pytest.mark.parametrize("name", ["a", "orders", "delay-model", "a1-2b", "x9"])
def test_legal_ids(name: str) -> None:
    assert ID.fullmatch(name)


@pytest.mark.parametrize("name", ["", "Orders", "1a", "a_b", "a--b", "a-", "-a", "a.b", "ä", "a b", "a\n"])
def test_illegal_ids(name: str) -> None:
    assert not ID.fullmatch(name)


@pytest.mark.parametrize("limit", [8, 20, 32, 56])
def test_a_long_name_is_cut_to_its_limit(limit: int) -> None:
    cut = shortened(LONG, limit)
    assert len(cut) <= limit
    assert cut[-6:].isalnum() and cut[0] == "a"
    assert "--" not in cut[-8:], "what is cut leaves no separator behind"
    assert shortened(LONG, limit) == cut


def test_a_short_name_stays() -> None:
    assert shortened("orders", 6) == "orders"
    assert shortened(LONG, len(LONG)) == LONG


def test_what_is_cut_keeps_names_apart() -> None:
    names = {f"{LONG}-{number}" for number in range(1000)}
    assert len({shortened(name, 24) for name in names}) == len(names)


def test_the_separator_is_the_names_own() -> None:
    assert shortened("a_b" * 30, 20)[-7] == "_"
    assert shortened("a-b" * 30, 20)[-7] == "-"


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="7 characters leave no room"):
        shortened("orders-of-sales", 7)


def test_a_reader_in_a_resource_name() -> None:
    assert slug("flights/delay-model") == "flights-delay-model"
    assert slug("user:Ann@example.org") == "user-ann-example-org"
