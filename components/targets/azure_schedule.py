"""Schedules on Azure: Container Apps counts in UTC, a schedule in the time of its zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from components.primitives import Schedule


def utc(schedule: Schedule) -> str:
    """A cron line in UTC for every time that may be the schedule's; what its days are is asked when the job starts.

    A zone has more than one distance to UTC in a year, so there are more starts than runs (container_start.py).
    """
    offsets = distances(schedule.timezone)
    if offsets == {0}:
        return schedule.cron
    minutes, hours = (numbers(field, size) for field, size in zip(schedule.cron.split(), (60, 24), strict=False))
    times = {(hour * 60 + minute - offset) % 1440 for hour in hours for minute in minutes for offset in offsets}
    return f"{written({time % 60 for time in times})} {written({time // 60 for time in times})} * * *"


def distances(zone: str) -> set[int]:
    """Minutes by which a zone is ahead of UTC in the course of this year."""
    known, year = ZoneInfo(zone), datetime.now().year
    found = (datetime(year, month, 15, tzinfo=known).utcoffset() for month in range(1, 13))
    return {int(offset.total_seconds()) // 60 for offset in found if offset is not None}


def numbers(field: str, size: int) -> set[int]:
    """The minutes or hours, of `size`, that a field of a cron line means."""
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = 0 if first == "*" else int(first)
        end = int(last) if last else size - 1 if first == "*" or step else start
        found.update(range(start, end + 1, int(step or 1)))
    return found


def written(values: set[int]) -> str:
    """Numbers as a field of a cron line."""
    return ",".join(map(str, sorted(values)))
