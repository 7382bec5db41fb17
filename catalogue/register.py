"""Reconciles the catalogue with the outputs of a stack's newest update."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalogue.entry import Entry, Event, Mark
from catalogue.record import CatalogueRecord, RecordError, read_record
from catalogue.secrecy import PULUMI_BLANK
from catalogue.store import Store, now

# Operations that decide what runs; a refresh or an import does not.
DECIDING = ("update", "destroy")
# Flags with which an operation leaves a part of the stack aside (history shows them as `pulumi.flag.<name>`).
PARTIAL_FLAGS = ("target", "target-dependents", "target-replace", "exclude", "exclude-dependents")


class RegistrationError(ValueError):
    """An update that the catalogue does not take; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Update:
    """A stack's newest deciding operation, and the raw records among its outputs."""

    kind: str  # update | destroy
    result: str  # succeeded | failed | in-progress
    sequence: int  # seconds since 1970 when it began: the one number that every backend has
    partial: bool = False  # only a part of the stack was asked for
    destroyed: int = 0  # sequence of the newest complete destroy before it, 0 if there was none
    records: tuple[object, ...] = ()

    @property
    def complete(self) -> bool:
        return self.result == "succeeded" and not self.partial


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A record that was not taken: what it calls itself, and why."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What one registration did. `note` says why less was done than asked, if so."""

    registered: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    tombstoned: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    note: str = ""


def from_pulumi(history: str | list[Any], outputs: str | Mapping[str, Any]) -> Update:
    """The newest update in `pulumi stack history --json` with the records of `pulumi stack output --json`."""
    past: list[Any] = json.loads(history) if isinstance(history, str) else history
    exported: Mapping[str, Any] = json.loads(outputs) if isinstance(outputs, str) else outputs
    deciding = [entry for entry in past or [] if entry.get("kind") in DECIDING]
    if not deciding:
        raise RegistrationError("the stack was never updated: run `mesh up` first")
    newest = max(
        deciding, key=lambda entry: _seconds(entry["startTime"])
    )  # the first of equals, history is newest first
    records = exported.get("records") or {}
    if records == PULUMI_BLANK:
        raise RegistrationError("the stack's output `records` is a Pulumi secret: a secret went into a record")
    if not isinstance(records, dict):
        raise RegistrationError(f"the stack's output `records` is {type(records).__name__}, not an object by product")
    destroys = [_seconds(e["startTime"]) for e in deciding if e["kind"] == "destroy" and _complete(e)]
    return Update(
        kind=newest["kind"],
        result=newest.get("result") or "in-progress",
        sequence=_seconds(newest["startTime"]),
        partial=_partial(newest),
        destroyed=max(destroys, default=0),
        records=tuple(records.values()),
    )


def _partial(entry: Mapping[str, Any]) -> bool:
    flags = entry.get("environment") or {}
    return any(f"pulumi.flag.{name}" in flags for name in PARTIAL_FLAGS)


def _complete(entry: Mapping[str, Any]) -> bool:
    return entry.get("result") == "succeeded" and not _partial(entry)


