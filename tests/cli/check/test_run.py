"""What a check says of little meshes: findings with their lines, mistakes, money; the same on one core and on two."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from cli.check import run
from cli.check.report import Report
from cli.check.run import Checker
from policies import levels
from policies.dispatch import Dispatcher
from policies.rule import Rule, all_rules, example
from tests.conftest import TODAY, LittleMesh

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
    assert 0 < product.monthly == round(sum(amount for _, amount in product.lines), 2) < 200
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
    monkeypatch.setattr(run.os, "cpu_count", lambda: 2)
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
