"""World: what stands in a cloud that a recording stand-in plays, in a folder that outlives the plugin."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

PLACE = "MESH_STAND_IN_WORLD"
"""Environment variable with the folder."""


class World:
    """Things by their ids, and every request in the order of its end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.Lock()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was asked: {operation, type, id, inputs}."""
        file = self.folder / "requests.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def things(self) -> list[dict[str, Any]]:
        """What is there: {type, id, name, outputs}."""
        with self._lock:
            return [json.loads(file.read_text()) for file in sorted(self.folder.glob("things/*.json"))]

    def note(self, operation: str, kind: str, identity: str, inputs: dict[str, Any]) -> None:
        """Keep a request."""
        line = json.dumps({"operation": operation, "type": kind, "id": identity, "inputs": inputs})
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock, (self.folder / "requests.jsonl").open("a") as file:
            file.write(line + "\n")

    def find(self, kind: str, identity: str) -> dict[str, Any] | None:
        """The outputs of a thing; None where it is gone."""
        found = self._thing(kind, identity)
        return dict(found["outputs"]) if found else None

    def name(self, kind: str, identity: str) -> str | None:
        """What a thing was called when it was made."""
        found = self._thing(kind, identity)
        return str(found["name"]) if found else None

    def put(self, kind: str, identity: str, name: str, outputs: dict[str, Any]) -> None:
        """Make a thing, or change it."""
        file = self._file(kind, identity)
        text = json.dumps({"type": kind, "id": identity, "name": name, "outputs": outputs})
        with self._lock:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def remove(self, kind: str, identity: str) -> None:
        """Take a thing away; no error where it is gone already."""
        with self._lock:
            self._file(kind, identity).unlink(missing_ok=True)

    def _thing(self, kind: str, identity: str) -> dict[str, Any]:
        file = self._file(kind, identity)
        with self._lock:
            return dict(json.loads(file.read_text())) if file.exists() else {}

    def _file(self, kind: str, identity: str) -> Path:
        return self.folder / "things" / f"{hashlib.sha256(f'{kind} {identity}'.encode()).hexdigest()[:24]}.json"
