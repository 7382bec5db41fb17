"""Adoption: a new resource takes over a thing that is there already, and the old one's delete leaves it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .home import Home, read, write

MARK = "adopted"
"""Beside the thing's own files: the URN of the resource that took it over."""


def _place(inputs: Mapping[str, Any]) -> Path | None:
    if not inputs.get("home") or not inputs.get("name"):
        return None
    home, name = Home(Path(inputs["home"])), str(inputs["name"])
    return next((folder for folder in (home.run(name), home.job(name)) if folder.is_dir()), None)


@contextmanager
def adopted(inputs: Mapping[str, Any], urn: str) -> Iterator[None]:
    """Around a create: remember who made it if it was there before (a key renamed back, a state that was lost)."""
    before = _place(inputs)
    yield
    if before is not None and before.is_dir():
        write(before / MARK, urn)


def taken_over(inputs: Mapping[str, Any], urn: str) -> bool:
    """Whether somebody else has taken the thing over: then a delete has nothing to remove, once."""
    place = _place(inputs)
    owner = read(place / MARK) if place is not None else None
    if place is None or owner is None or owner == urn:
        return False
    (place / MARK).unlink(missing_ok=True)
    return True
