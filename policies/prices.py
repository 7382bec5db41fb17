"""What a resource costs in a month: sku x quantity x price. What has no price is None, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from policies import prices_aws, prices_azure, prices_own, ratecard
from policies.prices_units import Quantities


@dataclass(frozen=True, kw_only=True)
class Line:
    """One summand: `quantity` of a unit a month, at `price` each."""

    sku: str
    region: str
    unit: str
    quantity: Decimal
    price: Decimal
    currency: str
    as_of: str

    @property
    def amount(self) -> Decimal:
        """Quantity x price, unrounded."""
        return self.quantity * self.price

    def __str__(self) -> str:
        return f"{self.sku} {self.quantity.normalize():f} {self.unit} x {self.price:f} = {self.amount:.2f}"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A month's cost. `unpriced` names what has no price; `as_of` is the oldest price's date, empty if none is used."""

    lines: tuple[Line, ...] = ()
    unpriced: tuple[str, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)
    """What each resource of a `total` costs by itself, by its name."""

    @property
    def monthly(self) -> float:
        """The sum, rounded to cents once."""
        return float(round(sum((line.amount for line in self.lines), Decimal(0)), 2))

    @property
    def currency(self) -> str:
        """The rate card's currency."""
        return self.lines[0].currency if self.lines else next(iter(ratecard.current().values())).currency

    @property
    def regions(self) -> tuple[str, ...]:
        """Whose prices were used: another region's where the stack's own has none."""
        return tuple(sorted({line.region for line in self.lines}))

    @property
    def as_of(self) -> str:
        """The date of the oldest price used."""
        return min((line.as_of for line in self.lines), default="")


REGIONS: Mapping[str, tuple[str, ...]] = {"aws": ("us-east-1",), "azure": ("westeurope", "westus", "eastus")}
"""Whose price is taken where a region has none of its own: the card has most rows for these; the dearest first."""

OWN = ("local", "docker", "kubernetes")
"""Rows for machines of one's own: no cloud bills by them."""

EXECUTORS: Mapping[str, str] = {"ecs": "aws", "emr": "aws", "containerapps": "azure"}
"""Where a JobRun runs that is billed by a cloud."""


def monthly(type_token: str, props: Mapping[str, Any], region: str = "local") -> Estimate | None:
    """A month of one resource from its inputs, or None if there is no price for it.

    `region` is the row of the rate card: `local`, `docker`, `kubernetes`, or a cloud's region; `aws` and `azure` take
    their regions from the inputs. Components and Pulumi's own resources cost nothing: what they are made of is priced.
    """
    if type_token in _FREE or type_token.startswith(_GROUPS):
        return Estimate()
    quantities = _QUANTITIES.get(type_token)
    try:
        amounts = quantities(props) if quantities else None
    except ValueError:
        return None
    if amounts is None:
        return None
    card, places = ratecard.current(), _places(type_token, props, region)
    lines = []
    for sku, quantity in amounts.items():
        price = next((card[sku, place] for place in places if (sku, place) in card), None)
        if price is None:
            return None
        lines.append(
            Line(
                sku=sku,
                region=price.region,
                unit=price.unit,
                quantity=quantity,
                price=price.price,
                currency=price.currency,
                as_of=price.as_of,
            )
        )
    return Estimate(lines=tuple(lines))


def total(resources: Iterable[tuple[str, str, Mapping[str, Any]]], region: str = "local") -> Estimate:
    """The sum over (name, type token, inputs); names without a price are listed in `unpriced`.

    A resource that another one names, as a service names its task, is looked up among them.
    """
    every = list(resources)
    known = {f"{type_token}::{name}": props for name, type_token, props in every}
    lines: list[Line] = []
    unpriced: list[str] = []
    parts: dict[str, float] = {}
    for name, type_token, props in every:
        if reference := prices_aws.REFERENCES.get(type_token):
            named = known.get(prices_aws.referred(props.get(reference)))
            props = {**props, reference: named or props.get(reference)}
        estimate = monthly(type_token, props, region)
        if estimate is None:
            unpriced.append(name)
        else:
            lines.extend(estimate.lines)
            parts[name] = round(parts.get(name, 0.0) + estimate.monthly, 2)
    return Estimate(lines=tuple(lines), unpriced=tuple(dict.fromkeys(unpriced)), parts=parts)


def _places(type_token: str, props: Mapping[str, Any], region: str) -> tuple[str, ...]:
    """The rows of the rate card to look into, best first."""
    provider = type_token.split(":")[0].removesuffix("-native")
    cloud = provider if provider in REGIONS else EXECUTORS.get(str(props.get("executor")))
    if cloud is None:
        return (region,)
    own = str(props.get("location") or props.get("region") or "").lower().replace(" ", "")
    return (own if region in OWN else region, own, *REGIONS[cloud])


_QUANTITIES: Mapping[str, Quantities] = {**prices_own.QUANTITIES, **prices_aws.QUANTITIES, **prices_azure.QUANTITIES}
_FREE = prices_own.FREE | prices_aws.FREE | prices_azure.FREE
_GROUPS = ("mesh:data:", "pulumi:pulumi:", "pulumi:providers:", *prices_aws.FREE_GROUPS)
