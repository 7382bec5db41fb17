"""Unknown values, broken rules, levels by environment, waivers, and that a rule runs once a resource."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from policies.dispatch import Dispatcher
from policies.levels import Level, Levels, current
from policies.rule import UNKNOWN, Resource, Rule, Severity, all_rules, example
from policies.unknown import UndeterminedError, guarded
from policies.waivers import Waiver, Waivers

THING = "mesh:index:Process"


def rule(violated: Callable[[Resource], bool | str | None], severity: Severity = "high", number: int = 1) -> Rule:
    return Rule(
        id=f"TST-{number:02}",
        name=f"test-{number}",
        severity=severity,
        what="It is wrong",
        fix="Put it right.",
        reads=(THING,),
        violated=violated,
        passes=(),
        fails=(),
    )


def dispatcher(*rules: Rule) -> Dispatcher:
    return Dispatcher(rules=rules, levels=current())


def boom(resource: Resource) -> bool:
    raise RuntimeError(f"no good: {resource.props['secrets']['PASSWORD']}")


@pytest.mark.parametrize(
    "touch",
    [
        lambda value: value["a"] is True,
        lambda value: value.get("a") is None,
        lambda value: [item for item in value.values() if item == "x"],
        lambda value: value["list"][1] is True,
        lambda value: [item for item in value["list"] if item == "x"],
        lambda value: bool(UNKNOWN),
        lambda value: UNKNOWN == "x",  # type: ignore[comparison-overlap]
        lambda value: f"{UNKNOWN}",
    ],
)
def test_touching_an_unknown_is_undetermined(touch: Callable[[Any], Any]) -> None:
    with pytest.raises(UndeterminedError):
        touch(guarded({"a": UNKNOWN, "b": "known", "list": ["known", UNKNOWN]}))


def test_a_tree_without_unknowns_stays_plain() -> None:
    tree = guarded({"a": {"b": [1, {"c": 2}]}})
    assert type(tree) is type(tree["a"]) is type(tree["a"]["b"][1]) is dict
    assert type(tree["a"]["b"]) is list


def test_a_sure_fault_is_found_beside_an_unknown_value() -> None:
    secret = next(rule for rule in all_rules() if rule.id == "SEC-02")
    finding = secret.judge(example(THING, {"variables": {"A": UNKNOWN, "B_PASSWORD": "canary-7f3a"}}))
    assert finding is not None
    assert finding.outcome == "fail"
    finding = secret.judge(example(THING, {"variables": {"A": UNKNOWN, "B": "x"}}))
    assert finding is not None
    assert (finding.outcome, finding.detail) == ("unknown", "variables.A")


@pytest.mark.parametrize(
    ("severity", "preview", "place"),
    [
        ("critical", True, "deferred"),
        ("low", True, "deferred"),
        ("critical", False, "mandatory"),
        ("high", False, "mandatory"),
        ("medium", False, "advisory"),
    ],
)
def test_unknown_waits_in_preview_and_fails_closed_in_up(severity: Severity, preview: bool, place: str) -> None:
    judge = dispatcher(rule(lambda r: r.props["a"] == "x", severity))
    verdict = judge.judge(example(THING, {"a": UNKNOWN}), preview)
    assert len(getattr(verdict, place)) == 1
    assert sum(map(len, (verdict.mandatory, verdict.advisory, verdict.deferred))) == 1
    assert ("TST-01 (1)" in judge.deferral()) is preview


@pytest.mark.parametrize(("severity", "place"), [("critical", "mandatory"), ("high", "advisory"), ("low", "advisory")])
def test_a_rule_that_raises_is_its_own_error_and_the_others_run(severity: Severity, place: str) -> None:
    judge = dispatcher(rule(boom, severity), rule(lambda _: "as it is", number=2))
    verdict = judge.judge(example(THING, {"secrets": {"PASSWORD": "canary-7f3a"}}), preview=False)
    broken = next(finding for finding in getattr(verdict, place) if finding.rule.id == "TST-01")
    assert broken.outcome == "error"
    assert "RuntimeError at test_dispatch.py:" in broken.message
    assert "canary" not in broken.message
    assert "TST-02" in {finding.rule.id for finding in verdict.mandatory}


def test_a_detail_that_quotes_a_secret_is_masked() -> None:
    quoting = rule(lambda r: f"it is {r.props['secrets']['PASSWORD']} at {r.props['url']}")
    props = {"secrets": {"PASSWORD": "canary-7f3a"}, "url": "https://a:canary-9b@example.org", "other": UNKNOWN}
    finding = quoting.judge(example(THING, props))
    assert finding is not None
    assert "canary" not in finding.message
    assert "it is *** at ***" in finding.message


def test_levels_by_severity_and_environment() -> None:
    rows: dict[str, dict[Severity, Level]] = {
        "default": {"critical": "mandatory", "high": "mandatory", "medium": "advisory", "low": "advisory"},
        "sandbox": {"low": "disabled"},
        "prod": {"medium": "mandatory"},
    }
    levels = Levels(rows=rows, caps={"default": 1.0}, currency="USD")
    medium, low = rule(lambda _: True, "medium"), rule(lambda _: True, "low", number=2)
    judge = Dispatcher(rules=(medium, low), levels=levels)

    def found(environment: str) -> tuple[int, int]:
        verdict = judge.judge(example(THING, {}, environment=environment), preview=False)
        return len(verdict.mandatory), len(verdict.advisory)

    assert (found("prod"), found("sandbox"), found("elsewhere")) == ((1, 1), (0, 1), (0, 2))


def test_rules_are_found_by_type_and_run_once() -> None:
    calls: list[str] = []
    counting = rule(lambda r: bool(calls.append(r.urn)))  # type: ignore[func-returns-value]
    judge = dispatcher(*(counting if n == 0 else rule(lambda _: False, number=n + 1) for n in range(30)))
    for number in range(2000):
        judge.judge(Resource(type=THING, props={}, urn=f"urn{number}"), preview=False)
    judge.judge(Resource(type="other:index:Thing", props={}, urn="never"), preview=False)
    assert len(calls) == len(set(calls)) == 2000


WAIVER = Waiver(
    rule="TST-01",
    resource="orders--*",
    product="",
    environment="",
    reason="It moves next month",
    owner="sales@example.org",
    approved_by="platform@example.org",
    ticket="OPS-1",
    approved=date(2026, 11, 1),
    expires=date(2026, 11, 30),
    line=1,
)


@pytest.mark.parametrize(
    ("name", "props", "preview", "today", "place"),
    [
        ("orders--bi", {"a": "x"}, False, date(2026, 11, 30), "waived"),
        ("orders--bi", {"a": "x"}, True, date(2026, 11, 30), "waived"),
        ("orders--bi", {"a": UNKNOWN}, False, date(2026, 11, 30), "waived"),
        ("orders--bi", {"a": UNKNOWN}, True, date(2026, 11, 30), "deferred"),
        ("orders--bi", {}, False, date(2026, 11, 30), "waived"),
        ("orders--bi", {"a": "x"}, False, date(2026, 12, 1), "mandatory"),
        ("orders--bi", {"a": "x"}, False, date(2026, 10, 31), "mandatory"),
        ("returns--bi", {"a": "x"}, False, date(2026, 11, 30), "mandatory"),
    ],
)
def test_a_waiver_sets_a_finding_apart_while_it_holds(
    name: str, props: dict[str, Any], preview: bool, today: date, place: str
) -> None:
    waivers = Waivers(every=(WAIVER,))
    judge = Dispatcher(
        rules=(rule(lambda r: r.props["a"] == "x", "critical"),), levels=current(), waivers=waivers, today=today
    )
    verdict = judge.judge(Resource(type=THING, props=guarded(props), name=name, environment="dev"), preview)
    assert [each for each in ("mandatory", "advisory", "deferred", "waived") if getattr(verdict, each)] == [place]
    if place == "waived":
        assert verdict.waived[0][1] is WAIVER
    assert waivers.unused() == ((WAIVER,) if name == "returns--bi" else ())


def test_without_a_day_no_waiver_holds() -> None:
    judge = Dispatcher(rules=(rule(lambda _: True),), levels=current(), waivers=Waivers(every=(WAIVER,)))
    verdict = judge.judge(Resource(type=THING, props={}, name="orders--bi"), preview=False)
    assert verdict.mandatory and not verdict.waived
