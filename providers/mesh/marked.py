"""Finds the processes that belong to a program or a job by a mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

PROCESS = "MESH_PROCESS"
"""Environment variable of every process of a supervised program: `<home>:<name>`."""
JOB = "MESH_JOB"
"""Environment variable of every process of a job: `<home>:<name>`."""


def find(variable: str, home: Path, name: str | None = None) -> dict[int, str]:
    """Living processes so marked, as {pid: name}; all names of a home where `name` is None.

    Read from /proc/<pid>/environ: children inherit the mark, also those that left the process group.
    """
    wanted = f"{variable}={home}:".encode()
    found: dict[int, str] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            environment = Path(entry.path, "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile, or another user's
        if wanted not in environment:
            continue
        for item in environment.split(b"\0"):
            if item.startswith(wanted):
                marked = item[len(wanted) :].decode(errors="replace")
                if name in (None, marked):
                    found[int(entry.name)] = marked
    return found


def end(
    variable: str, home: Path, name: str | None = None, stop: int = signal.SIGTERM, seconds: float = 10.0
) -> list[int]:
    """End all so marked processes: `stop` first, SIGKILL after `seconds`. Gives the pids that were there."""
    first = list(find(variable, home, name))
    for pid in first:
        _send(pid, stop)
    deadline = time.monotonic() + seconds
    while left := find(variable, home, name):
        if time.monotonic() > deadline:
            for pid in left:
                _send(pid, signal.SIGKILL)
            if time.monotonic() > deadline + 5:
                break  # a process in uninterruptible sleep: nothing more can be done
        time.sleep(0.02)
    return first


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
