"""The last of this folder: destroy leaves no process, port or file but logs, and tombstones in the catalogue."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.example.running import Running

pytestmark = [pytest.mark.engine, pytest.mark.software]


def test_a_domain_that_others_read_is_kept(running: Running) -> None:
    done = running.mesh("destroy", "weather", "--yes", check=False)
    assert done.returncode == 2
    assert "flights-dev reads weather-dev" in done.stderr


def test_destroy_leaves_only_logs(running: Running) -> None:
    listening = [row["address"] for row in running.data("status")]
    assert len(listening) > 10
    running.mesh("destroy", "--yes")
    homes = [running.home(stack) for stack in ("weather-dev", "flights-dev")]
    for home in homes:
        left = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
        assert [path for path in left if not path.startswith("logs/")] == []
    for address in listening:
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0, f"{address} still listens"
    marks = [str(home).encode() for home in homes]
    alive = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(mark in (folder / "cmdline").read_bytes() for mark in marks):
                alive.append(folder.name)
        except OSError:
            continue
    assert alive == []
    states = {entry["name"]: entry["state"] for entry in running.data("catalogue", "show")}
    assert set(states.values()) == {"tombstone"}
