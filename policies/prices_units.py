"""What estimates count in, and what they assume where inputs don't say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Amounts = dict[str, Decimal]
"""Quantity a month by sku of the rate card."""

Quantities = Callable[[Mapping[str, Any]], Amounts]
"""What a resource's inputs come to. Raises ValueError where they don't say."""

HOURS = Decimal(730)
"""Hours in a month, as clouds bill."""

DEFAULT_STORAGE = Decimal(20)
"""GiB assumed for a store whose size is not said: the smallest volume that managed databases are sold with."""

LOGS = Decimal(1)
"""GB of logs a month that a stack is assumed to write: some dozen containers that print little."""

OUTWARDS = Decimal(10)
"""GB a month that are assumed to pass a NAT gateway: packages and sources; images once a change."""

OPERATIONS = Decimal(1)
"""Tens of thousands of operations a month that a vault is assumed to see: each container reads its secrets at start."""


def number(value: Any) -> Decimal:
    """A positive number. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise ValueError("not a positive number")
    return Decimal(str(value))


def text(value: Any) -> str:
    """A word that is known already. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value or value.startswith(("${", "(")):
        raise ValueError("not known")
    return value


def each_hour(sku: str) -> Quantities:
    """One of these, all the month."""
    return lambda _: {sku: HOURS}


def each_month(sku: str, quantity: Decimal = Decimal(1)) -> Quantities:
    """So many of these a month."""
    return lambda _: {sku: quantity}
