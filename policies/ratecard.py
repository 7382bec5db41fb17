"""The platform team's rate card, `prices/ratecard.csv`: what a unit of each sku costs, by region. Read strictly."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("prices") / "ratecard.csv"
COLUMNS = ["sku", "region", "unit", "price", "currency", "source", "as_of", "confidence"]
UNITS = {
    "cpu": "vCPU-hour",
    "memory": "GiB-hour",
    "storage": "GiB-month",
    "address": "hour",
    "alarm": "month",
    "balancer": "hour",
    "balancer-units": "LCU-hour",
    "dedicated-cpu": "vCPU-hour",
    "dedicated-memory": "GiB-hour",
    "emr-cpu": "vCPU-hour",
    "emr-memory": "GiB-hour",
    "endpoint": "hour",
    "key": "month",
    "logs": "GB",
    "nat": "hour",
    "nat-data": "GB",
    "objects": "GiB-month",
    "operations": "10k",
    "postgres": "hour",
    "postgres-storage": "GiB-month",
    "rds": "hour",
    "rds-storage": "GiB-month",
    "secret": "month",
    "zone": "month",
}
"""Unit by sku; a sku of several models says which after a colon: `rds:db.t4g.micro`."""
CONFIDENCE = ("list", "measured", "derived", "copied", "guess")


class PriceError(ValueError):
    """A price that can't be read; the sentence starts with file:line."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one `unit` of a sku costs in a region (or on a target of one's own)."""

    sku: str
    region: str
    unit: str
    price: Decimal
    currency: str
    source: str
    as_of: str
    confidence: str


@cache
def current(file: Path = FILE) -> Mapping[tuple[str, str], Price]:
    """(sku, region) -> price. A malformed row stops with file:line."""
    prices: dict[tuple[str, str], Price] = {}
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text, strict=True)
        try:
            if next(rows, None) != COLUMNS:
                raise PriceError(f"{file}:1: the columns must be {', '.join(COLUMNS)}")
            for row in rows:
                price = _price(row, f"{file}:{rows.line_num}")
                key = (price.sku, price.region)
                if key in prices:
                    raise PriceError(f"{file}:{rows.line_num}: `{price.sku}` in `{price.region}` is priced twice")
                if any(price.currency != other.currency for other in prices.values()):
                    raise PriceError(f"{file}:{rows.line_num}: a second currency, `{price.currency}`")
                prices[key] = price
        except csv.Error as error:
            raise PriceError(f"{file}:{rows.line_num}: {error}") from None
    return prices


def _price(row: list[str], place: str) -> Price:
    if len(row) != len(COLUMNS):
        raise PriceError(f"{place}: {len(row)} fields instead of {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    for column, cell in cells.items():
        if not cell.strip():
            raise PriceError(f"{place}: `{column}` is empty")
    if UNITS.get(cells["sku"].split(":")[0]) != cells["unit"]:
        raise PriceError(f"{place}: `{cells['sku']}` per `{cells['unit']}` is not known")
    if cells["confidence"] not in CONFIDENCE:
        raise PriceError(f"{place}: confidence `{cells['confidence']}` is not one of {', '.join(CONFIDENCE)}")
    if not (len(cells["currency"]) == 3 and cells["currency"].isupper()):
        raise PriceError(f"{place}: `{cells['currency']}` is no currency code")
    try:
        date.fromisoformat(cells["as_of"])
        amount = Decimal(cells["price"])
    except (ValueError, InvalidOperation):
        raise PriceError(f"{place}: `{cells['as_of']}` or `{cells['price']}` is no date or price") from None
    if not amount.is_finite() or amount <= 0:
        raise PriceError(f"{place}: the price must be above zero")
    return Price(**{**cells, "price": amount})  # type: ignore[arg-type]
