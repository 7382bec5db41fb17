"""Finds products: words in any order, an exact urn or name first, and the counts of each facet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select

from catalogue.entry import Entry
from catalogue.store import Store
from catalogue.tables import product

FACETS = ("domain", "environment", "classification", "template", "target", "owner", "state")
PAGE = 50
LONGEST_TEXT = 200


@dataclass(frozen=True, kw_only=True)
class Found:
    """One page of entries, how many there are in all, and per facet the (value, count) pairs."""

    entries: list[Entry]
    total: int
    offset: int
    facets: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Counts, and the estimate for a month by currency."""

    products: int
    domains: int
    money: Mapping[str, float]


def find(
    store: Store, text: str = "", filters: Mapping[str, str] | None = None, *, offset: int = 0, limit: int = PAGE
) -> Found:
    """Products that hold every word of `text` and have the values of `filters`; without `state` those that run."""
    text = text[:LONGEST_TEXT].strip().lower()
    wanted = {name: value for name, value in (filters or {}).items() if name in FACETS and value}
    words = [_holds(word) for word in text.split()]
    conditions = {name: product.c[name] == value for name, value in wanted.items()}
    if "state" not in wanted and not text.startswith("urn:"):
        conditions["state"] = product.c.state == "registered"
    everything = [*words, *conditions.values()]
    query = select(*(product.c[name] for name in Entry.__dataclass_fields__)).where(*everything)
    query = query.order_by(*_rank(text), product.c.domain, product.c.name, product.c.environment)
    with store.read() as connection:
        rows = connection.execute(query.offset(offset).limit(limit)).mappings().all()
        total = connection.scalar(select(func.count()).select_from(product).where(*everything)) or 0
        facets = {}
        for name in FACETS:
            # A facet counts what the other filters leave, so that its other values stay in reach.
            others = [condition for other, condition in conditions.items() if other != name]
            count = select(product.c[name], func.count()).where(*words, *others).group_by(product.c[name])
            facets[name] = [(str(value), int(n)) for value, n in connection.execute(count.order_by(product.c[name]))]
    return Found(entries=[Entry(**_plain(row)) for row in rows], total=total, offset=offset, facets=facets)


def totals(store: Store) -> Totals:
    """What the catalogue holds that runs."""
    live = product.c.state == "registered"
    with store.read() as connection:
        domains = connection.scalar(select(func.count(product.c.domain.distinct())).where(live)) or 0
        rows = connection.execute(
            select(product.c.currency, func.count(), func.sum(product.c.monthly))
            .where(live)
            .group_by(product.c.currency)
        ).all()
    return Totals(products=sum(row[1] for row in rows), domains=domains, money={row[0]: row[2] for row in rows})


def _holds(word: str) -> ColumnElement[bool]:
    return product.c.text.contains(word, autoescape=True)


def _rank(text: str) -> list[ColumnElement[Any]]:
    if not text:
        return []
    exact = or_(product.c.urn == text, product.c.name == text)
    begins = product.c.name.startswith(text, autoescape=True)
    return [case((exact, 0), (begins, 1), (product.c.name.contains(text, autoescape=True), 2), else_=3)]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
