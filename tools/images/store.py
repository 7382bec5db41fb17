"""Store: blobs by their digest in the user's cache, each written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from components.errors import UserError


def default_root() -> Path:
    """`$XDG_CACHE_HOME/meshwright/images` (XDG base directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshwright" / "images"


class Store:
    """Everything in it can be deleted at any time; it is made or fetched again."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        try:
            for folder in ("blobs/sha256", "notes", "work"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the cache {self.root} can't be written: {error.strerror}", hint="set XDG_CACHE_HOME"
            ) from None

    def path(self, digest: str) -> Path:
        """Where the blob of a digest lies, or would."""
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob is here, whole."""
        path = self.path(digest)
        return path.is_file() and path.stat().st_size == size

    def add(self, content: bytes) -> str:
        """Keep a small blob; its digest."""
        return self.take(iter([content]))

    def take(self, chunks: Iterable[bytes], wanted: str = "") -> str:
        """Keep a blob as it comes; ValueError where it isn't the one that was wanted."""
        digest = hashlib.sha256()
        with self.writing() as (file, keep):
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            name = f"sha256:{digest.hexdigest()}"
            if wanted and name != wanted:
                raise ValueError(f"came as {name}, not as {wanted}")
            keep(name)
        return name

    @contextmanager
    def writing(self) -> Iterator[tuple[IO[bytes], Any]]:
        """A file, and what gives it its digest as a name; nothing stays of one that got no name."""
        handle, path = tempfile.mkstemp(dir=self.root / "work")
        file = os.fdopen(handle, "wb")

        def keep(digest: str) -> None:
            file.close()
            Path(path).chmod(0o644)
            Path(path).replace(self.path(digest))

        try:
            yield file, keep
        finally:
            file.close()
            with suppress(FileNotFoundError):
                Path(path).unlink()

    def note(self, key: str) -> dict[str, Any] | None:
        """What was noted of something made before."""
        try:
            found: dict[str, Any] = json.loads((self.root / "notes" / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def write_note(self, key: str, what: dict[str, Any]) -> None:
        """Note it for the next time."""
        with tempfile.NamedTemporaryFile("w", dir=self.root / "work", delete=False, encoding="utf-8") as file:
            json.dump(what, file, sort_keys=True)
        Path(file.name).replace(self.root / "notes" / f"{key}.json")

    @contextmanager
    def locked(self, key: str) -> Iterator[Path]:
        """A folder for work on `key`, for one process at a time."""
        with (self.root / "work" / f"{key}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield self.root / "work" / key
