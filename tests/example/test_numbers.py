"""What consumers read is what the raw files hold: Superset's API, the sql ports, the Parquet files."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pandas as pd
import psycopg
import pytest

from tests.example.running import DATA, Running, flights_archive

pytestmark = [pytest.mark.engine, pytest.mark.software]
CLOSE = 1e-6


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(flights_archive()), compression="zip")


def test_superset_gives_the_mean_delay_by_carrier(running: Running, flights: pd.DataFrame) -> None:
    login = running.data("credentials", "flights/departures/dashboard")
    url = running.address("flights/departures/dashboard")["url"]
    with httpx.Client(base_url=url, timeout=60) as client:
        body: dict[str, Any] = {"username": login["user"], "password": login["password"], "provider": "db"}
        token = client.post("/api/v1/security/login", json=body).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        datasets = client.get("/api/v1/dataset/").raise_for_status().json()["result"]
        ident = next(entry["id"] for entry in datasets if entry["table_name"] == "flights")
        metrics = [{"expressionType": "SQL", "sqlExpression": "AVG(dep_delay)", "label": "mean"}]
        query = {"columns": ["carrier"], "metrics": metrics, "row_limit": 100}
        body = {"datasource": {"id": ident, "type": "table"}, "queries": [query]}
        rows = client.post("/api/v1/chart/data", json=body).raise_for_status().json()["result"][0]["data"]
        assert client.get("/api/v1/security/users/").status_code in (401, 403, 404)
        assert client.delete(f"/api/v1/dataset/{ident}").status_code >= 300
        assert client.get(f"/api/v1/dataset/{ident}").status_code == 200
    found = {row["carrier"]: float(row["mean"]) for row in rows}
    expected = flights.groupby("carrier")["dep_delay"].mean()
    assert set(found) == set(expected.index)
    assert max(abs(found[carrier] - mean) for carrier, mean in expected.items()) < CLOSE


def test_the_sql_port_gives_the_same_numbers(running: Running, flights: pd.DataFrame) -> None:
    with running.connected("flights/departures/tables") as connection:
        rows = connection.execute(
            "SELECT carrier, avg(dep_delay)::float8, count(*) FROM departures.flights GROUP BY 1"
        ).fetchall()
        counted = {
            table: connection.execute(f"SELECT count(*) FROM departures.{table}".encode()).fetchall()[0][0]
            for table in ("flights", "airlines", "planes")
        }
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM departures.flights")
    expected = flights.groupby("carrier")["dep_delay"].agg(["mean", "size"])
    assert {carrier: count for carrier, _, count in rows} == expected["size"].to_dict()
    assert max(abs(mean - expected["mean"][carrier]) for carrier, mean, _ in rows) < CLOSE
    for table, count in counted.items():
        raw = flights if table == "flights" else pd.read_csv(DATA / f"{table}.csv")
        assert count == len(raw)


def test_a_granted_consumer_reads_its_port_and_nothing_else(running: Running) -> None:
    with running.connected("weather/observations/hourly", "flights/delay-model") as connection:
        assert connection.execute("SELECT count(*) FROM observations.weather").fetchall()[0][0] == 26_115
        user = connection.execute("SELECT current_user").fetchall()[0][0]
        until = connection.execute(
            "SELECT rolvaliduntil::date::text FROM pg_roles WHERE rolname = current_user"
        ).fetchall()
    assert user == "observations__hourly_flights_delay_model"
    assert until == [("2027-06-30",)]
    refused = running.mesh("credentials", "weather/observations/hourly", "--as", "flights/route-stats", check=False)
    assert refused.returncode == 2
    assert "is not granted to `flights/route-stats`" in refused.stderr


def test_the_parquet_files_hold_every_route(running: Running, flights: pd.DataFrame) -> None:
    import pyarrow.fs
    import pyarrow.parquet

    login = running.data("credentials", "flights/route-stats/routes")
    port = running.address("flights/route-stats/routes")
    store = pyarrow.fs.S3FileSystem(
        endpoint_override=port["endpoint"], access_key=login["user"], secret_key=login["password"], region="us-east-1"
    )
    found = pyarrow.parquet.read_table(f"{port['bucket']}/routes/routes.parquet", filesystem=store).to_pandas()
    expected = flights.groupby(["origin", "dest"]).agg(
        flights=("year", "size"),
        mean_dep_delay=("dep_delay", "mean"),
        median_dep_delay=("dep_delay", "median"),
        mean_arr_delay=("arr_delay", "mean"),
        cancelled_share=("dep_delay", lambda delays: delays.isna().mean()),
    )
    found = found.set_index(["origin", "dest"]).sort_index()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=0, atol=CLOSE)
    with pytest.raises(OSError, match=r"(?i)denied"):
        store.open_output_stream(f"{port['bucket']}/mine").close()
