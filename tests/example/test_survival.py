"""A running mesh: nothing changes by itself, a change touches what it names, what dies comes back with its data."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.example.running import Running, kill_all

pytestmark = [pytest.mark.engine, pytest.mark.software]
CHART = "stacks/flights/departures/dashboards/delays/charts"


def resources(running: Running, stack: str = "flights-dev") -> dict[str, dict[str, Any]]:
    exported = json.loads(running.pulumi("stack", "export", "-s", stack).stdout)
    return {
        r["urn"].rsplit("::", 1)[-1] + ":" + r["type"].rsplit(":", 1)[-1]: r
        for r in exported["deployment"]["resources"]
    }


def pids(running: Running) -> dict[str, str]:
    """Name of each supervised program -> its process, by the mark that its launcher sets."""
    home, found = str(running.home("flights-dev")), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace")
            parent = re.search(r"PPid:\t(\d+)", (folder / "status").read_text())
        except OSError:
            continue
        mark = re.search(rf"=({re.escape(home)}):([a-z0-9-]+)\0", environment)
        if mark and parent:
            name = mark[2]
            # The first of a program's processes: its parent is the supervisor, which has no mark.
            try:
                above = (Path("/proc") / parent[1] / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{home}:{name}\0" not in above:
                found[name] = folder.name
    return found


def changed(running: Running, *words: str) -> dict[str, int]:
    done = running.data("up", "flights", *words)
    return {op: n for op, n in done["stacks"]["flights-dev"]["changes"].items() if op != "same"}


def asked(running: Running, urn: str, query: str) -> int:
    with running.connected(urn) as connection:
        return int(connection.execute(query.encode()).fetchall()[0][0])


def rows(running: Running) -> int:
    return asked(running, "flights/departures/tables", "SELECT count(*) FROM departures.flights")


def predictions(running: Running) -> int:
    return asked(running, "flights/delay-model/predictions", "SELECT count(*) FROM delay_model.predictions")


def test_a_second_up_changes_nothing(running: Running) -> None:
    done = running.data("up")
    for stack in done["stacks"].values():
        assert set(stack["changes"]) == {"same"}


def test_a_chart_title_imports_one_dashboard_and_restarts_nothing(running: Running) -> None:
    chart = next((running.root / CHART).rglob("*.yaml"))
    text, before = chart.read_text(), pids(running)
    assert before
    chart.write_text(re.sub(r"^slice_name: .*$", "slice_name: A title of today", text, count=1, flags=re.M))
    try:
        assert changed(running) == {"update": 1}
        assert pids(running) == before
    finally:
        chart.write_text(text)
        assert changed(running) == {"update": 1}


def test_a_worker_more_touches_only_workers(running: Running) -> None:
    before = pids(running)
    running.edit("stacks/flights/delay-model.yaml", "workers: 2}", "workers: 3}")
    running.mesh("up", "flights")
    after = pids(running)
    assert set(after) - set(before) == {"delay-model--cluster--worker-2"}
    assert {name: after[name] for name in before} == before
    running.edit("stacks/flights/delay-model.yaml", "workers: 3}", "workers: 2}")
    running.mesh("up", "flights")
    assert pids(running) == before


def test_a_renamed_key_moves_nothing(running: Running) -> None:
    before = pids(running)
    file = running.root / "templates/dask-model.yaml"
    text = file.read_text()
    renamed = text.replace("results: {type: Database,", "store: {type: Database, renamedFrom: results,")
    file.write_text(renamed.replace("${results}", "${store}"))
    try:
        done = running.data("up", "flights")["stacks"]["flights-dev"]["changes"]
        assert not {"replace", "create-replacement", "delete", "delete-replaced", "create"} & set(done)
        assert pids(running) == before
    finally:
        file.write_text(text)
        running.mesh("up", "flights")
    # Renamed back without an alias it is a new resource: it takes the server over, with its data.
    after = pids(running)
    assert {name for name in after if after[name] != before[name]} <= {"delay-model--results"}
    assert predictions(running) == 27_110


@pytest.mark.parametrize(
    "name",
    ["departures--bi--web", "departures--warehouse", "delay-model--models", "route-stats--batch--cluster--master"],
)
def test_a_killed_service_comes_back_by_itself(running: Running, name: str) -> None:
    before = pids(running)[name]
    os.kill(int(before), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (
            pids(running).get(name) not in (None, before)
            and running.mesh("status", "flights", check=False).returncode == 0
        ):
            break
        time.sleep(0.5)
    else:
        pytest.fail(f"{name} did not come back")
    assert rows(running) == 336_776


def test_refresh_sees_a_stopped_service_and_up_starts_it(running: Running) -> None:
    file = running.root / "stacks/Pulumi.flights-dev.yaml"
    text = file.read_text()
    file.write_text(
        text.replace("meshwright:target: local\n", "meshwright:target: local\n  meshwright:autorestart: false\n")
    )
    name = "departures--bi--web"
    try:
        running.mesh("up", "flights")
        os.kill(int(pids(running)[name]), signal.SIGKILL)
        time.sleep(1)
        assert name not in pids(running)
        running.pulumi("refresh", "--yes", "-s", "flights-dev")
        assert resources(running)[f"{name}:Process"]["outputs"]["alive"] is False
        running.pulumi("up", "--yes", "--skip-preview", "-s", "flights-dev")
        assert name in pids(running)
        assert resources(running)[f"{name}:Process"]["outputs"].get("alive") is not False
    finally:
        file.write_text(text)
        running.mesh("up", "flights")


def test_after_a_reboot_up_brings_all_back_with_the_data(running: Running) -> None:
    names = set(pids(running))
    kill_all(running.home("flights-dev"))
    assert running.mesh("status", "flights", check=False).returncode == 1
    running.pulumi("up", "--yes", "--skip-preview", "-s", "flights-dev")
    assert set(pids(running)) == names
    assert running.mesh("status").returncode == 0
    assert rows(running) == 336_776
