"""Work that repeats: by hand, by schedule, after what it reads; each run is recorded, a failed one changes nothing."""

from __future__ import annotations

import json
import time
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.mesh.scheduler import RESCAN
from tests.example.running import Running
from tests.example.sales import copy_without_products, product, stack

pytestmark = [pytest.mark.engine, pytest.mark.software]

LOAD, COUNT = "orders--load--run", "counts--work--run"
ZONE = "Asia/Kolkata"
"""Half an hour off UTC: an hour of this zone is never the same hour there."""

ORDERS = "template: table@1\nsources: [{name: orders, file: orders.csv}]\n"
COUNTS = "template: script@1\nparameters: {script: count.py}\ninputPorts: [{name: orders, from: sales/orders/tables}]\n"
TEMPLATE = """\
apiVersion: meshwright/v1
kind: Template
name: script
version: 1.0.0
description: A script that reads ports and fills a database
parameters:
  script: {type: string}
components:
  store: {type: Database}
  work:
    type: PythonJob
    script: ${parameters.script}
    folder: ${product.folder}
    inputs: ${product.inputs}
    database: ${store}
    schema: ${product.schema}
outputs:
  tables: {type: sql, from: "${work.tables}"}
"""
SCRIPT = """\
import json
import os

import psycopg


def connect(port):
    host, number, database, user, password = (
        os.environ[f"{port}_{part}"] for part in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")
    )
    return psycopg.connect(host=host, port=number, dbname=database, user=user, password=password)


with connect("ORDERS") as source:
    rows, least = source.execute("SELECT count(*), min(amount) FROM orders").fetchone()
with connect("TARGET") as target:
    target.execute("DROP TABLE IF EXISTS counted")
    target.execute("CREATE TABLE counted (rows int)")
    target.execute("INSERT INTO counted VALUES (%s)", (rows,))
    if least < 0:
        raise SystemExit(f"an order has the amount {least}")
print("::mesh::", json.dumps({"rows": rows}))
"""


class Sales:
    """One domain: `orders` loads a file, `counts` counts its rows with a script."""

    def __init__(self, running: Running) -> None:
        self.running, self.stacks = running, running.root / "stacks"
        (running.root / "templates" / "script.yaml").write_text(TEMPLATE)
        stack(running, "sales", "target: local")
        product(running, "sales/counts", COUNTS, count_py=SCRIPT)
        self.schedule("")
        self.csv = self.stacks / "sales" / "orders" / "orders.csv"
        self.csv.write_text("id,amount\n1,10\n2,20\n")

    def schedule(self, line: str) -> None:
        """Write the manifest of `orders` with a last line of its own."""
        product(self.running, "sales/orders", ORDERS + line)

    def grow(self, amount: int = 30) -> int:
        """One order more; gives how many there are now."""
        lines = self.csv.read_text().splitlines()
        self.csv.write_text("\n".join([*lines, f"{len(lines)},{amount}"]) + "\n")
        return len(lines)

    def runs(self, job: str) -> list[dict[str, Any]]:
        """The records of a job's runs, oldest first."""
        text = (self.running.home("sales-dev") / "logs" / f"{job}.runs.jsonl").read_text()
        # A line that is being written has no end yet.
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def counted(self) -> int:
        """What `counts` offers to its readers."""
        with self.running.connected("sales/counts/tables") as connection:
            return int(connection.execute("SELECT rows FROM counts.counted").fetchall()[0][0])


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sales]:
    """The domain, up once for all tests of this file."""
    folder = tmp_path_factory.mktemp("schedules")
    running = copy_without_products(folder)
    made = Sales(running)
    try:
        running.mesh("up")
        yield made
    finally:
        running.mesh("destroy", "--yes", "--force", check=False)


def awaited(what: Callable[[], list[dict[str, Any]]], seconds: float) -> dict[str, Any]:
    """The first record that `what` finds."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"nothing within {seconds:g} s"
        time.sleep(0.5)
    return found[0]


def followed(sales: Sales, load: dict[str, Any]) -> dict[str, Any]:
    """The run of `counts` that came after a load, whoever started that."""
    assert load["ok"], load["lines"]
    found = awaited(lambda: [run for run in sales.runs(COUNT) if run["start"] >= load["end"]], 60)
    assert found["by"] == "after"
    return found


def complete(run: dict[str, Any]) -> bool:
    """Whether a record says when the run began and ended."""
    start, end = (datetime.fromisoformat(run[key]) for key in ("start", "end"))
    return start.tzinfo is not None and start <= end <= datetime.now(UTC)


def test_what_reads_a_refilled_port_runs_again_by_itself(sales: Sales) -> None:
    assert sales.counted() == 2
    for job in (LOAD, COUNT):
        (first,) = sales.runs(job)
        assert (first["by"], first["rows"], first["ok"]) == ("pulumi", 2, True)
        assert complete(first)
    assert sales.grow() == 3
    sales.running.mesh("run", "sales/orders/load")
    load = sales.runs(LOAD)[-1]
    assert (load["by"], load["rows"]) == ("hand", 3)
    assert complete(load)
    count = followed(sales, load)
    assert (count["rows"], count["ok"], count["code"]) == (3, True, 0)
    assert complete(count)
    assert sales.counted() == 3


def test_a_run_that_fails_leaves_the_old_data_and_says_so(sales: Sales) -> None:
    before, good = sales.counted(), sales.csv.read_text()
    sales.grow(amount=-1)
    try:
        sales.running.mesh("run", "sales/orders/load")
        failed = followed(sales, sales.runs(LOAD)[-1])
        assert (failed["ok"], failed["code"], failed["rows"]) == (False, 1, None)
        assert failed["lines"][-1] == "an order has the amount -1"
        assert complete(failed)
        assert sales.counted() == before
        assert "an order has the amount -1" in sales.running.mesh("logs", "sales/counts/work").stdout
    finally:
        sales.csv.write_text(good)
    rows = sales.grow()
    sales.running.mesh("run", "sales/orders")
    load = sales.runs(LOAD)[-1]
    assert followed(sales, load)["ok"]
    assert sales.counted() == rows
    tries = [run["ok"] for run in sales.runs(COUNT) if failed["start"] <= run["start"] < load["end"]]
    assert tries == [False], "a run that failed is not tried again before there is new data"


def test_a_schedule_repeats_the_load_until_it_is_removed(sales: Sales) -> None:
    hour = datetime.now(zoneinfo.ZoneInfo(ZONE)).hour
    sales.schedule(f'schedule: {{cron: "* {hour},{(hour + 1) % 24} * * *", timezone: {ZONE}}}\n')
    sales.running.mesh("up")
    rows = sales.grow()
    load = awaited(lambda: [run for run in sales.runs(LOAD) if run["rows"] == rows], 75)
    assert load["by"] == "schedule"
    assert complete(load)
    assert followed(sales, load)["rows"] == rows
    assert sales.counted() == rows

    sales.schedule("")
    sales.running.mesh("up")
    time.sleep(2 * RESCAN)
    removed = datetime.now(UTC)
    minute = removed.replace(second=0, microsecond=0) + timedelta(minutes=1)
    # A run that was due at the next minute would have begun by now.
    time.sleep((minute - removed).total_seconds() + 2 * RESCAN)
    assert [run for run in sales.runs(LOAD) if datetime.fromisoformat(run["start"]) > removed] == []
    # What follows by itself goes on.
    rows = sales.grow()
    sales.running.mesh("run", "sales/orders/load")
    assert followed(sales, sales.runs(LOAD)[-1])["rows"] == rows
    assert sales.counted() == rows
