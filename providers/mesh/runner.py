"""Runs one job once: `python runner.py run HOME NAME --by hand`; every run of every job goes through here.

Streams the job's output (secrets masked) to stdout and `logs/NAME.log`, appends a record to `logs/NAME.runs.jsonl`,
and exits with the job's code (124: time limit, 130: interrupted, 2: could not run). It starts fast: standard library
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import argparse
import fcntl
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from providers.mesh import clients, marked
from providers.mesh.home import NAME, Home, read, write
from providers.mesh.masks import Masks

RESULT = "MESH_RESULT"
"""Environment variable with the path of a file into which a job may write its metrics, as one JSON object."""
METRICS = "::mesh::"
"""Begin of an output line that carries metrics as a JSON object: `::mesh:: {"rows": 123}`."""
LAST = 20
TIMED_OUT, INTERRUPTED, COULD_NOT = 124, 130, 2


class Run:
    """One run of a job, from its lock to its record."""

    def __init__(self, home: Home, name: str, by: str, run: str) -> None:
        self.home, self.name, self.by, self.run = home, name, by, run
        self.folder = home.job(name)
        text = read(self.folder / "job.json")
        if text is None:
            raise SystemExit(f"there is no job `{name}` in {home.path}")
        self.job: dict[str, Any] = json.loads(text)
        self.masks = Masks([*self.job.get("masks", []), *self.job.get("secrets", {}).values()])
        self.lines: deque[str] = deque(maxlen=LAST)
        self.metrics: dict[str, Any] = {}
        self.child: subprocess.Popen[bytes] | None = None
        self.stopped: int | None = None

    def go(self, undo: bool = False) -> int:
        """Run, record, and give the exit code."""
        start = datetime.now(UTC)
        command = self.job["undo"] if undo else self.job["argv"]
        self._note_sources()
        result = self.folder / f".result.{self.run}"
        self.home.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.home.log(self.name).open("a") as log:
            log.write(f"--- {start:%Y-%m-%dT%H:%M:%SZ} run {self.run} by {self.by}\n")
            code = self._execute(command, result, log)
        with suppress(ValueError):
            self.metrics |= json.loads(read(result) or "{}")
        result.unlink(missing_ok=True)
        if not undo:
            self._record(start, code)
        return code

    def _execute(self, command: list[str], result: Path, log: Any) -> int:
        mark = {marked.JOB: f"{self.home.path}:{self.name}", RESULT: str(result), "MESH_RUN": self.run}
        rights = clients.live() if self.job.get("live") else {}
        Path(self.job["cwd"]).mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.child = subprocess.Popen(
                command,
                env={**rights, **self.job["env"], **self.job.get("secrets", {}), **mark},
                cwd=self.job["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._line(f"{command[0]} can't be started: {error.strerror}", log)
            return COULD_NOT
        if self.stopped is not None:  # interrupted while it started
            self._end()
        timer = threading.Timer(self.job["timeoutSeconds"], self.stop, (TIMED_OUT,))
        timer.daemon = True
        timer.start()
        reader = threading.Thread(target=self._read, args=(log,), daemon=True)
        reader.start()
        code = self.child.wait()
        timer.cancel()
        # What the job left behind would hold its output open, and outlive it.
        marked.end(marked.JOB, self.home.path, self.name, signal.SIGTERM, 5)
        reader.join(5)
        if self.stopped == TIMED_OUT:
            self._line(f"ended after the time limit of {self.job['timeoutSeconds']} s", log)
        return self.stopped if self.stopped is not None else code if code >= 0 else 128 - code

    def _read(self, log: Any) -> None:
        assert self.child and self.child.stdout
        for raw in self.child.stdout:
            self._line(raw.decode(errors="replace").rstrip("\r\n"), log)

    def _line(self, line: str, log: Any) -> None:
        if line.startswith(METRICS):
            with suppress(ValueError):
                self.metrics |= json.loads(line[len(METRICS) :])
                return
        shown = self.masks(line)
        self.lines.append(shown)
        log.write(shown + "\n")
        log.flush()
        with suppress(BrokenPipeError):
            print(shown, flush=True)

    def stop(self, code: int) -> None:
        """End the job's processes; the run then has this exit code."""
        if self.stopped is None:
            self.stopped = code
            threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        if not self.child:
            return
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self.child.poll() is not None:
                    return
                time.sleep(0.02)

    def _note_sources(self) -> None:
        """Which revisions of the jobs it comes after this run has seen, successful or not: none is tried twice."""
        after = self.job.get("after", [])
        write(self.folder / "seen.json", json.dumps({path: revision(Path(path)) for path in after}))

    def _record(self, start: datetime, code: int) -> None:
        record = {
            "job": self.name,
            "run": self.run,
            "by": self.by,
            "start": start.isoformat(timespec="milliseconds"),
            "end": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "ok": code == 0,
            "code": code,
            "rows": self.metrics.get("rows"),
            "metrics": self.metrics,
            "lines": list(self.lines),
        }
        with (self.home.logs / f"{self.name}.runs.jsonl").open("a") as file:
            file.write(self.masks(json.dumps(record)) + "\n")
        if code == 0 and (self.folder / "job.json").exists():  # deleted meanwhile: leave nothing
            write(self.folder / "revision", self.run)


def revision(job: Path) -> str | None:
    """The id of a job's newest successful run."""
    return read(job / "revision")


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("run", "undo"))
    parser.add_argument("home", type=Path)
    parser.add_argument("name")
    parser.add_argument("--by", default="hand", choices=("pulumi", "schedule", "after", "hand"))
    parser.add_argument("--id", default="")
    parser.add_argument("--tied", action="store_true", help="end the job when our stdin is closed")
    given = parser.parse_args(words)
    if not NAME.fullmatch(given.name):
        parser.error(f"`{given.name}` is no legal name of a job")
    home = Home(given.home)
    folder = home.job(given.name)
    if not folder.exists():
        parser.error(f"there is no job `{given.name}` in {home.path}")
    stopping: list[Run] = []

    def interrupted(*_: object) -> None:
        if not stopping:
            os._exit(INTERRUPTED)  # still waiting for another run to end
        stopping[0].stop(INTERRUPTED)

    def orphaned() -> None:
        # Not sys.stdin: a thread that waits in it makes the interpreter abort at its end.
        while os.read(0, 4096):
            pass
        interrupted()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if given.tied:
        threading.Thread(target=orphaned, daemon=True).start()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = Run(home, given.name, given.by, given.id or str(uuid.uuid4()))
        stopping.append(run)
        return run.go(undo=given.what == "undo")


if __name__ == "__main__":
    sys.exit(main())
