"""A program under supervision: rendered, started, watched until healthy, stopped, removed."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import marked, ports
from .health import PATIENT, Endpoint
from .home import Home, read, tail, write, write_tree
from .kind import Operation
from .refusal import Refusal
from .supervisor import ENDED, FATAL, RUNNING, STARTING, Supervisor

PLACEHOLDER = re.compile(r"\{\{(?:([a-z0-9_-]+)\.(host|port)|(data|scratch|files|logs))\}\}", re.IGNORECASE)
# What a program may need of our surroundings: how to reach the network, and nothing that holds a secret of ours.
PASSED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "TZ")
STARTS = 4  # a program that ended so often before it was healthy will not become so


def fill(text: str, places: Mapping[str, Path], addresses: Mapping[str, tuple[str, int]]) -> str:
    """Replace `{{data}}`, `{{scratch}}`, `{{files}}`, `{{logs}}`, `{{<endpoint>.host}}` and `.port`; leave all else."""

    def value(match: re.Match[str]) -> str:
        if match[3]:
            return str(places["data" if match[3] == "scratch" else match[3]])
        if match[1] in addresses:
            return str(addresses[match[1]][0 if match[2] == "host" else 1])
        return match[0]

    return PLACEHOLDER.sub(value, text)


def surroundings(environment: str | None, data: Path) -> dict[str, str]:
    """The environment variables that every program and job gets."""
    values = {key: os.environ[key] for key in PASSED if key in os.environ}
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    if environment:
        values["VIRTUAL_ENV"] = environment
        path = f"{environment}/bin:{path}"
    return {**values, "PATH": path, "HOME": str(data), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def executable(word: str, environment: str | None) -> str:
    """The full path of a command: looked up in the environment's `bin` where it has no slash."""
    if "/" in word:
        return word
    if not environment:
        raise Refusal(f"command `{word}` needs an environment, or a full path")
    path = Path(environment, "bin", word)
    if not os.access(path, os.X_OK):
        raise Refusal(f"there is no command `{word}` in the environment {environment}")
    return str(path)


