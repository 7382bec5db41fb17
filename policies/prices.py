"""What a resource costs in a month: sku x quantity x price. What has no price is None, never zero."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from policies import ratecard
from policies.cron import runs_per_month

HOURS = Decimal(730)
"""Hours in a month, as clouds bill."""

DEFAULT_STORAGE = Decimal(20)
"""GiB assumed for a store whose size is not said: the smallest volume that managed databases are sold with."""

DEFAULT_TIMEOUT = Decimal(1800)
"""Seconds a job may take where it says nothing."""

USUAL_SHARE = Decimal("0.1")
"""A run is expected to take a tenth of its timeout: timeouts are set with that much room."""

RUNS_WITHOUT_SCHEDULE = Decimal(4)
"""Runs a month of a job that runs when its inputs change: one change a week."""

RUNS_AFTER_OTHERS = Decimal("30.4167")
"""Runs a month of a job that follows another: daily, as its inputs don't tell how often that one runs."""


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

    @property
    def monthly(self) -> float:
        """The sum, rounded to cents once."""
        return float(round(sum((line.amount for line in self.lines), Decimal(0)), 2))

    @property
    def currency(self) -> str:
        """The rate card's currency."""
        return self.lines[0].currency if self.lines else next(iter(ratecard.current().values())).currency

    @property
    def as_of(self) -> str:
        """The date of the oldest price used."""
        return min((line.as_of for line in self.lines), default="")


def monthly(type_token: str, props: Mapping[str, Any], region: str = "local") -> Estimate | None:
    """A month of one resource from its inputs, or None if there is no price for it.

    `region` is the row of the rate card: `local`, `docker` or `kubernetes`. Components and Pulumi's own resources cost
    nothing: what they are made of is priced.
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
    card = ratecard.current()
    lines = []
    for sku, quantity in amounts.items():
        price = card.get((sku, region))
        if price is None:
            return None
        lines.append(
            Line(
                sku=sku,
                region=region,
                unit=price.unit,
                quantity=quantity,
                price=price.price,
                currency=price.currency,
                as_of=price.as_of,
            )
        )
    return Estimate(lines=tuple(lines))


def total(resources: Iterable[tuple[str, str, Mapping[str, Any]]], region: str = "local") -> Estimate:
    """The sum over (name, type token, inputs); names without a price are listed in `unpriced`."""
    lines: list[Line] = []
    unpriced: list[str] = []
    for name, type_token, props in resources:
        estimate = monthly(type_token, props, region)
        if estimate is None:
            unpriced.append(name)
        else:
            lines.extend(estimate.lines)
    return Estimate(lines=tuple(lines), unpriced=tuple(unpriced))


def _number(value: Any) -> Decimal:
    """A positive number. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise ValueError("not a positive number")
    return Decimal(str(value))


def _hours(props: Mapping[str, Any], hours: Decimal) -> dict[str, Decimal]:
    cpu, memory = _number(props.get("cpu")), _number(props.get("memoryMiB"))
    return {"cpu": cpu * hours, "memory": memory / 1024 * hours}


def _running(props: Mapping[str, Any]) -> dict[str, Decimal]:
    return _hours(props, HOURS)


def _store(props: Mapping[str, Any]) -> dict[str, Decimal]:
    return {**_running(props), "storage": _number(props.get("storageGiB", float(DEFAULT_STORAGE)))}


def _job(props: Mapping[str, Any]) -> dict[str, Decimal]:
    schedule = props.get("schedule")
    if schedule:
        runs = Decimal(str(runs_per_month(str(schedule["cron"]))))
    else:
        runs = RUNS_AFTER_OTHERS if props.get("after") else RUNS_WITHOUT_SCHEDULE
    seconds = _number(props.get("timeoutSeconds", float(DEFAULT_TIMEOUT))) * USUAL_SHARE
    hours = min(HOURS, runs * seconds / 3600)  # a job never runs beside itself
    return _hours(props, hours.quantize(Decimal("0.0001")))


def _container(props: Mapping[str, Any]) -> dict[str, Decimal]:
    """One that never starts only holds the files of another."""
    if props.get("start") is False:
        return {}
    return _running({"cpu": float(props.get("cpus") or 0), "memoryMiB": props.get("memory")})


def _volume(props: Mapping[str, Any]) -> dict[str, Decimal]:
    """What its label says was reserved."""
    said = (str(entry.get("value")) for entry in props.get("labels") or () if entry.get("label") == "storage-gib")
    return {"storage": _number(float(next(said, DEFAULT_STORAGE)))}


def _pods(props: Mapping[str, Any]) -> dict[str, Decimal]:
    """The limits of all containers of all pods, and the volume that each pod gets."""
    spec = props.get("spec") or {}
    replicas = _number(spec.get("replicas", 1.0))
    amounts = dict.fromkeys(("cpu", "memory"), Decimal(0))
    for container in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ():
        limits = (container.get("resources") or {}).get("limits") or {}
        amounts["cpu"] += _amount(limits.get("cpu")) * replicas * HOURS
        amounts["memory"] += _amount(limits.get("memory")) / GIB * replicas * HOURS
    if not amounts["cpu"]:
        raise ValueError("no container")
    claims = [_claim(claim)["storage"] * replicas for claim in spec.get("volumeClaimTemplates") or ()]
    return {**amounts, "storage": sum(claims, Decimal(0))} if claims else amounts


def _claim(props: Mapping[str, Any]) -> dict[str, Decimal]:
    requests = ((props.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return {"storage": _amount(requests.get("storage")) / GIB}


def _amount(text: Any) -> Decimal:
    """A quantity of Kubernetes (kubernetes.io, "Quantity"): `500m` is a half. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[KMGT]i)?", str(text))
    if found is None:
        raise ValueError("no quantity")
    return _number(float(found[1])) * UNITS[found[2] or ""]


GIB = Decimal(2**30)
UNITS = {"": Decimal(1), "m": Decimal("0.001")} | {f"{c}i": Decimal(1024 ** (n + 1)) for n, c in enumerate("KMGT")}

_QUANTITIES: dict[str, Callable[[Mapping[str, Any]], dict[str, Decimal]]] = {
    "mesh:index:Process": _running,
    "mesh:index:PostgresServer": _store,
    "mesh:index:ObjectStore": _store,
    "mesh:index:JobRun": _job,
    "docker:index/container:Container": _container,
    "docker:index/volume:Volume": _volume,
    "kubernetes:apps/v1:Deployment": _pods,
    "kubernetes:apps/v1:StatefulSet": _pods,
    "kubernetes:core/v1:PersistentVolumeClaim": _claim,
}
_FREE = frozenset(
    {f"mesh:index:{kind}" for kind in ("Environment", "SecretValue", "Placement", "ObjectStoreKey")}
    | {"docker:index/network:Network", "docker:index/remoteImage:RemoteImage"}
    | {f"kubernetes:core/v1:{kind}" for kind in ("ConfigMap", "Namespace", "Secret", "Service")}
)
_GROUPS = ("mesh:data:", "pulumi:pulumi:", "pulumi:providers:")
