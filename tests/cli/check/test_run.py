"""What a check says of little meshes: findings with their lines, mistakes, money; the same on one core and on two."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from cli.check import run
from cli.check.report import Report
from cli.check.run import Checker
from policies import levels, waivers
from policies.dispatch import Dispatcher
from policies.rule import Rule, all_rules, example
from tests.conftest import TODAY, LittleMesh

pytestmark = pytest.mark.processes

BUDGET = "budget: {monthly: 200, currency: USD}\n"


def checker(mesh: LittleMesh, *rules: Rule, only: dict[str, frozenset[str]] | None = None) -> Checker:
    """A check by all rules, or by some."""
    dispatcher = Dispatcher(rules=rules or all_rules(), levels=levels.current())
    return Checker(root=mesh.root, dispatcher=dispatcher, today=TODAY, only=only or {})


def stack(mesh: LittleMesh, domain: str, target: str = "local", *more: str) -> str:
    """Write a stack's file; its name."""
    lines = "".join(f"  meshwright:{setting}\n" for setting in (f"target: {target}", *more))
    mesh.write(f"stacks/Pulumi.{domain}-dev.yaml", f"config:\n{lines}")
    return f"{domain}-dev"


def rule(**changes: Any) -> Rule:
    """A rule of the test's own: every database is a fault."""
    given: dict[str, Any] = {
        "id": "TST-01",
        "name": "a-test",
        "severity": "high",
        "what": "There is a database",
        "fix": "Take it away.",
        "reads": ("mesh:data:Database",),
        "violated": lambda resource: True,
        "passes": (),
        "fails": (example("mesh:data:Database", {}),),
    }
    return Rule(**{**given, **changes})


def test_a_sound_product_has_no_finding_and_its_price(little: LittleMesh) -> None:
    little.table("sales/orders", BUDGET)
    report = checker(little).check([stack(little, "sales")])
    assert not report.mistakes
    assert not report.counted("mandatory")
    (product,) = report.products
    assert (product.name, product.target, product.file) == ("sales/orders", "local", "stacks/sales/orders.yaml")
    assert 0 < product.monthly < 200
    assert sum(amount for _, amount in product.lines) == pytest.approx(product.monthly, abs=0.02)  # rounded each
    assert (product.budget, product.unpriced) == (200, ())
    assert report.resources > 10


def test_over_budget_is_told_at_the_budgets_line(little: LittleMesh) -> None:
    little.table("sales/orders", "budget: {monthly: 0.5, currency: USD}\n")
    report = checker(little).check([stack(little, "sales")])
    (found,) = [found for found in report.findings if found.rule == "COST-02"]
    assert (found.level, found.product, found.file, found.line) == (
        "mandatory",
        "sales/orders",
        "stacks/sales/orders.yaml",
        10,
    )
    assert report.fails("")


def test_a_finding_without_a_field_of_its_own_points_at_the_template(little: LittleMesh) -> None:
    little.table("sales/orders", BUDGET)
    (found,) = checker(little, rule()).check([stack(little, "sales")]).findings
    assert (found.line, found.resource, found.type) == (8, "orders--warehouse", "mesh:data:Database")
    assert found.what == "There is a database"


def test_a_rule_that_breaks_is_told_and_the_others_still_run(little: LittleMesh) -> None:
    def broken(resource: Any) -> bool:
        raise RuntimeError(f"of {resource.name}: hunter2")

    little.table("sales/orders", BUDGET)
    rules = (rule(), rule(id="TST-02", name="broken-test", severity="critical", violated=broken))
    report = checker(little, *rules).check([stack(little, "sales")])
    said = {found.rule: found for found in report.findings}
    assert said["TST-01"].outcome == "fail"
    assert (said["TST-02"].outcome, said["TST-02"].level) == ("error", "mandatory")
    assert "hunter2" not in said["TST-02"].what


def test_a_mistake_of_one_domain_does_not_keep_the_others_from_being_checked(little: LittleMesh) -> None:
    little.table("sales/orders", "parameters: {sise: small}\n")
    little.table("ops/watch", BUDGET)
    names = [stack(little, "ops"), stack(little, "sales")]
    report = checker(little).check(names)
    assert [product.name for product in report.products] == ["ops/watch"]
    (mistake,) = report.mistakes
    assert (mistake.file, mistake.line) == ("stacks/sales/orders.yaml", 10)
    assert mistake.hint == "did you mean `size`?"


def test_what_products_share_points_at_the_stack_file(little: LittleMesh) -> None:
    little.table("sales/orders", BUDGET)
    shared = rule(reads=("mesh:index:Placement",))
    (found,) = checker(little, shared).check([stack(little, "sales")]).findings
    assert (found.product, found.file, found.line) == ("", "stacks/Pulumi.sales-dev.yaml", 1)


