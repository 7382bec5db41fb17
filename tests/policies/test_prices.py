"""Estimates against sums by hand, and a rate card that is read strictly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from policies.cron import runs_per_month
from policies.prices import REGIONS, monthly, total
from policies.ratecard import FILE, PriceError
from policies.ratecard import current as card

SMALL: dict[str, Any] = {"cpu": 0.5, "memoryMiB": 1024.0}
GOOD = FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "props", "sums"),
    [
        ("Process", SMALL, [0.5 * 730 * 0.04048, 1 * 730 * 0.004445]),
        ("Process", {"cpu": 1, "memoryMiB": 4096}, [730 * 0.04048, 4 * 730 * 0.004445]),
        ("Process", {"cpu": 4.0, "memoryMiB": 16384.0}, [4 * 730 * 0.04048, 16 * 730 * 0.004445]),
        ("PostgresServer", SMALL, [0.5 * 730 * 0.04048, 730 * 0.004445, 20 * 0.08]),
        ("ObjectStore", {**SMALL, "storageGiB": 100.0}, [0.5 * 730 * 0.04048, 730 * 0.004445, 100 * 0.08]),
        # four runs of 180 s: 0.2 h
        ("JobRun", SMALL, [0.5 * 0.2 * 0.04048, 0.2 * 0.004445]),
        # daily: 730 / 24 runs of a tenth of an hour = 3.0417 h
        (
            "JobRun",
            {**SMALL, "timeoutSeconds": 3600.0, "schedule": {"cron": "0 5 * * *", "timezone": "UTC"}},
            [0.5 * 3.0417 * 0.04048, 3.0417 * 0.004445],
        ),
        # after another job: taken as daily, 30.4167 runs of 180 s
        ("JobRun", {**SMALL, "after": ["/x/jobs/load"]}, [0.5 * 1.5208 * 0.04048, 1.5208 * 0.004445]),
        # every minute for an hour: never more than all the time
        (
            "JobRun",
            {**SMALL, "timeoutSeconds": 36000, "schedule": {"cron": "* * * * *"}},
            [0.5 * 730 * 0.04048, 730 * 0.004445],
        ),
        ("Environment", {}, []),
        ("SecretValue", {}, []),
        ("Placement", {}, []),
    ],
)
def test_estimate_by_hand(kind: str, props: dict[str, Any], sums: list[float]) -> None:
    estimate = monthly(f"mesh:index:{kind}", props)
    assert estimate is not None
    assert [float(line.amount) for line in estimate.lines] == pytest.approx(sums)
    assert estimate.monthly == pytest.approx(sum(sums), abs=0.005)


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        ("mesh:index:Process", {}),
        ("mesh:index:Process", {"cpu": 0.0, "memoryMiB": 1024.0}),
        ("mesh:index:Process", {"cpu": float("nan"), "memoryMiB": 1024.0}),
        ("mesh:index:Process", {"cpu": True, "memoryMiB": 1024.0}),
        ("mesh:index:JobRun", {**SMALL, "schedule": {"cron": "sometimes"}}),
        ("aws:rds/instance:Instance", {}),
    ],
)
def test_what_has_no_price_is_none_never_zero(kind: str, props: dict[str, Any]) -> None:
    assert monthly(kind, props) is None


def test_a_container_costs_what_it_may_use_and_a_volume_what_its_label_says() -> None:
    def cost(kind: str, props: dict[str, Any]) -> float | None:
        estimate = monthly(f"docker:index/{kind}", props, "docker")
        return estimate.monthly if estimate is not None else None

    process = monthly("mesh:index:Process", SMALL, "docker")
    assert process is not None
    assert cost("container:Container", {"cpus": "0.5", "memory": 1024}) == process.monthly
    assert cost("container:Container", {"start": False}) == 0
    assert cost("container:Container", {"cpus": "0.5"}) is None
    assert cost("volume:Volume", {"labels": [{"label": "storage-gib", "value": "30"}]}) == 2.4
    assert cost("volume:Volume", {}) == 1.6
    assert cost("volume:Volume", {"labels": [{"label": "storage-gib", "value": "much"}]}) is None
    assert cost("network:Network", {}) == cost("remoteImage:RemoteImage", {}) == 0


def test_pods_cost_their_limits_and_claims_what_they_ask_for() -> None:
    def cost(kind: str, spec: dict[str, Any]) -> float | None:
        estimate = monthly(f"kubernetes:{kind}", {"spec": spec}, "kubernetes")
        return estimate.monthly if estimate is not None else None

    def pods(cpu: str, memory: str = "1024Mi") -> dict[str, Any]:
        return {"spec": {"containers": [{"resources": {"limits": {"cpu": cpu, "memory": memory}}}]}}

    process = monthly("mesh:index:Process", SMALL, "kubernetes")
    assert process is not None
    claim = {"resources": {"requests": {"storage": "30Gi"}}}
    assert cost("apps/v1:Deployment", {"template": pods("500m")}) == process.monthly
    assert cost("apps/v1:Deployment", {"template": pods("0.5", "1Gi"), "replicas": 1.0}) == process.monthly
    assert cost("core/v1:PersistentVolumeClaim", claim) == 2.4
    kept = {"template": pods("500m"), "replicas": 2.0, "volumeClaimTemplates": [{"spec": claim}]}
    assert cost("apps/v1:StatefulSet", kept) == pytest.approx(2 * (process.monthly + 2.4), abs=0.01)
    limits = {"limits": {"cpu": "500m", "memory": "1024Mi"}}
    operated = {"instances": 2.0, "resources": limits, "storage": {"size": "30Gi"}}
    assert cost("postgresql.cnpg.io/v1:Cluster", operated) == pytest.approx(2 * (process.monthly + 2.4), abs=0.01)
    assert cost("postgresql.cnpg.io/v1:Cluster", {}) is None
    assert cost("apps/v1:Deployment", {"template": pods("much")}) is None
    assert cost("apps/v1:Deployment", {}) is None
    assert cost("core/v1:Secret", {}) == cost("core/v1:Service", {}) == 0


def test_an_unknown_region_has_no_price() -> None:
    assert monthly("mesh:index:Process", SMALL, "moon") is None
    assert monthly("mesh:index:Process", SMALL, "kubernetes") is not None


def test_total_lists_what_is_unpriced_and_rounds_once() -> None:
    things = [(f"a{number}", "mesh:index:JobRun", SMALL) for number in range(100)]
    estimate = total([*things, ("odd", "aws:emr/cluster:Cluster", {}), ("group", "mesh:data:Database", {})])
    assert estimate.unpriced == ("odd",)
    assert estimate.monthly == pytest.approx(100 * 0.2 * (0.5 * 0.04048 + 0.004445), abs=0.005)
    assert (estimate.currency, estimate.as_of) == ("USD", "2025-07-01")
    assert total([]).monthly == 0


def test_a_line_shows_its_sum() -> None:
    estimate = monthly("mesh:index:Process", SMALL)
    assert estimate is not None
    assert str(estimate.lines[0]) == "cpu 365 vCPU-hour x 0.04048 = 14.78"


@pytest.mark.parametrize(
    ("cron", "runs"),
    [
        ("0 5 * * *", 730 / 24),
        ("@daily", 730 / 24),
        ("*/15 * * * *", 4 * 730),
        ("0 9-17/4 * * mon-fri", 3 * 730 / 24 * 5 / 7),
        ("0 0 1 * *", 730 / 24 / 31),
        ("0 0 1 jan,jul *", 730 / 24 / 31 / 6),
        ("0 0 1 * 0,7", 730 / 24 * (1 - (30 / 31) * (6 / 7))),
    ],
)
def test_runs_per_month(cron: str, runs: float) -> None:
    assert runs_per_month(cron) == pytest.approx(runs)


@pytest.mark.parametrize("cron", ["", "* * * *", "60 * * * *", "* * 0 * *", "*/0 * * * *", "a * * * *", "5-1 * * * *"])
def test_no_cron_line(cron: str) -> None:
    with pytest.raises(ValueError):
        runs_per_month(cron)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("cpu,local,vCPU-hour,0.04048", "cpu,local,vCPU-hour,cheap", "no date or price"),
        ("cpu,local,vCPU-hour,0.04048", "cpu,local,vCPU-hour,0", "above zero"),
        ("cpu,local,vCPU-hour,0.04048", "cpu,local,vCPU-hour,NaN", "above zero"),
        ("cpu,local,vCPU-hour,0.04048", "cpu,local,vCPU-hour,-1", "above zero"),
        ("cpu,local,vCPU-hour,0.04048", "cpu,local,vCPU-month,0.04048", "is not known"),
        ("cpu,local,vCPU-hour,0.04048,USD", "cpu,local,vCPU-hour,0.04048,dollars", "no currency code"),
        ("cpu,local,vCPU-hour,0.04048,USD,", "cpu,local,vCPU-hour,0.04048,USD,,", "9 fields"),
        ("cpu,local,vCPU-hour,0.04048", "cpu,,vCPU-hour,0.04048", "`region` is empty"),
    ],
)
def test_a_malformed_row_stops_with_its_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    file = tmp_path / "card.csv"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PriceError) as error:
        card(file)
    assert str(error.value).startswith(f"{file}:2: ")
    assert sentence in str(error.value)


def test_a_sku_priced_twice_stops(tmp_path: Path) -> None:
    file = tmp_path / "card.csv"
    file.write_text(GOOD + GOOD.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(PriceError, match=f":{len(GOOD.splitlines()) + 1}: `cpu` in `local` is priced twice"):
        card(file)


def test_the_rate_card_covers_every_target_with_sources() -> None:
    regions = {region for _, region in card()}
    assert {"local", "docker", "kubernetes"} < regions
    assert {place for places in REGIONS.values() for place in places} < regions
    assert all(price.source and price.price > Decimal(0) for price in card().values())
