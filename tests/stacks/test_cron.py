"""Cron lines: those that are taken, and what is said of the others."""

from __future__ import annotations

import pytest

from policies.cron import runs_per_month
from providers.mesh.scheduler import trigger_of
from stacks.cron import refused


@pytest.mark.parametrize(
    "line",
    [
        "0 5 * * *",
        "*/15 6-22 * * mon-fri",
        "0 0 1,15 * 0,7",
        "0-59/10 1 1 jan,DEC sun",
        "5 4 31 12 7",
        "  0 5 * * *  ",
    ],
)
def test_a_line_is_taken_and_understood_by_all_who_read_it(line: str) -> None:
    assert refused(line) == ""
    assert runs_per_month(line) > 0
    assert trigger_of({"cron": line, "timezone": "UTC"}) is not None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "`` is no cron line: minute hour day month weekday"),
        ("0 5 * *", "`0 5 * *` is no cron line: minute hour day month weekday"),
        ("@daily", "`@daily` is no cron line: minute hour day month weekday"),
        ("60 * * * *", "`60` is no minute in the cron line `60 * * * *`: 0 to 59"),
        ("0 24 * * *", "`24` is no hour in the cron line `0 24 * * *`: 0 to 23"),
        ("0 0 0 * *", "`0` is no day in the cron line `0 0 0 * *`: 1 to 31"),
        ("0 0 1 13 *", "`13` is no month in the cron line `0 0 1 13 *`: 1 to 12"),
        ("0 0 * * 8", "`8` is no weekday in the cron line `0 0 * * 8`: 0 to 7"),
        ("0 0 * * noday", "`noday` is no weekday in the cron line `0 0 * * noday`: 0 to 7"),
        ("0 mon * * *", "`mon` is no hour in the cron line `0 mon * * *`: 0 to 23"),
        ("5-1 * * * *", "`5-1` is no minute in the cron line `5-1 * * * *`: 0 to 59"),
        ("*-3 * * * *", "`*-3` is no minute in the cron line `*-3 * * * *`: 0 to 59"),
        ("*/0 * * * *", "`*/0` is no minute in the cron line `*/0 * * * *`: 0 to 59"),
        ("1, * * * *", "`` is no minute in the cron line `1, * * * *`: 0 to 59"),
        ("-1 * * * *", "`-1` is no minute in the cron line `-1 * * * *`: 0 to 59"),
        ("² * * * *", "`²` is no minute in the cron line `² * * * *`: 0 to 59"),
    ],
)
def test_another_line_is_refused(line: str, why: str) -> None:
    assert refused(line) == why
