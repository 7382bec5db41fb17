"""How often a cron line fires in an average month."""

from __future__ import annotations

MONTH_DAYS = 730 / 24
"""730 hours, the month that clouds bill by."""

_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    **{name: str(i) for i, name in enumerate(_MONTHS, start=1)},
    **{name: str(i) for i, name in enumerate(_WEEKDAYS)},
}


def runs_per_month(cron: str) -> float:
    """Expected runs in 730 hours. Raises ValueError for a line that is no cron line."""
    fields = _WORDS.get(cron.strip().lower(), cron).split()
    if len(fields) != len(_FIELDS):
        raise ValueError("a cron line has five fields")
    minutes, hours, days, months, weekdays = (
        _values(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True)
    )
    by_day, by_weekday = len(days) / 31, len({day % 7 for day in weekdays}) / 7
    if fields[2].startswith("*") or fields[4].startswith("*"):
        share = by_day * by_weekday
    else:
        share = 1 - (1 - by_day) * (1 - by_weekday)  # cron runs where either matches
    return len(minutes) * len(hours) * share * len(months) / 12 * MONTH_DAYS


def _values(field: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        start = low if first == "*" else int(_NAMES.get(first, first))
        end = int(_NAMES.get(last, last)) if dash else (high if first == "*" or step else start)
        if not low <= start <= end <= high or (step and int(step) < 1):
            raise ValueError("a value is outside its field")
        values |= set(range(start, end + 1, int(step or 1)))
    return values
