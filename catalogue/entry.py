"""What the store gives back: entries, events, and how far it has seen a stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["registered", "retired", "tombstone"]
EventKind = Literal["registered", "changed", "retired", "restored", "tombstoned"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A product in an environment as the catalogue holds it."""

    uid: str
    environment: str
    urn: str
    stack: str
    state: State
    content: Mapping[str, Any]
    digest: str
    revision: int
    sequence: int
    first_seen: str
    last_seen: str


@dataclass(frozen=True, kw_only=True)
class Event:
    id: str
    kind: EventKind
    uid: str
    environment: str
    urn: str
    stack: str
    revision: int
    at: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The newest update that the catalogue has seen of a stack; `sequence` grows with time."""

    sequence: int
    kind: str
    result: str