def test_a_limit_checks_these_products_with_what_they_read(little: LittleMesh) -> None:
    for name in ("orders", "other"):
        little.table(f"sales/{name}", BUDGET)
    read = "inputPorts: [{name: o, from: sales/orders/tables}]\nsources: [{name: data, port: o, table: data}]\n"
    little.product("sales/report", BUDGET + read)
    name = stack(little, "sales")
    whole = checker(little, rule()).check([name])
    part = checker(little, rule(), only={name: frozenset({"report"})}).check([name])
    assert [product.name for product in part.products] == ["sales/report"]
    assert part.findings == tuple(found for found in whole.findings if found.product == "sales/report")
    assert part.products == tuple(product for product in whole.products if product.name == "sales/report")


def test_two_processes_say_what_one_says(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for domain in ("a", "b", "c"):
        for product in ("one", "two"):
            little.table(f"{domain}/{product}", "budget: {monthly: 0.5, currency: USD}\n")
        names.append(stack(little, domain))
    little.table("c/broken", "parameters: {sise: small}\n")

    def comparable(report: Report) -> Report:
        return replace(report, mistakes=tuple(sorted(report.mistakes, key=str)))

    alone = checker(little).check(names)
    monkeypatch.setattr(run, "PARALLEL", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert comparable(checker(little).check(names)) == comparable(alone)
    assert alone.counted("mandatory") >= 4


def test_the_day_decides_over_grants(little: LittleMesh) -> None:
    little.table("sales/orders", BUDGET + "grants: [{to: ops/watch, port: tables, until: 2027-01-01}]\n")
    read = "inputPorts: [{name: o, from: sales/orders/tables}]\nsources: [{name: data, port: o, table: data}]\n"
    little.product("ops/watch", BUDGET + read)
    names = [stack(little, "sales"), stack(little, "ops")]
    assert not checker(little).check(names).mistakes
    late = replace(checker(little), today=datetime.date(2027, 1, 2)).check(names)
    assert "ended on 2027-01-01" in late.mistakes[0].what


BUDGETS = """\
budgets:
  - {{domain: sales, environment: dev, monthly: {0}, currency: USD, approvedBy: cfo@example.org, until: {1}}}
  - {{environment: dev, monthly: 1000, currency: USD, approvedBy: cfo@example.org, until: 2027-06-30}}
"""


@pytest.mark.parametrize(
    ("monthly", "until", "rules"),
    [("1000", "2027-01-31", []), ("1", "2027-01-31", ["COST-03"]), ("1000", "2026-11-24", ["COST-04"])],
)
def test_what_a_domain_costs_together_has_a_budget(
    little: LittleMesh, monthly: str, until: str, rules: list[str]
) -> None:
    little.table("sales/orders", BUDGET)
    little.table("sales/other", BUDGET)
    little.write("stacks/budgets.yaml", BUDGETS.format(monthly, until))
    report = checker(little).check([stack(little, "sales")])
    sums = [found for found in report.findings if found.rule in ("COST-03", "COST-04")]
    assert [found.rule for found in sums] == rules
    for found in sums:
        assert (found.resource, found.file, found.line) == ("domain sales in environment dev", "stacks/budgets.yaml", 2)
        assert found.level == "mandatory"


def test_a_part_of_the_mesh_is_not_held_against_the_budget_of_all(little: LittleMesh) -> None:
    little.table("sales/orders", BUDGET)
    little.write("stacks/budgets.yaml", BUDGETS.format(1, "2027-01-31"))
    name = stack(little, "sales")
    part = replace(checker(little), part=True).check([name])
    assert not [found for found in part.findings if found.rule == "COST-03"]


WAIVERS = """\
waivers:
  - rule: COST-02
    {}
    reason: a trial
    owner: a@example.org
    approvedBy: b@example.org
    ticket: T-1
    approved: 2026-11-01
    expires: 2026-11-30
"""


@pytest.mark.parametrize("cores", [1, 2])
def test_a_waived_finding_stops_nobody_and_one_that_matches_nothing_is_told(
    little: LittleMesh, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(run, "PARALLEL", 1)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    names = []
    for domain in ("sales", "ops"):
        little.table(f"{domain}/dear", "budget: {monthly: 0.5, currency: USD}\n")
        names.append(stack(little, domain))
    for product, waived, notes in (("sales/dear", 1, 0), ("sales/gone", 0, 1)):
        file = little.write("waivers.yaml", WAIVERS.format(f"product: {product}"))
        dispatcher = Dispatcher(all_rules(), levels.current(), waivers.current(file), TODAY)
        report = Checker(root=little.root, dispatcher=dispatcher, today=TODAY).check(names)
        assert report.counted("waived") == waived
        assert [found.waiver for found in report.findings if found.waiver] == [
            "waived until 2026-11-30 by a@example.org: a trial"
        ] * waived
        assert len(report.notes) == notes
