"""Budgets of domains and environments: read strictly, dated, and what counts towards them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policies.budgets import read, summed
from policies.strict_yaml import StrictError

TODAY = date(2026, 11, 25)
LINE = "{domain: sales, environment: prod, monthly: 500, currency: USD, approvedBy: a@example.org, until: 2026-11-25}"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "budgets.yaml"
    file.write_text("budgets:\n" + "".join(f"  - {line}\n" for line in lines))
    return file


def test_a_budget_covers_its_domain_in_its_environment(tmp_path: Path) -> None:
    (budget,) = read(written(tmp_path, LINE))
    assert (budget.name, budget.line) == ("domain sales in environment prod", 2)
    assert budget.covers("sales", "prod")
    assert not budget.covers("sales", "dev")
    assert not budget.covers("ops", "prod")


def test_one_without_a_domain_covers_all_of_them(tmp_path: Path) -> None:
    (budget,) = read(written(tmp_path, LINE.replace("domain: sales, ", "")))
    assert budget.name == "environment prod"
    assert budget.covers("ops", "prod")


def test_the_last_day_counts(tmp_path: Path) -> None:
    (budget,) = read(written(tmp_path, LINE))
    assert summed(budget, 1, "USD", TODAY).props["expired"] is False
    assert summed(budget, 1, "USD", date(2026, 11, 26)).props["expired"] is True


def test_no_file_is_no_budget(tmp_path: Path) -> None:
    assert read(tmp_path / "budgets.yaml") == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((LINE.replace("monthly: 500", "monthly: lots"),), "2: `lots` is no amount"),
        ((LINE.replace("monthly: 500", "monthly: .inf"),), "2: `.inf` is no amount"),
        ((LINE.replace("currency: USD", "currency: GBP"),), "2: `GBP` is not known"),
        ((LINE.replace("until: 2026-11-25", "until: soon"),), "2: `soon` is no date"),
        ((LINE.replace(", approvedBy: a@example.org", ""),), "2: `approvedBy` is missing"),
        ((LINE.replace("domain: sales, environment: prod, ", ""),), "2: a budget names a `domain`"),
        ((LINE.replace("domain", "doman"),), "2: `doman` is not known here"),
        ((LINE, LINE), "3: the same stands in line 2"),
    ],
)
def test_a_mistake_stops_with_its_line(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(StrictError, match=r"budgets\.yaml:") as caught:
        read(written(tmp_path, *lines))
    assert f"budgets.yaml:{said}" in str(caught.value)
