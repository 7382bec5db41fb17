"""A schedule that the cluster keeps without us: the job runs, and after it the one that reads what it fills."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString

import pytest
from kubernetes import client
from psycopg import sql

from tests.example.running import Running
from tests.kubernetes.conftest import Place

STACK, NAME = "meters-dev", "counts--load--run--schedule"
LINES = [["meter", "kwh"]] + [[f"m{n % 7}", f"{n * 0.5}"] for n in range(100)]
PRODUCT = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
version: 1.0.0
description: What meters have counted
owner: meters@example.org
costCentre: meters-1
classification: internal
template: table@1
"""
COUNTS = "sources: [{name: counts, file: counts.csv}]\nschedule: {cron: '* * * * *', timezone: Europe/Berlin}\n"
COPIES = """\
inputPorts: [{name: given, from: meters/counts/tables}]
sources: [{name: copies, port: given, table: counts}]
"""
WRITTEN: LiteralString = "select min(xmin::text::bigint) from {}"
"""The transaction that has written the rows (postgresql.org, "System Columns")."""
FIRES = 240
"""Seconds: a minute until it is time, and two programs that start on two busy cores."""


@pytest.fixture(scope="module")
def meters(place: Place, checkout: Running) -> Iterator[Running]:
    """Two products, the second of which reads the first; removed at the end."""
    folder = checkout.root / "stacks" / "meters"
    (folder / "counts").mkdir(parents=True)
    (folder / "counts.yaml").write_text(PRODUCT.format(name="counts") + COUNTS)
    (folder / "copies.yaml").write_text(PRODUCT.format(name="copies") + COPIES)
    with (folder / "counts" / "counts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(LINES)
    place.place(checkout, STACK)
    try:
        place.up(checkout, "meters")
        yield checkout
    finally:
        checkout.mesh("destroy", "meters", "--yes", "--force", check=False)


def written(meters: Running, product: str) -> int:
    """When the rows of a product were written."""
    with meters.connected(f"meters/{product}/tables") as connection:
        row = connection.execute(sql.SQL(WRITTEN).format(sql.Identifier(product, product))).fetchone()
    assert row is not None
    return int(row[0])


def test_the_cluster_runs_the_job_and_its_follower(place: Place, meters: Running) -> None:
    batch: Any = client.BatchV1Api(place.cluster.api)
    before = {product: written(meters, product) for product in ("counts", "copies")}
    since = datetime.now(UTC)

    def fired() -> Any:
        """A run that was started after we looked."""
        listed = [job for job in batch.list_namespaced_job(STACK).items if job.metadata.creation_timestamp > since]
        jobs = [job for job in listed if job.metadata.name.startswith(NAME)]
        assert not [job for job in jobs if job.status.failed], "a scheduled run has failed"
        return next((job for job in jobs if job.status.succeeded), None)

    end = time.monotonic() + FIRES
    while (job := fired()) is None:
        assert time.monotonic() < end, "it was not run"
        time.sleep(1)
    (pod,) = place.cluster.core.list_namespaced_pod(STACK, label_selector=f"job-name={job.metadata.name}").items
    (first,), (last,) = pod.status.init_container_statuses, pod.status.container_statuses
    assert first.name == "counts--load--run"
    assert first.state.terminated.finished_at <= last.state.terminated.started_at, "one after the other"
    after = {product: written(meters, product) for product in ("counts", "copies")}
    assert all(after[product] > before[product] for product in before), "both were filled anew"
    with meters.connected("meters/copies/tables") as connection:
        found = connection.execute("select count(*), sum(kwh)::float from copies.copies").fetchone()
    assert found == (len(LINES) - 1, sum(float(line[1]) for line in LINES[1:]))


def test_destroy_leaves_nothing(place: Place, meters: Running) -> None:
    meters.mesh("destroy", "meters", "--yes", "--force")
    place.gone(STACK)
