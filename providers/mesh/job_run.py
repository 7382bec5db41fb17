"""JobRun: a program that runs to completion, now and whenever what it depends on changes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import uuid
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import clients, marked
from .executors import EXECUTORS
from .fields import (
    COMMON,
    Failure,
    Field,
    at_least,
    legal_files,
    legal_home,
    legal_name,
    legal_variables,
    one_of,
)
from .home import Home, read, write
from .kind import Inputs, Kind, Operation, Outputs
from .process import legal_command
from .refusal import Refusal
from .values import UNKNOWN

CAUSES = (
    *("executor", "environment", "command", "image", "manifest", "taskDefinition", "definition"),
    *("variables", "secrets", "files", "triggers"),
)
"""Inputs whose change runs the job again."""
UNDO_SECONDS = 120
"""Longest time that `undo` may take: what it undoes may be gone already."""


def legal_schedule(value: dict[str, Any]) -> str | None:
    """{cron, timezone?}."""
    cron, zone = value.get("cron"), value.get("timezone", "UTC")
    named = ("@hourly", "@daily", "@weekly", "@monthly")
    if value.keys() - {"cron", "timezone"} or not isinstance(cron, str) or not isinstance(zone, str):
        return "a schedule is a map of `cron` (a text) and `timezone`"
    if cron not in named and len(cron.split()) != 5:
        return f"cron `{cron}` needs five words (minute hour day month weekday), or is one of {', '.join(named)}"
    try:
        zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f"there is no time zone `{zone}`"
    if cron not in named:
        from .scheduler import trigger_of

        try:
            trigger_of(value)
        except (ValueError, KeyError, IndexError) as error:
            return f"cron `{cron}` can't be read: {error}"
    return None


class JobRun(Kind):
    """One job; its definition stays in the home, so that the scheduler and `mesh run` can run it again."""

    fields = {
        **COMMON,
        "home": Field("text", check=legal_home),
        "stack": Field("text", check=legal_name),
        "executor": Field("text", default="process", check=one_of(*EXECUTORS)),
        "environment": Field("text"),
        "command": Field("texts", check=legal_command),
        "image": Field("text"),
        "networks": Field("texts"),
        "dockerHost": Field("text"),
        "manifest": Field("map"),
        "context": Field("text"),
        "region": Field("text"),
        "cluster": Field("text"),
        "taskDefinition": Field("text"),
        "container": Field("text"),
        "subnets": Field("texts"),
        "securityGroups": Field("texts"),
        "subscription": Field("text"),
        "resourceGroup": Field("text"),
        "job": Field("text"),
        "definition": Field("text"),
        "variables": Field("table", check=legal_variables),
        "secrets": Field("table", check=legal_variables),
        "files": Field("table", check=legal_files),
        "triggers": Field("list"),
        "undo": Field("texts", check=legal_command),
        "schedule": Field("map", check=legal_schedule),
        "after": Field("texts"),
        "timeoutSeconds": Field("number", default=3600, check=at_least(0.1)),
    }
    outputs = ("revision", "rows")
    replaced_by = frozenset({"home", "name"})
    probed = True

    def verify(self, new: Inputs) -> Iterator[Failure]:
        for key in EXECUTORS[new["executor"]].needs:
            if new.get(key) is None:
                yield key, f"`{key}` is missing; executor `{new['executor']}` needs it"
        if not new.get("home") and not new.get("stack"):
            yield "home", "`home` is missing, or `stack`, under whose name runs are recorded here"

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if not state or self._runs(old, new) or self.dead(old, state):
            return {"revision": UNKNOWN, "rows": UNKNOWN}
        return {"revision": state.get("revision", UNKNOWN), "rows": state.get("rows")}

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        if not EXECUTORS[inputs["executor"]].stays:
            return None
        there = (_home(inputs).job(inputs["name"]) / "job.json").exists()
        return None if there else "its definition is gone"

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        home, name = _home(inputs), inputs["name"]
        had_data = home.data(name).exists()
        try:
            self._define(inputs)
            return self._run(operation, inputs)
        except BaseException:
            home.forget(home.job(name), *(() if had_data else (home.data(name),)))
            raise

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        runs = self._runs(old, new) or self.dead(old, state) is not None
        job = _home(new).job(new["name"])
        before = read(job / "job.json")
        self._define(new)
        if not runs:
            return {"revision": state["revision"], "rows": state.get("rows")}
        try:
            return self._run(operation, new)
        except BaseException:
            # The state keeps the old inputs; so does the definition that the scheduler runs.
            if before:
                self._define(old)
            raise

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:
        home, name = _home(inputs), inputs["name"]
        job = home.job(name)
        if job.exists() or not EXECUTORS[inputs["executor"]].stays:
            # No schedule starts it any more, and a run that is going on is ended and waited for.
            limit = min(UNDO_SECONDS, inputs["timeoutSeconds"])
            undone = self._define({**inputs, "schedule": None, "after": [], "timeoutSeconds": limit})
            self._hold(home, name)
            if undone:
                self._undo(operation, home, name)
            (job / "job.json").unlink(missing_ok=True)
            self._hold(home, name)
        home.forget(job, home.data(name))

    @staticmethod
    def _runs(old: Inputs, new: Inputs) -> bool:
        return any(old.get(key) != new.get(key) for key in CAUSES)

    @staticmethod
    def _hold(home: Home, name: str) -> None:
        marked.end(marked.JOB, home.path, name)
        with (home.job(name) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    @staticmethod
    def _define(inputs: Inputs) -> bool:
        """Write the definition that the runner reads: 0600, secrets inside. Gives whether it can be undone."""
        home, name = _home(inputs), inputs["name"]
        home.make()
        job = home.job(name)
        job.mkdir(parents=True, exist_ok=True, mode=0o700)
        executor, secrets = EXECUTORS[inputs["executor"]], inputs.get("secrets", {})
        started = executor.start(inputs, home)
        definition = {
            "name": name,
            "argv": started.argv,
            "undo": started.undo,
            "env": started.env,
            "live": started.live,
            # A pod has its own from the cluster: here they are only masked, and no client takes one for its key.
            "secrets": secrets if executor.stays else {},
            "masks": [] if executor.stays else sorted(secrets.values()),
            "cwd": str(home.data(name)),
            "timeoutSeconds": inputs["timeoutSeconds"],
            "schedule": inputs.get("schedule"),
            "after": inputs.get("after", []),
            "tags": inputs.get("tags", {}),
        }
        write(job / "job.json", json.dumps(definition, indent=1))
        return started.undo is not None

    def _run(self, operation: Operation, inputs: Inputs) -> Outputs:
        home, name, run = _home(inputs), inputs["name"], str(uuid.uuid4())
        code, errors = _runner(operation, "run", home, name, run)
        operation.checkpoint()
        record = last_run(home, name, run)
        if record is None:
            raise Refusal(f"job `{name}` could not be run: {operation.masks(errors)}")
        if not record["ok"]:
            lines = "\n".join(f"  {operation.masks(line)}" for line in record["lines"])
            raise Refusal(
                f"job `{name}` failed with exit code {code}" + (f"; its last lines:\n{lines}" if lines else "")
            )
        rows = record.get("rows")
        return {"revision": run, "rows": rows if isinstance(rows, (int, float)) else None}

    @staticmethod
    def _undo(operation: Operation, home: Home, name: str) -> None:
        # A delete that was interrupted must still go on to undo: only this run listens to the interruption.
        code, errors = _runner(operation, "undo", home, name, str(uuid.uuid4()))
        if code:
            last = (errors.strip() or "no output").splitlines()[-1]
            operation.warn(f"what job `{name}` did could not be undone (exit code {code}): {last}")


def _home(inputs: Inputs) -> Home:
    """Where the job is defined and its runs are recorded: as told, else a folder of the stack on this machine."""
    if inputs.get("home"):
        return Home(Path(inputs["home"]))
    states = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Home(states / "meshwright" / inputs["stack"])


def last_run(home: Home, name: str, run: str) -> dict[str, Any] | None:
    """The record of a run."""
    for line in reversed((read(home.logs / f"{name}.runs.jsonl") or "").splitlines()):
        record: dict[str, Any] = json.loads(line)
        if record["run"] == run:
            return record
    return None


def _runner(operation: Operation, what: str, home: Home, name: str, run: str) -> tuple[int, str]:
    """The runner in a process of its own, which ends with ours; its exit code and last output."""
    words = [sys.executable, "-S", "-E", "-s", str(Path(__file__).with_name("runner.py")), what, str(home.path), name]
    process = subprocess.Popen(
        [*words, "--by", "pulumi", "--id", run, "--tied"],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **clients.live()},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if what == "run" else subprocess.PIPE,
        stderr=subprocess.STDOUT if what == "undo" else subprocess.PIPE,
        start_new_session=True,
    )
    delay = 0.02
    while process.poll() is None:
        if operation.cancelled.wait(delay):
            process.send_signal(signal.SIGTERM)
            process.wait()
            break
        delay = min(delay * 1.1, 0.2)
    output = (process.stdout or process.stderr).read().decode(errors="replace")  # type: ignore[union-attr]
    if process.stdin:
        process.stdin.close()
    return process.returncode, output
