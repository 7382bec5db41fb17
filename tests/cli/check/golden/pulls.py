"""Six pull requests on a little mesh, each checked for real before and after; and reports made by hand for the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from cli.check.report import Checked, Found, Report
from cli.check.run import Checker
from policies import cost, governance, levels, ratecard
from policies.credentials import SECRET_VARIABLE
from policies.dispatch import Dispatcher
from tests.conftest import TODAY, LittleMesh

RULES = (cost.OVER_BUDGET, cost.UNPRICED, cost.MISSING_BUDGET, governance.UNOWNED_PRODUCT, SECRET_VARIABLE)
"""So that a new rule changes no golden file."""
PRICES = {"cpu": ("vCPU-hour", "0.04"), "memory": ("GiB-hour", "0.005"), "storage": ("GiB-month", "0.1")}
"""For `local` alone: what runs elsewhere has no price here."""
Step = Callable[[LittleMesh], object]


@contextmanager
def prices() -> Iterator[None]:
    """A rate card of round numbers, so that a new price changes no golden file."""
    rows = {
        (sku, "local"): ratecard.Price(
            sku=sku,
            region="local",
            unit=unit,
            price=Decimal(price),
            currency="USD",
            source="round numbers",
            as_of="2026-01-01",
            confidence="guess",
        )
        for sku, (unit, price) in PRICES.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ratecard, "current", lambda: rows)
        yield


def checked(mesh: LittleMesh) -> Report:
    """All stacks of a mesh."""
    dispatcher = Dispatcher(rules=RULES, levels=levels.current())
    stacks = sorted(file.name.removeprefix("Pulumi.")[:-5] for file in mesh.stacks.glob("Pulumi.*.yaml"))
    with prices():
        return Checker(root=mesh.root, dispatcher=dispatcher, today=TODAY, only={}).check(stacks)


def stack(mesh: LittleMesh, name: str, target: str) -> None:
    """A stack's file."""
    settings = f"  meshwright:target: {target}\n  meshwright:registry: registry.example.org/mesh\n"
    mesh.write(f"stacks/Pulumi.{name}.yaml", f"config:\n{settings}")


def orders(budget: float = 60, size: str = "small") -> Step:
    """The product that most pull requests change."""
    more = f"budget: {{monthly: {budget}, currency: USD}}\nparameters: {{size: {size}}}\n"
    return lambda mesh: mesh.table("sales/orders", more)


def returns(mesh: LittleMesh) -> None:
    """A product without a budget, which is advisory."""
    mesh.table("stores/returns")
    stack(mesh, "stores-dev", "local")


def disown(mesh: LittleMesh) -> None:
    """Nobody answers for the orders."""
    orders()(mesh)
    file = mesh.stacks / "sales" / "orders.yaml"
    file.write_text(file.read_text().replace("owner: sales@example.org", "owner: todo"))


def laboratory(mesh: LittleMesh) -> None:
    """A product where nothing has a price."""
    mesh.table("lab/trials", "budget: {monthly: 10, currency: USD}\n")
    stack(mesh, "lab-dev", "docker")


def malform(mesh: LittleMesh) -> None:
    """A template that there is not, and a number in place of a text."""
    mesh.write(
        "stacks/sales/orders.yaml",
        "apiVersion: meshwright/v1\nkind: DataProduct\nname: orders\ndescription: 7\nowner: sales@example.org\n"
        "costCentre: sales-1\nclassification: internal\ntemplate: tabel\nsources: [{name: data, file: data.csv}]\n",
    )


PULLS: dict[str, tuple[Step, Step]] = {
    "clean": (orders(), orders(size="medium", budget=200)),
    "new-finding": (orders(), disown),
    "fixed-finding": (disown, orders()),
    "over-budget": (orders(), orders(size="large")),
    "unpriced": (orders(), laboratory),
    "malformed-manifest": (orders(), malform),
}
"""What the mesh has, beside the returns, before a pull request, and what that changes."""


def pull(name: str, mesh: LittleMesh) -> tuple[Report, Report]:
    """Head and base of a pull request."""
    before, change = PULLS[name]
    stack(mesh, "sales-dev", "local")
    returns(mesh)
    before(mesh)
    base = checked(mesh)
    change(mesh)
    return checked(mesh), base


def finding(**more: Any) -> Found:
    """One of no real rule."""
    usual = Found(
        rule="TST-01",
        name="something-wrong",
        severity="high",
        level="mandatory",
        outcome="fail",
        what="It is wrong",
        fix="Put it right.",
        product="sales/orders",
        stack="sales-dev",
        resource="orders--warehouse",
        type="mesh:index:PostgresServer",
        file="stacks/sales/orders.yaml",
        line=8,
    )
    return dataclasses.replace(usual, **more)


def product(**more: Any) -> Checked:
    """One of no real mesh."""
    usual = Checked(
        name="sales/orders",
        stack="sales-dev",
        target="local",
        file="stacks/sales/orders.yaml",
        monthly=20.0,
        currency="USD",
        budget=60.0,
    )
    return dataclasses.replace(usual, **more)
