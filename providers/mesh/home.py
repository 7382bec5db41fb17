"""A stack's data directory: where everything of it lies, and how files are written there."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?")
"""Names of programs and jobs: they become file names and supervisor's program names."""


@dataclass(frozen=True)
class Home:
    """The data directory of one stack; after the last delete it holds only `logs/`."""

    path: Path

    def run(self, name: str) -> Path:
        """How a program is started: its spec (secrets inside, 0600) and its files."""
        return self.path / "run" / name

    def data(self, name: str) -> Path:
        """What a program keeps over restarts; removed when its resource is deleted."""
        return self.path / "data" / name

    def job(self, name: str) -> Path:
        """A job's definition, revision and files."""
        return self.path / "jobs" / name

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the directory and its logs, readable by its owner alone."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True, mode=0o700)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclusive hold of the directory itself, over threads and processes; leaves no lock file behind."""
        self.make()
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def forget(self, *paths: Path) -> None:
        """Remove directories, and then what is empty above them."""
        for path in paths:
            shutil.rmtree(path, ignore_errors=True)
        for folder in ("run", "data", "jobs"):
            with suppress(OSError):
                (self.path / folder).rmdir()


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file whole or not at all, never readable by others on the way."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    fresh.replace(path)


def read(path: Path) -> str | None:
    """A file's text, or None where there is none."""
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_tree(folder: Path, files: dict[str, str]) -> bool:
    """Make `folder` hold exactly these files (relative path: text); whether anything changed."""
    changed = False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for relative, text in files.items():
        if read(folder / relative) != text:
            write(folder / relative, text)
            changed = True
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and str(path.relative_to(folder)) not in files and "__pycache__" not in path.parts:
            path.unlink()
            changed = True
    return changed


def tail(path: Path, lines: int = 20, start: int = 0) -> list[str]:
    """The last lines of a log, read from byte `start` on and at most the last 64 KiB."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = start if start <= size else 0  # rotated meanwhile
            file.seek(max(start, size - 65536))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
