"""A cron line: five fields, checked before anything is created."""

from __future__ import annotations

import re

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
"""Name and range of each field; in the last one 0 and 7 are Sunday (crontab(5))."""

NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
ITEM = re.compile(r"(?P<all>\*)?(?P<first>\w+)?(-(?P<last>\w+))?(/(?P<step>\d+))?")


def refused(line: str) -> str:
    """Why a line can't be read as cron's; empty if it can."""
    words = line.split()
    if len(words) != len(FIELDS):
        return f"`{line}` is no cron line: minute hour day month weekday"
    for word, (name, low, high) in zip(words, FIELDS, strict=True):
        for item in word.split(","):
            if not _fits(item, name, low, high):
                return f"`{item}` is no {name} in the cron line `{line}`: {low} to {high}"
    return ""


def _fits(item: str, name: str, low: int, high: int) -> bool:
    match = ITEM.fullmatch(item)
    if match is None or (match["all"] is None) == (match["first"] is None) or (match["all"] and match["last"]):
        return False
    if match["step"] is not None and not 1 <= int(match["step"]) <= high:
        return False
    values = [_number(match[part], name, low) for part in ("first", "last") if match[part] is not None]
    numbers = [value for value in values if value is not None and low <= value <= high]
    return len(numbers) == len(values) and numbers == sorted(numbers)


def _number(word: str, name: str, low: int) -> int | None:
    names = NAMES.get(name, [])
    if word.lower() in names:
        return names.index(word.lower()) + low
    return int(word) if word.isascii() and word.isdigit() else None
