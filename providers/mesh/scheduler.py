"""Runs a home's jobs by cron and after each other: `python scheduler.py HOME`, as a Process of the stack."""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import json
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from providers.mesh.home import Home, read
from providers.mesh.runner import revision

RESCAN = 2.0
"""Seconds between looks at the definitions and revisions."""


class Schedule:
    """Keeps APScheduler's jobs equal to the definitions in `<home>/jobs`, and starts runs."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(20)})
        self.crons: dict[str, dict[str, Any]] = {}
        self.running: set[str] = set()
        self.children: set[subprocess.Popen[bytes]] = set()
        self.guard = threading.Lock()

    def scan(self) -> None:
        """Follow the definitions once."""
        wanted = dict(self._definitions())
        for name in self.crons.keys() - {name for name, job in wanted.items() if job.get("schedule")}:
            self.scheduler.remove_job(name)
            del self.crons[name]
        for name, job in wanted.items():
            cron = job.get("schedule")
            if cron and self.crons.get(name) != cron:
                trigger = trigger_of(cron)
                self.scheduler.add_job(
                    self.run,
                    trigger,
                    (name, "schedule"),
                    id=name,
                    replace_existing=True,
                    coalesce=True,
                    misfire_grace_time=3600,
                )
                self.crons[name] = cron
            if job.get("after") and self._refilled(name, job["after"]):
                threading.Thread(target=self.run, args=(name, "after"), daemon=True).start()

    def run(self, name: str, by: str) -> None:
        """Run a job now, unless a run of it that we started is still going on."""
        with self.guard:
            if name in self.running:
                return
            self.running.add(name)
        words = [sys.executable, "-s", str(Path(__file__).with_name("runner.py")), "run", str(self.home.path), name]
        child = subprocess.Popen(
            [*words, "--by", by, "--tied"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.children.add(child)
        print(f"{name}: started by {by}", flush=True)
        errors = child.stderr.read().decode(errors="replace") if child.stderr else ""
        code = child.wait()
        print(f"{name}: ended with exit code {code} {errors}".rstrip(), flush=True)
        with self.guard:
            self.children.discard(child)
            self.running.discard(name)

    def _definitions(self) -> Any:
        for path in sorted(self.home.path.glob("jobs/*/job.json")):
            with suppress(ValueError):
                yield path.parent.name, json.loads(read(path) or "")

    def _refilled(self, name: str, after: list[str]) -> bool:
        """Whether a job it comes after has succeeded since this one last ran, and none of them is missing."""
        with self.guard:
            if name in self.running:
                return False
        now = {path: revision(Path(path)) for path in after}
        try:
            seen = json.loads(read(self.home.job(name) / "seen.json") or "")
        except ValueError:
            return False  # it never ran: its first run is `pulumi up`'s
        return all(now.values()) and any(seen.get(path) != found for path, found in now.items() if path in seen)


def trigger_of(cron: dict[str, Any]) -> Any:
    """The trigger of {cron: five words, or @hourly and the like; timezone}, as crontab(5) has it."""
    words = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * sun", "@monthly": "0 0 1 * *"}
    minute, hour, day, month, weekday = words.get(cron["cron"], cron["cron"]).split()

    def at(**days: str) -> CronTrigger:
        zone = cron.get("timezone") or "UTC"
        return CronTrigger(minute=minute, hour=hour, month=month, timezone=zone, **days)

    if day.startswith("*") or weekday.startswith("*"):
        return at(day=day, day_of_week=weekdays(weekday))
    return OrTrigger([at(day=day), at(day_of_week=weekdays(weekday))])  # where both are given, either is enough


def weekdays(field: str) -> str:
    """A crontab's day-of-week field in names: there 0 and 7 are Sunday, APScheduler counts from Monday."""
    names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    def number(word: str) -> int:
        return int(word) if word.isdigit() else names.index(word.lower())

    days: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        low = 0 if span == "*" else number(first)
        high = number(last) if dash else 6 if span == "*" or step else low
        days |= {value % 7 for value in range(low, high + 1, int(step or 1))}
    return ",".join(names[value] for value in sorted(days)) if len(days) < 7 else "*"


def main() -> None:
    """Stay until SIGTERM; runs that are going on are then ended."""
    home = Home(Path(sys.argv[1]))
    schedule = Schedule(home)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    schedule.scheduler.start()
    print(f"following the jobs of {home.path}", flush=True)
    while not ended.is_set():
        schedule.scan()
        ended.wait(RESCAN)
    schedule.scheduler.shutdown(wait=False)
    for child in list(schedule.children):
        child.terminate()
    deadline = time.monotonic() + 8
    while schedule.children and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
