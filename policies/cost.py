"""Rules on money: a cap on each resource, a budget on each product, and no price is never zero."""

from __future__ import annotations

from typing import Any

from policies import levels, prices
from policies.governance import PRODUCT
from policies.rule import Resource, Rule, example

_ESTIMATE = {"monthly": 36.0, "currency": "USD", "unpriced": [], "asOf": "2025-07-01"}
PRICED = {
    **PRODUCT,
    "estimate": _ESTIMATE,
    "budget": {"monthly": 50.0, "currency": "USD"},
}


def _number(value: Any) -> float | None:
    """A finite amount, or nothing: a budget of `nan` must not pass."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if usable else None


def _over_cap(resource: Resource) -> str | None:
    estimate = prices.monthly(resource.type, resource.props)
    if estimate is None:
        return None  # COST-06 says so
    limits = levels.current()
    cap = limits.cap(resource.environment)
    if estimate.lines and estimate.currency != limits.currency:
        return f"its price is in {estimate.currency}, the cap in {limits.currency}"
    if estimate.monthly <= cap:
        return None
    sums = ", ".join(str(line) for line in estimate.lines)
    return f"{estimate.monthly:.2f} {limits.currency} a month, the cap is {cap:.2f}: {sums}"


def _over_budget(resource: Resource) -> str | None:
    estimate, budget = resource.props.get("estimate") or {}, resource.props.get("budget") or {}
    cost, limit = _number(estimate.get("monthly")), _number(budget.get("monthly"))
    if not resource.props.get("budget"):
        return None  # COST-12 says so
    if cost is None or limit is None:
        return f"`{'estimate' if cost is None else 'budget'}.monthly` is missing or no amount"
    if estimate.get("currency") != budget.get("currency"):
        return "estimate and budget are in different currencies"
    return f"{cost:.2f} of {limit:.2f} {budget.get('currency')} a month" if cost > limit else None


def _unlimited(resource: Resource) -> bool:
    return not resource.props.get("budget")


def _unpriced(resource: Resource) -> str | None:
    if resource.type == "mesh:data:Product":
        names = [str(name) for name in (resource.props.get("estimate") or {}).get("unpriced") or ()]
        return f"{len(names)} resources: {', '.join(names[:3])}" if names else None
    return None if prices.monthly(resource.type, resource.props) is not None else "its size or its kind has no price"


OVER_CAP = Rule(
    id="COST-01",
    name="over-resource-cap",
    severity="high",
    what="One resource costs more than one may",
    fix="Choose a smaller `size`, or ask the platform team to raise `monthlyCapPerResource` in policies/levels.yaml.",
    reads=("mesh:index:*",),
    violated=_over_cap,
    passes=(
        example("mesh:index:Process", {"cpu": 4.0, "memoryMiB": 16384.0}),
        example("mesh:index:Process", {"cpu": 16.0, "memoryMiB": 65536.0}, environment="prod"),
        example("mesh:index:SecretValue", {}),
    ),
    fails=(
        example("mesh:index:Process", {"cpu": 16.0, "memoryMiB": 65536.0}),
        example("mesh:index:PostgresServer", {"cpu": 64.0, "memoryMiB": 262144.0}, environment="prod"),
    ),
    misses=("resources of clouds, which have no prices yet",),
)

OVER_BUDGET = Rule(
    id="COST-02",
    name="product-over-budget",
    severity="high",
    what="A data product costs more than its budget",
    fix="Choose a smaller `size` or a rarer `schedule`, or raise `budget` in the manifest with its owner's consent.",
    reads=("mesh:data:Product",),
    violated=_over_budget,
    passes=(
        example("mesh:data:Product", PRICED),
        example("mesh:data:Product", {**PRICED, "budget": {"monthly": 36.0, "currency": "USD"}}),
    ),
    fails=(
        example("mesh:data:Product", {**PRICED, "budget": {"monthly": 35.99, "currency": "USD"}}),
        example("mesh:data:Product", {**PRICED, "budget": {"monthly": 50.0, "currency": "EUR"}}),
        example("mesh:data:Product", {**PRICED, "budget": {"monthly": float("nan"), "currency": "USD"}}),
        example("mesh:data:Product", {**PRICED, "estimate": {}}),
    ),
)

MISSING_BUDGET = Rule(
    id="COST-12",
    name="missing-budget",
    severity="medium",
    what="Nobody said what a data product may cost",
    fix="Give `budget: {monthly: ..., currency: ...}` in the manifest.",
    reads=("mesh:data:Product",),
    violated=_unlimited,
    passes=(example("mesh:data:Product", PRICED),),
    fails=(example("mesh:data:Product", {**PRICED, "budget": None}), example("mesh:data:Product", PRODUCT)),
)

UNPRICED = Rule(
    id="COST-06",
    name="unpriced-resource",
    severity="high",
    what="Something has no price, so no budget covers it",
    fix="Give `cpu` and `memoryMiB`, or a row in policies/prices; nothing counts as free by silence.",
    reads=("mesh:index:*", "mesh:data:Product"),
    violated=_unpriced,
    passes=(
        example("mesh:data:Product", PRICED),
        example("mesh:index:Environment", {}),
        example("mesh:index:JobRun", {"cpu": 1.0, "memoryMiB": 1024.0, "schedule": {"cron": "0 5 * * *"}}),
    ),
    fails=(
        example("mesh:data:Product", {**PRICED, "estimate": {**_ESTIMATE, "unpriced": ["departures--bi"]}}),
        example("mesh:index:Process", {"cpu": 1.0}),
        example("mesh:index:JobRun", {"cpu": 1.0, "memoryMiB": 1024.0, "schedule": {"cron": "whenever"}}),
        example("mesh:index:Novelty", {"cpu": 1.0, "memoryMiB": 1024.0}),
    ),
)
