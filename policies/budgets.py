"""What domains and environments may cost: `stacks/budgets.yaml`, owned by the platform team, and the rules on it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from policies.rule import Resource, Rule, example
from policies.strict_yaml import Reader

DOMAIN = "mesh:check:Budget"
"""The type under which a sum is judged: {monthly, currency, budget: {monthly, currency}, over, until, expired}."""
_KEYS = ("monthly", "currency", "approvedBy", "until")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that a domain in an environment, or all of one of them, may cost in a month; valid to `until`."""

    domain: str
    environment: str
    monthly: float
    currency: str
    approved_by: str
    until: datetime.date
    line: int

    @property
    def name(self) -> str:
        """Whose it is, in words."""
        parts = [f"domain {self.domain}"] * bool(self.domain) + [f"environment {self.environment}"] * bool(
            self.environment
        )
        return " in ".join(parts)

    def covers(self, domain: str, environment: str) -> bool:
        """Whether a stack counts towards it."""
        return self.domain in ("", domain) and self.environment in ("", environment)


def read(file: Path) -> tuple[Budget, ...]:
    """The budgets of a file, none where it is missing; a mistake stops with file:line (policies.strict_yaml)."""
    if not file.is_file():
        return ()
    reader = Reader(file)
    root = reader.root()
    top = reader.mapping(root)
    reader.only(top, ("budgets",), at=root)
    found: dict[tuple[str, str], Budget] = {}
    for node in reader.sequence(top["budgets"][0]):
        pairs = reader.mapping(node)
        reader.only(pairs, _KEYS, optional=("domain", "environment"), at=node)
        values = {name: value for name, (value, _) in pairs.items()}
        domain, environment = (
            reader.text(values[name]) if name in values else "" for name in ("domain", "environment")
        )
        if not domain and not environment:
            raise reader.error(node, "a budget names a `domain`, an `environment`, or both")
        if (domain, environment) in found:
            raise reader.error(node, f"the same stands in line {found[domain, environment].line}")
        found[domain, environment] = Budget(
            domain=domain,
            environment=environment,
            monthly=reader.amount(values["monthly"]),
            currency=reader.word(values["currency"], ("EUR", "USD")),
            approved_by=reader.text(values["approvedBy"]),
            until=reader.date(values["until"]),
            line=node.start_mark.line + 1,
        )
    return tuple(found.values())


def summed(budget: Budget, monthly: float, currency: str, today: datetime.date) -> Resource:
    """A budget and what is to be paid of it, as rules judge it."""
    props = {
        "monthly": round(monthly, 2),
        "currency": currency,
        "budget": {"monthly": budget.monthly, "currency": budget.currency},
        "until": budget.until.isoformat(),
        "expired": budget.until < today,
    }
    return Resource(type=DOMAIN, props=props, name=budget.name, environment=budget.environment)


def _over(resource: Resource) -> str | None:
    cost, budget = resource.props["monthly"], resource.props["budget"]
    if resource.props["currency"] != budget["currency"]:
        return f"it is in {budget['currency']}, the prices are in {resource.props['currency']}"
    more = cost - budget["monthly"]
    return f"{cost:.2f} of {budget['monthly']:.2f} {budget['currency']}, {more:.2f} too much" if more > 0.005 else None


def _expired(resource: Resource) -> str | None:
    return f"it was approved until {resource.props['until']}" if resource.props["expired"] else None


_SUM = {
    "monthly": 90.0,
    "currency": "USD",
    "budget": {"monthly": 100.0, "currency": "USD"},
    "until": "2027-01-31",
    "expired": False,
}

DOMAIN_OVER_BUDGET = Rule(
    id="COST-03",
    name="domain-over-budget",
    severity="high",
    what="What a domain or an environment costs together is more than its budget",
    fix="Choose smaller products, or let the platform team approve more in stacks/budgets.yaml.",
    reads=(DOMAIN,),
    violated=_over,
    passes=(example(DOMAIN, _SUM), example(DOMAIN, {**_SUM, "monthly": 100.0})),
    fails=(
        example(DOMAIN, {**_SUM, "monthly": 100.01}),
        example(DOMAIN, {**_SUM, "budget": {"monthly": 100.0, "currency": "EUR"}}),
    ),
    misses=("what stacks cost whose stack file is missing in this checkout",),
)

UNAPPROVED_BUDGET = Rule(
    id="COST-04",
    name="expired-budget",
    severity="high",
    what="A budget is no longer approved",
    fix="Let somebody who may approve it again, with a new `until`, in stacks/budgets.yaml.",
    reads=(DOMAIN,),
    violated=_expired,
    passes=(example(DOMAIN, _SUM),),
    fails=(example(DOMAIN, {**_SUM, "expired": True}),),
    misses=("whether whoever stands in `approvedBy` approved it: CODEOWNERS see to that",),
)
