"""Starts a program in a container: lays out its files, and ends well at once where its schedule means another hour.

Runs as `python -c <this text> COMMAND ...`, from the standard library alone. BUNDLE names a file: a line, then JSON
{path: text}, which is laid out under FILES. A platform that counts in UTC starts a job by the cron line TRIGGER at
every hour that may be the right one; CRON in the time zone ZONE says which one is.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HEAD = "files"
MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[int, int, Sequence[str]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, MONTHS),
    (0, 7, DAYS),
)


def values(line: str) -> list[set[int]]:
    """What each field of a cron line allows: minute, hour, day, month, weekday (Sunday is 0)."""
    allowed = []
    for text, (low, high, names) in zip(line.lower().split(), FIELDS, strict=True):

        def number(word: str, names: Sequence[str] = names) -> int:
            return names.index(word) if word in names else int(word)

        found: set[int] = set()
        for item in text.split(","):
            span, _, step = item.partition("/")
            first, _, last = span.partition("-")
            start = low if first == "*" else number(first)
            end = number(last) if last else high if first == "*" or step else start
            found.update(range(start, end + 1, int(step or 1)))
        allowed.append(found)
    allowed[4] = {day % 7 for day in allowed[4]}
    return allowed


def due(line: str, when: datetime) -> bool:
    """Whether a cron line means this minute; a day is meant by its date or by its weekday where both are given."""
    minute, hour, day, month, weekday = values(line)
    dated, named = when.day in day, when.isoweekday() % 7 in weekday
    _, _, any_day, _, any_weekday = (field.startswith("*") for field in line.split())
    right_day = (dated or named) if not any_day and not any_weekday else (dated and named)
    return when.minute in minute and when.hour in hour and when.month in month and right_day


def started(trigger: str, now: datetime) -> datetime:
    """The minute at which the platform started us: it may be a while ago, images are pulled first."""
    when = now.replace(second=0, microsecond=0)
    while not due(trigger, when):
        when -= timedelta(minutes=1)
    return when


def lay_out(bundle: Path, folder: Path) -> None:
    """The files of a bundle."""
    head, _, files = bundle.read_text(encoding="utf-8").partition("\n")
    if head != HEAD:
        sys.exit(f"{bundle} holds no files: it starts with {head[:20]!r}")
    for path, text in json.loads(files).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def main() -> None:
    """Files, schedule, program."""
    if "CRON" in os.environ:
        when = started(os.environ["TRIGGER"], datetime.now(UTC))
        if not due(os.environ["CRON"], when.astimezone(ZoneInfo(os.environ["ZONE"]))):
            print(f"{when:%H:%M} UTC is not {os.environ['CRON']} in {os.environ['ZONE']}")
            return
    if "BUNDLE" in os.environ:
        lay_out(Path(os.environ["BUNDLE"]), Path(os.environ["FILES"]))
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