@dataclass
class Program:
    """Everything the supervised process sees; `spec()` decides whether a change restarts it."""

    home: Home
    name: str
    argv: list[str]
    environment: dict[str, str]
    endpoints: list[Endpoint]
    files: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    autorestart: bool = True
    start_seconds: float = 60
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    stop_group: bool = True

    def spec(self) -> str:
        """What the launcher reads."""
        mark = {marked.PROCESS: f"{self.home.path}:{self.name}"}
        spec = {
            "argv": self.argv,
            "env": {**self.environment, **self.secrets, **mark},
            "cwd": str(self.home.data(self.name)),
        }
        return json.dumps(spec, indent=1, sort_keys=True)

    def up(self, operation: Operation, ready: Callable[[], bool] | None = None) -> bool:
        """Run it as rendered and wait until it is healthy; whether it was (re)started."""
        supervisor = Supervisor(self.home)
        folder = self.home.run(self.name)
        self.home.data(self.name).mkdir(parents=True, exist_ok=True, mode=0o700)
        stale = {path for path in self.files if read(folder / "files" / path) != self.files[path]}
        before = {str(path.relative_to(folder / "files")) for path in (folder / "files").rglob("*") if path.is_file()}
        write_tree(folder / "files", self.files)
        spec = self.spec()
        changed = read(folder / "spec.json") != spec
        restart = changed or bool(stale | (before - self.files.keys()))
        write(folder / "spec.json", spec)
        pids = set(marked.find(marked.PROCESS, self.home.path, self.name))
        for endpoint in self.endpoints:
            self._refuse_taken(endpoint, pids)
        log = self.home.log(self.name)
        start = log.stat().st_size if log.exists() else 0
        text = supervisor.program(
            self.name, folder / "spec.json", self.autorestart, self.stop_signal, self.stop_seconds, self.stop_group
        )
        was = (supervisor.info(self.name) or {}).get("pid")
        supervisor.put(self.name, text, restart)
        self._wait(operation, supervisor, start, ready)
        return was != (supervisor.info(self.name) or {}).get("pid")

    def _wait(self, operation: Operation, supervisor: Supervisor, start: int, ready: Callable[[], bool] | None) -> None:
        deadline, delay, pids = time.monotonic() + self.start_seconds, 0.05, set()
        waiting = list(self.endpoints)
        while True:
            operation.checkpoint()
            info = supervisor.info(self.name) or {"state": FATAL, "pid": 0, "exitstatus": 0, "spawnerr": ""}
            if info["pid"]:
                pids.add(info["pid"])
            if info["state"] in ENDED or (len(pids) >= STARTS and info["state"] != RUNNING):
                again = f" {len(pids)} times" if len(pids) > 1 else ""
                self._taken_meanwhile()
                ended = f"ended{again} with exit code {info['exitstatus']}"
                what = ended if pids or not info["spawnerr"] else f"can't be started: {info['spawnerr']}"
                raise self._failure(operation, what, start)
            waiting = [endpoint for endpoint in waiting if not endpoint.answers()]
            alive = info["state"] == RUNNING or (info["state"] == STARTING and self.endpoints)
            if not waiting and alive and self._ours(info["pid"]) and (ready is None or ready()):
                return
            if time.monotonic() > deadline:
                self._taken_meanwhile()
                silent = ", ".join(f"`{endpoint.name}` (port {endpoint.port})" for endpoint in waiting)
                what = f"; endpoint {silent} does not answer" if silent else ""
                raise self._failure(operation, f"is not healthy after {self.start_seconds:g} s{what}", start)
            operation.sleep(delay)
            delay = min(delay * 1.2, 0.5)

    def _ours(self, pid: int) -> bool:
        """Whether the program itself, or a process it started, listens on every endpoint."""
        if all(endpoint.held_by({pid}) for endpoint in self.endpoints):
            return True
        pids = set(marked.find(marked.PROCESS, self.home.path, self.name))
        for endpoint in self.endpoints:
            self._refuse_taken(endpoint, pids)
        return all(endpoint.held_by(pids) for endpoint in self.endpoints)

    def _refuse_taken(self, endpoint: Endpoint, pids: set[int]) -> None:
        deadline = time.monotonic() + 1  # a process of ours that just ended may hold its sockets some moments longer
        while (taken := endpoint.taken(pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
            pids = set(marked.find(marked.PROCESS, self.home.path, self.name))
        if taken:
            who = ports.holder(endpoint.port)
            raise Refusal(
                f"port {endpoint.port} of endpoint `{endpoint.name}` of `{self.name}` is taken by {who}; "
                "stop that program and run again"
            )

    def _taken_meanwhile(self) -> None:
        pids = set(marked.find(marked.PROCESS, self.home.path, self.name))
        for endpoint in self.endpoints:
            self._refuse_taken(endpoint, pids)

    def _failure(self, operation: Operation, what: str, start: int) -> Refusal:
        lines = tail(self.home.log(self.name), 20, start)
        shown = "; its last lines:\n" + "\n".join(f"  {operation.masks(line)}" for line in lines) if lines else ""
        return Refusal(f"`{self.name}` {what}{shown}")

    def dead(self) -> str | None:
        """Why it is not healthy, or None; asks supervisor and the endpoints."""
        info = Supervisor(self.home).info(self.name)
        if info is None:
            return "its supervisor does not run"
        if info["state"] not in (RUNNING, STARTING):
            return f"it is {info['statename'].lower()}"
        for endpoint in self.endpoints:
            if not endpoint.answers(PATIENT):
                return f"endpoint `{endpoint.name}` does not answer"
        try:
            return None if self._ours(info["pid"]) else "another program has its port"
        except Refusal as refusal:
            return str(refusal)


def remove(home: Home, name: str) -> None:
    """End a program and remove all of it but its logs."""
    Supervisor(home).remove(name)
    ports.Ports(home, name).release()
    home.forget(home.run(name), home.data(name))


def addresses(
    home: Home, name: str, wanted: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any], bind: str
) -> dict[str, int]:
    """The port of every endpoint: the one in the state, the one wanted, or one chosen now."""
    home.make()
    home.run(name).mkdir(parents=True, exist_ok=True, mode=0o700)
    book = ports.Ports(home, name)
    chosen = {}
    for endpoint, about in wanted.items():
        port = about.get("port") or known.get(endpoint, {}).get("port")
        chosen[endpoint] = book.claim(int(port), endpoint) if port else book.choose(endpoint, bind)
    return chosen


def reachable(bind: str) -> str:
    """The host that clients use for a bind address."""
    if bind in ("0.0.0.0", "::"):
        return socket.gethostname()
    return bind


def probe_host(bind: str) -> str:
    """The address at which we ask a service that binds so."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
