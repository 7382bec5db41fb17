"""What starts a program in a container: its files are laid out, and a schedule's hour is its time zone's."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from container_start import due, started, values

from components.primitives import Schedule, program
from components.targets.azure_schedule import utc

pytestmark = pytest.mark.processes

YEAR = 2026


def start(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program as a container runs it."""
    environment = {"PATH": os.environ["PATH"], **variables}
    words = [sys.executable, "-c", program("container_start.py"), *command]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)


def test_a_field_is_read_as_cron_reads_it() -> None:
    assert values("*/20 8-10 1,15 jan,3 sun-2") == [{0, 20, 40}, {8, 9, 10}, {1, 15}, {1, 3}, {0, 1, 2}]
    assert values("5/30 * * * 7")[0] == {5, 35}
    assert values("* * * * 7")[4] == {0}


@pytest.mark.parametrize(
    ("line", "day", "is_meant"),
    [
        ("0 5 * * *", 1, True),
        ("0 5 * * 1-5", 1, False),  # the 1st of November 2026 is a Sunday
        ("0 5 * * 0", 1, True),
        ("0 5 2 * *", 1, False),
        ("0 5 2 * 0", 1, True),  # by its date or by its weekday
        ("0 5 * dec *", 1, False),
    ],
)
def test_days(line: str, day: int, is_meant: bool) -> None:
    assert due(line, datetime(YEAR, 11, day, 5, 0)) is is_meant
    assert not due(line, datetime(YEAR, 11, day, 5, 1))


@pytest.mark.parametrize("line", ["0 5 * * *", "30 23 * * 1-5", "15,45 0 1 * *"])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_over_a_year_a_job_runs_exactly_when_its_schedule_says(line: str, zone: str) -> None:
    trigger, own = utc(Schedule(cron=line, timezone=zone)), ZoneInfo(zone)
    runs, minute = [], datetime(YEAR, 1, 2, tzinfo=UTC)
    wanted = []
    while minute.year == YEAR:
        if minute.minute in (0, 15, 30, 45):
            there = minute.astimezone(own)
            if due(line, there):
                wanted.append(minute)
            if due(trigger, minute) and due(line, started(trigger, minute + timedelta(minutes=7)).astimezone(own)):
                runs.append(minute)
        minute += timedelta(minutes=15)
    assert runs == wanted
    assert len(runs) >= 20


def test_files_are_laid_out_before_the_program_runs(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text('files\n{"a/b.txt": "größe\\n", "c.txt": ""}', encoding="utf-8")
    places = {"BUNDLE": str(tmp_path / "bundle"), "FILES": str(tmp_path / "files")}
    done = start("cat", str(tmp_path / "files/a/b.txt"), **places)
    assert (done.returncode, done.stdout) == (0, "größe\n")
    assert (tmp_path / "files/c.txt").read_text() == ""
    (tmp_path / "bundle").write_text("{}")
    assert "holds no files" in start("true", **places).stderr


def test_the_programs_own_end_is_ours() -> None:
    assert start("sh", "-c", "exit 3").returncode == 3


def test_at_another_hour_it_ends_well_and_runs_nothing() -> None:
    hour = datetime.now(UTC).hour
    schedule = {"CRON": f"0 {(hour + 6) % 24} * * *", "ZONE": "UTC", "TRIGGER": f"0 {hour} * * *"}
    done = start("echo", "ran", **schedule)
    assert done.returncode == 0
    assert "ran" not in done.stdout and "UTC is not" in done.stdout
    assert start("echo", "ran", **{**schedule, "CRON": f"0 {hour} * * *"}).stdout == "ran\n"