def register(
    store: Store,
    stack: str,
    update: Update,
    records: Iterable[object] | None = None,
    *,
    at: str | None = None,
) -> Registration:
    """Makes the catalogue agree with `update` of `stack`, in one transaction; `records` replaces those of the update.

    Present in a finished update is registered, missing from a complete newer one is retired, a complete destroy makes
    tombstones; a failed or partial one takes nothing away. A refused record is reported, the others are taken.
    """
    stack = stack.rsplit("/", 1)[-1]
    at = at or now()
    with store.write() as connection:
        mark = store.mark(stack, connection)
        if mark and update.sequence < mark.sequence:
            raise RegistrationError(
                f"the catalogue has seen a newer {mark.kind} of {stack} ({_time(mark.sequence)}) than this one "
                f"({_time(update.sequence)}): register the newest"
            )
        if update.result == "in-progress":
            raise RegistrationError(f"{stack} is being updated: register it when that is done")
        own = store.entries(connection, stack=stack)
        done = Registration(note="" if update.complete else _why_partial(update))
        if update.kind == "destroy":
            if update.complete:
                gone = store.set_state(connection, [e for e in own if e.state != "tombstone"], "tombstone", at)
                done.tombstoned.extend(event.urn for event in gone)
        else:
            raw = update.records if records is None else tuple(records)
            taken = _take(raw, stack, done.refused)
            known = _keyed(own) | _keyed(store.entries(connection, uid={r.uid for r in taken}))
            holders = store.entries(connection, urn={r.urn for r in taken})
            taken = _undisputed(taken, known, holders, stack, done.refused)
            _report(store.put(connection, taken, known, update.sequence, at), taken, done)
            present = {(r.uid, r.environment) for r in taken}
            absent = [e for e in own if e.state != "tombstone" and (e.uid, e.environment) not in present]
            destroyed = [e for e in absent if e.sequence < update.destroyed]
            missing = [
                e for e in absent if e.state == "registered" and update.destroyed <= e.sequence < update.sequence
            ]
            if done.refused and (destroyed or missing):
                # A refused record may be one of these: it would be retired although it runs.
                done = _noted(done, "nothing was retired, because a record was refused")
            else:
                gone = store.set_state(connection, destroyed, "tombstone", at)
                done.tombstoned.extend(event.urn for event in gone)
                if update.complete:
                    gone = store.set_state(connection, missing, "retired", at)
                    done.retired.extend(event.urn for event in gone)
        store.set_mark(connection, stack, Mark(sequence=update.sequence, kind=update.kind, result=update.result), at)
    return done


def _take(raw: Iterable[object], stack: str, refused: list[Refusal]) -> list[CatalogueRecord]:
    taken: list[CatalogueRecord] = []
    names: set[str] = set()
    for index, one in enumerate(raw):
        own_name = (one.get("urn") or one.get("name")) if isinstance(one, dict) else None
        what = str(own_name or f"record {index + 1}")
        try:
            record = one if isinstance(one, CatalogueRecord) else read_record(one)
        except RecordError as error:
            refused.append(Refusal(what=what[:120], why=str(error)))
            continue
        if f"{record.domain}-{record.environment}" != stack or record.stack != stack:
            why = f"it belongs to the stack {record.domain}-{record.environment}, {stack} may not register it"
            refused.append(Refusal(what=record.urn, why=why))
        elif names & {record.uid, record.urn}:
            refused.append(Refusal(what=record.urn, why="another record of this update has the same uid or urn"))
        else:
            taken.append(record)
            names |= {record.uid, record.urn}
    return taken


def _undisputed(
    taken: list[CatalogueRecord],
    known: Mapping[tuple[str, str], Entry],
    holders: list[Entry],
    stack: str,
    refused: list[Refusal],
) -> list[CatalogueRecord]:
    """Those of `taken` whose uid and urn nobody else holds."""
    by_urn = {(entry.urn, entry.environment): entry for entry in holders}
    moving = {record.uid: record.urn for record in taken}
    kept: list[CatalogueRecord] = []
    for record in taken:
        entry = known.get((record.uid, record.environment))
        holder = by_urn.get((record.urn, record.environment))
        if entry and entry.stack != stack:
            why = f"its uid belongs to {entry.urn} of the stack {entry.stack}"
            refused.append(Refusal(what=record.urn, why=why))
        elif holder and holder.uid != record.uid and moving.get(holder.uid, record.urn) == record.urn:
            why = (
                f"the catalogue knows this urn under the uid {holder.uid}: a uid is minted once, pin it in the manifest"
            )
            refused.append(Refusal(what=record.urn, why=why))
        else:
            kept.append(record)
    return kept


def _keyed(entries: list[Entry]) -> dict[tuple[str, str], Entry]:
    return {(entry.uid, entry.environment): entry for entry in entries}


def _report(events: list[Event], taken: list[CatalogueRecord], done: Registration) -> None:
    touched = {event.urn for event in events}
    for event in events:
        (done.changed if event.kind == "changed" else done.registered).append(event.urn)
    done.unchanged.extend(record.urn for record in taken if record.urn not in touched)


def _noted(done: Registration, note: str) -> Registration:
    return Registration(**{**vars(done), "note": "; ".join(filter(None, (done.note, note)))})


def _why_partial(update: Update) -> str:
    what = "left a part of the stack aside" if update.result == "succeeded" else f"ended as {update.result}"
    return f"the newest {update.kind} {what}: nothing was retired"


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
