"""Difference: two reports compared, as of a pull request and of what it would be merged into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cli.check.report import SEVERITIES, SHOWN, Checked, Found, Report


@dataclass(frozen=True, kw_only=True)
class Change:
    """One product whose cost, budget or unpriced resources differ; None on the side where it is not."""

    before: Checked | None
    after: Checked | None

    @property
    def either(self) -> Checked:
        """The product as it will be, or as it was if it goes."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def delta(self) -> float | None:
        """What it costs more; None where both sides are in different currencies."""
        if self.before is not None and self.after is not None and self.before.currency != self.after.currency:
            return None
        return round((self.after.monthly if self.after else 0.0) - (self.before.monthly if self.before else 0.0), 2)

    @property
    def left(self) -> float | None:
        """What remains of the budget; None without one, or without the product."""
        if self.after is None or self.after.budget is None:
            return None
        return round(self.after.budget - self.after.monthly, 2)

    def parts(self) -> list[tuple[str, float, float]]:
        """What each component cost and will cost, where that differs, the largest step first."""
        before = dict(self.before.lines) if self.before else {}
        after = dict(self.after.lines) if self.after else {}
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        both = [(name, before.get(name, 0.0), after.get(name, 0.0)) for name in names]
        return sorted(both, key=lambda part: -abs(part[2] - part[1]))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a pull request brings. Findings stand worst first."""

    new: tuple[Found, ...]
    fixed: tuple[Found, ...]
    kept: tuple[Found, ...]
    costs: tuple[Change, ...]
    totals: tuple[tuple[str, float, float], ...]
    """Of all products that both sides could be checked for: currency, before, after."""
    unpriced: tuple[bool, bool]
    """Whether something without a price is missing in the totals, before and after."""
    notes: tuple[str, ...]
    blind: tuple[str, ...]
    """Stacks that one side could not check: nothing is said of their difference."""


def difference(head: Report, base: Report | None) -> Difference:
    """Findings by fingerprint, products by stack and name; without a base all findings are new and no cost differs.

    A finding that was waived, deferred or advisory at the base and stops now is new. What is waived or deferred now is
    not fixed. A stack that a mistake kept one side from checking has neither fixed findings nor changed costs.
    """
    shown = worst_first(found for found in head.findings if found.level in SHOWN)
    if base is None:
        return Difference(
            new=shown,
            fixed=(),
            kept=(),
            costs=(),
            totals=_totals((), head.products),
            unpriced=(False, any(one.unpriced for one in head.products)),
            notes=head.notes,
            blind=tuple(unchecked(head)),
        )
    blind = {**unchecked(head), **unchecked(base)}
    known = {found.fingerprint: found.level for found in base.findings if found.level in SHOWN}
    still = {found.fingerprint for found in head.findings}
    new = [found for found in shown if _rank(known.get(found.fingerprint)) < _rank(found.level)]
    kept = [found for found in shown if _rank(known.get(found.fingerprint)) >= _rank(found.level)]
    gone = [found for found in base.findings if found.level in SHOWN and found.fingerprint not in still]
    before = {(one.stack, one.name): one for one in base.products if one.stack not in blind}
    after = {(one.stack, one.name): one for one in head.products if one.stack not in blind}
    pairs = [Change(before=before.get(key), after=after.get(key)) for key in sorted({**before, **after})]
    return Difference(
        new=tuple(new),
        fixed=worst_first(found for found in gone if found.stack not in blind),
        kept=tuple(kept),
        costs=tuple(change for change in pairs if _differs(change)),
        totals=_totals(before.values(), after.values()),
        unpriced=(any(one.unpriced for one in before.values()), any(one.unpriced for one in after.values())),
        notes=tuple(note for note in head.notes if note not in base.notes),
        blind=tuple(sorted(blind)),
    )


def unchecked(report: Report) -> dict[str, None]:
    """The stacks that a mistake kept from being checked: they have no products in the report."""
    seen = {one.stack for one in report.products}
    return dict.fromkeys(stack for stack in report.stacks if stack not in seen) if report.mistakes else {}


def worst_first(findings: Iterable[Found]) -> tuple[Found, ...]:
    """In the order of severity, then of stack, product, rule and resource."""
    return tuple(sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.stack, f.product, f.rule, f.resource)))


def _rank(level: str | None) -> int:
    return SHOWN[::-1].index(level) + 1 if level in SHOWN else 0


def _differs(change: Change) -> bool:
    before, after = change.before, change.after
    if before is None or after is None:
        return True
    return (before.monthly, before.currency, before.budget, set(before.unpriced)) != (
        after.monthly,
        after.currency,
        after.budget,
        set(after.unpriced),
    )


def _totals(before: Iterable[Checked], after: Iterable[Checked]) -> tuple[tuple[str, float, float], ...]:
    sums: dict[str, list[float]] = {}
    for side, products in enumerate((before, after)):
        for one in products:
            sums.setdefault(one.currency, [0.0, 0.0])[side] += one.monthly
    return tuple((currency, round(was, 2), round(now, 2)) for currency, (was, now) in sorted(sums.items()))
