"""Every rule keeps its own fixtures, names itself once and never shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.document import page
from policies.rule import Resource, Rule, all_rules, collect

CANARY = "canary"
ROOT = Path(__file__).resolve().parents[2]


def fixtures(kind: str) -> list[object]:
    return [
        pytest.param(rule, resource, id=f"{rule.id}-{number}")
        for rule in all_rules()
        for number, resource in enumerate(getattr(rule, kind), start=1)
    ]


@pytest.mark.parametrize(("rule", "resource"), fixtures("passes"))
def test_passes(rule: Rule, resource: Resource) -> None:
    assert rule.covers(resource.type)
    assert rule.judge(resource) is None


@pytest.mark.parametrize(("rule", "resource"), fixtures("fails"))
def test_fails_without_showing_a_secret(rule: Rule, resource: Resource) -> None:
    assert rule.covers(resource.type)
    finding = rule.judge(resource)
    assert finding is not None
    assert finding.outcome == "fail"
    assert finding.message.startswith(f"{rule.id} {rule.name}: {rule.what}")
    assert rule.fix in finding.message
    assert CANARY not in finding.message.lower()


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_rule_has_both_kinds_of_fixtures(rule: Rule) -> None:
    assert rule.passes and rule.fails and rule.fix and rule.reads


def test_ids_and_names_are_unique() -> None:
    rules = all_rules()
    assert len({rule.id for rule in rules}) == len({rule.name for rule in rules}) == len(rules) > 12
    twin = Rule(
        **{**{name: getattr(rules[0], name) for name in Rule.__dataclass_fields__}, "name": "quite-another-name"}
    )
    with pytest.raises(ValueError, match=f"Two rules are called `{rules[0].id}`"):
        collect([*rules, twin])


def test_page_names_every_rule() -> None:
    text = page(all_rules())
    for rule in all_rules():
        assert f"## {rule.id} {rule.name}\n" in text


def test_committed_page_is_the_generated_one() -> None:
    committed = ROOT / "docs" / "rules.md"
    if not committed.exists():
        pytest.skip("docs/rules.md is not made yet: python -m policies.document > docs/rules.md")
    assert committed.read_text(encoding="utf-8") == page(all_rules())
