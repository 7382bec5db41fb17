"""waivers.yaml is read strictly, holds until its last day, and never for more than it says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policies import levels
from policies.rule import Finding, Resource, Rule, Severity
from policies.strict_yaml import StrictError
from policies.waivers import FILE, Waivers, current, product_of

WHOLE = """\
waivers:
- rule: COST-01
  resource: churn--warehouse*
  environment: dev
  reason: Load test of the autumn campaign
  owner: sales@example.org
  approvedBy: platform@example.org
  ticket: OPS-123
  approved: 2026-11-25
  expires: 2027-02-28
"""
WITHOUT_ENVIRONMENT = WHOLE.replace("  environment: dev\n", "")
CRITICAL = WITHOUT_ENVIRONMENT.replace("COST-01", "PUB-01")
DAY = date(2026, 12, 1)


def rule(number: str, severity: Severity) -> Rule:
    return Rule(
        id=number,
        name=f"test-{number.lower()}",
        severity=severity,
        what="It is wrong",
        fix="Put it right.",
        reads=("*",),
        violated=lambda _: True,
        passes=(),
        fails=(),
    )


RULES = (rule("COST-01", "high"), rule("COST-02", "high"), rule("PUB-01", "critical"))


def read(folder: Path, text: str, section: str = "") -> Waivers:
    file, who = folder / "waivers.yaml", folder / "levels.yaml"
    file.write_text(text, encoding="utf-8")
    who.write_text(levels.FILE.read_text(encoding="utf-8").partition("\nwaivers:")[0] + section, encoding="utf-8")
    return current(file, RULES, levels.current(), who)


def finding(
    name: str = "churn--warehouse",
    environment: str = "dev",
    domain: str = "sales",
    rule: Rule = RULES[0],
    tags: dict[str, str] | None = None,
) -> Finding:
    urn = f"urn:pulumi:{domain}-{environment}::meshwright::mesh:index:Process::{name}" if domain else ""
    made = Resource(type="mesh:index:Process", props={"tags": tags or {}}, name=name, urn=urn, environment=environment)
    return Finding(rule=rule, resource=made, outcome="fail")


def test_the_committed_file_is_good() -> None:
    assert current().file == FILE


def test_all_fields_are_kept(tmp_path: Path) -> None:
    (waiver,) = read(tmp_path, WHOLE).every
    assert (waiver.rule, waiver.resource, waiver.product, waiver.environment) == (
        "COST-01",
        "churn--warehouse*",
        "",
        "dev",
    )
    assert (waiver.approved_by, waiver.ticket, waiver.line) == ("platform@example.org", "OPS-123", 2)
    assert str(waiver) == "waived until 2027-02-28 by sales@example.org: Load test of the autumn campaign"


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("rule: COST-01", "rule: COST-1", 2, "`COST-1` is not known; known are COST-01, COST-02, PUB-01"),
        ("  ticket: OPS-123\n", "", 2, "`ticket` is missing"),
        ("  approvedBy: platform@example.org\n", "", 2, "`approvedBy` is missing"),
        ("  expires: 2027-02-28\n", "", 2, "`expires` is missing"),
        ("  reason:", "  raeson:", 5, "`raeson` is not known here"),
        ("  reason: Load test of the autumn campaign", "  reason: ''", 5, "a word is expected"),
        ("  reason: Load test of the autumn campaign", "  reason: ~", 5, "a word is expected"),
        ("  reason: Load test of the autumn campaign", "  reason: [a]", 5, "a word is expected"),
        ("  ticket: OPS-123", "  ticket: OPS-123\n  ticket: OPS-124", 9, "`ticket` is given twice"),
        ("  environment: dev", "  environment: dve", 4, "`dve` is not known; known are dev, prod, sandbox, test"),
        ("owner: sales@example.org", "owner: sales", 6, "`sales` is no e-mail address"),
        ("approvedBy: platform@example.org", "approvedBy: the platform@example.org", 7, "is no e-mail address"),
        ("2027-02-28", "2027-02-30", 10, "`2027-02-30` is no date"),
        ("2027-02-28", "20270228", 10, "`20270228` is no date"),
        ("2027-02-28", "2027-W09-1", 10, "`2027-W09-1` is no date"),
        ("2027-02-28", "never", 10, "`never` is no date"),
        ("2027-02-28", "2027-05-25", 10, "between `approved` and 180 days later, 2027-05-24"),
        ("2027-02-28", "2026-11-24", 10, "`expires` lies between `approved`"),
        ("2026-11-25", "soon", 9, "`soon` is no date"),
        ("  resource: churn--warehouse*\n", "", 2, "either `resource` or `product`"),
        ("  environment: dev", "  environment: dev\n  product: sales/churn", 2, "either `resource` or `product`"),
        ("resource: churn--warehouse*", 'resource: "*"', 3, "`*` matches everything"),
        ("resource: churn--warehouse*", 'resource: "?*--*"', 3, "matches everything"),
        ("resource: churn--warehouse*", "product: sales/*", 3, "`sales/*` is no product"),
        ("resource: churn--warehouse*", "product: churn", 3, "`churn` is no product"),
        ("resource: churn--warehouse*", "product: sales/churn/bi", 3, "is no product"),
        ("waivers:", "waiver:", 1, "`waiver` is not known here; known are waivers"),
        ("waivers:\n", "waivers:\n- COST-02\n", 2, "a map is expected here"),
        (WHOLE, "waivers: {}\n", 1, "a list is expected here"),
        (WHOLE, "waivers:\n", 1, "a list is expected here"),
        (WHOLE, "", 1, "the file is empty"),
        (WHOLE, "{}\n", 1, "`waivers` is missing"),
        (WHOLE, "waivers: [\n", 2, "expected"),
        (WHOLE, "waivers: \x07\n", 1, "characters that YAML does not allow"),
        (WHOLE, WHOLE + WHOLE.partition("\n")[2].replace("2027-02-28", "2027-01-31"), 11, "waived in line 2"),
    ],
)
def test_a_mistake_stops_with_its_line(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    assert old in WHOLE
    with pytest.raises(StrictError) as error:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert str(error.value).startswith(f"{tmp_path / 'waivers.yaml'}:{line}: ")
    assert sentence in str(error.value)


def test_a_rule_among_many_is_told_by_those_like_it(tmp_path: Path) -> None:
    (tmp_path / "waivers.yaml").write_text(WHOLE.replace("COST-01", "COTS-01"), encoding="utf-8")
    with pytest.raises(StrictError, match=r":2: `COTS-01` is not known; did you mean COST-01"):
        current(tmp_path / "waivers.yaml")


def test_a_file_that_is_not_there_or_no_text_is_no_permission(tmp_path: Path) -> None:
    with pytest.raises(StrictError, match="can't be read: No such file"):
        current(tmp_path / "waivers.yaml")
    (tmp_path / "waivers.yaml").write_bytes(b"waivers: [] # \xff\n")
    with pytest.raises(StrictError, match="no UTF-8 text"):
        current(tmp_path / "waivers.yaml")


@pytest.mark.parametrize(
    ("today", "holds", "lapsed"),
    [
        (date(2026, 11, 24), False, False),
        (date(2026, 11, 25), True, False),
        (date(2027, 2, 28), True, False),
        (date(2027, 3, 1), False, True),
    ],
)
def test_it_holds_from_approval_to_its_last_day(tmp_path: Path, today: date, holds: bool, lapsed: bool) -> None:
    waivers = read(tmp_path, WHOLE)
    assert (waivers.of(finding(), today) is not None) is holds
    assert (waivers.lapsed(finding(), today) is not None) is lapsed
    assert waivers.unused() == ()


def test_180_days_are_the_most(tmp_path: Path) -> None:
    assert len(read(tmp_path, WHOLE.replace("2027-02-28", "2027-05-24")).every) == 1


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (finding(), True),
        (finding("churn--warehouse-reader"), True),
        (finding("churn--bi"), False),
        (finding("CHURN--warehouse"), False),
        (finding("recent-churn--warehouse"), False),
        (finding(environment="test"), False),
        (finding(environment=""), False),
        (finding(rule=RULES[1]), False),
    ],
)
def test_it_covers_what_its_glob_and_environment_say(tmp_path: Path, found: Finding, holds: bool) -> None:
    waivers = read(tmp_path, WHOLE)
    assert (waivers.of(found, DAY) is not None) is holds
    assert (waivers.unused() == ()) is holds


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (finding("churn"), True),
        (finding("churn--warehouse--server"), True),
        (finding("churn--warehouse", domain="sales", environment="test"), True),
        (finding("churn-late--warehouse"), False),
        (finding(domain="flights"), False),
        # Tags are written by hand: they don't move a resource into another product.
        (finding("other--bi", tags={"domain": "sales", "product": "churn"}), False),
        (finding("churn--bi", domain="flights", tags={"domain": "sales", "product": "churn"}), False),
        (finding("anything", domain="", tags={"domain": "sales", "product": "churn"}), True),
        (finding("anything", domain=""), False),
    ],
)
def test_it_covers_a_whole_product(tmp_path: Path, found: Finding, holds: bool) -> None:
    waivers = read(tmp_path, WITHOUT_ENVIRONMENT.replace("resource: churn--warehouse*", "product: sales/churn"))
    assert (waivers.of(found, DAY) is not None) is holds


def test_product_of_a_domain_with_a_dash() -> None:
    assert product_of(finding("churn--bi", domain="north-sales").resource) == "north-sales/churn"


@pytest.mark.parametrize(
    ("section", "environment", "approved_by", "sentence"),
    [
        ("", "dev", "platform@example.org", ""),
        ("", "prod", "platform@example.org", "in prod it is waived by nobody"),
        ("", "", "platform@example.org", "in prod it is waived by nobody (levels.yaml, `waivers`); name an"),
        ("waivers: {critical: {prod: [ciso@example.org]}}", "prod", "ciso@example.org", ""),
        ("waivers: {critical: {prod: [ciso@example.org]}}", "", "ciso@example.org", ""),
        ("waivers: {critical: {prod: [ciso@example.org]}}", "prod", "platform@example.org", "by ciso@example.org ("),
        ("waivers: {critical: {prod: [ciso@example.org]}}", "", "platform@example.org", "in prod"),
        ("waivers: {critical: {test: [qa@example.org]}}", "test", "platform@example.org", "in test"),
        ("waivers: {critical: {test: [qa@example.org]}}", "prod", "qa@example.org", "in prod it is waived by nobody"),
        ("waivers: {high: {prod: []}}", "prod", "platform@example.org", "in prod it is waived by nobody"),
    ],
)
def test_who_may_waive_a_critical_rule(
    tmp_path: Path, section: str, environment: str, approved_by: str, sentence: str
) -> None:
    text = CRITICAL.replace("platform@example.org", approved_by)
    if environment:
        text = text.replace("  reason:", f"  environment: {environment}\n  reason:")
    if not sentence:
        (waiver,) = read(tmp_path, text, section).every
        assert waiver.environment == environment
        return
    with pytest.raises(StrictError, match=r"waivers\.yaml:2: PUB-01 is critical: ") as error:
        read(tmp_path, text, section)
    assert sentence in str(error.value)


def test_levels_may_keep_a_high_rule_in_prod_too(tmp_path: Path) -> None:
    with pytest.raises(StrictError, match=r"COST-01 is high: in prod it is waived by ciso@example\.org"):
        read(tmp_path, WITHOUT_ENVIRONMENT, "waivers: {high: {prod: [ciso@example.org]}}")


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("waivers: {kritical: {prod: []}}", "`kritical` is not known"),
        ("waivers: {critical: {prdo: []}}", "`prdo` is not known"),
        ("waivers: {critical: {prod: anyone}}", "a list is expected"),
        ('waivers: {critical: {prod: ["*"]}}', "`*` is no e-mail address"),
        ("waivers: [critical]", "a map is expected"),
    ],
)
def test_a_mistake_in_who_may_stops(tmp_path: Path, section: str, sentence: str) -> None:
    with pytest.raises(StrictError) as error:
        read(tmp_path, "waivers: []\n", section)
    assert "levels.yaml:" in str(error.value)
    assert sentence in str(error.value)


def test_what_matched_nothing_is_unused_also_over_several_processes(tmp_path: Path) -> None:
    other = WHOLE.partition("\n")[2].replace("COST-01", "COST-02")
    waivers, elsewhere = read(tmp_path, WHOLE + other), read(tmp_path, WHOLE + other)
    assert [waiver.rule for waiver in waivers.unused()] == ["COST-01", "COST-02"]
    waivers.of(finding(), DAY)
    assert [waiver.rule for waiver in waivers.unused()] == ["COST-02"]
    elsewhere.of(finding(rule=RULES[1]), DAY)
    waivers.matched |= elsewhere.matched
    assert waivers.unused() == ()
    assert [waiver.rule for waiver in waivers.naming("COST-02")] == ["COST-02"]
