"""The catalogue's store: products, their versions, events and outbox, on SQLite (WAL) or any SQLAlchemy URL."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, and_, bindparam, create_engine, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from catalogue import tables as t
from catalogue.entry import Entry, Event, EventKind, Mark, State
from catalogue.record import CatalogueRecord, digest


class StoreError(RuntimeError):
    """The store can't be used, in one sentence."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Store:
    """Opens `url` (a SQLAlchemy URL, or a path of a SQLite file) and makes its tables where they are missing."""

    def __init__(self, url: str | Path, *, read_only: bool = False) -> None:
        text = str(url)
        parsed = make_url(text if "://" in text else f"sqlite:///{text}")
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.engine: Engine = _engine(parsed.render_as_string(hide_password=False), read_only=False)
            self._prepare()
            if read_only:
                self.engine.dispose()
                self.engine = _engine(parsed.render_as_string(hide_password=False), read_only=True)
        except OperationalError as error:
            raise StoreError(f"can't open the catalogue {parsed.render_as_string()}: {error.orig}") from None

    def _prepare(self) -> None:
        with self.write() as connection:
            t.metadata.create_all(connection)
            found = connection.scalar(select(t.meta.c.value).where(t.meta.c.key == "schema"))
            if found is None:
                connection.execute(insert(t.meta).values(key="schema", value=str(t.SCHEMA_VERSION)))
            elif int(found) > t.SCHEMA_VERSION:
                raise StoreError(
                    f"the catalogue has schema {found}, this Meshwright knows up to {t.SCHEMA_VERSION}: use a newer one"
                )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the write lock from its start: what it read stays true."""
        with self.engine.connect().execution_options(mesh_write=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What is there

    def entries(self, connection: Connection | None = None, **columns: str | Iterable[str]) -> list[Entry]:
        """Entries whose columns have the given value, or one of the given values."""
        query = select(*(t.product.c[name] for name in Entry.__dataclass_fields__)).order_by(t.product.c.urn)
        for name, wanted in columns.items():
            query = query.where(t.product.c[name].in_([wanted] if isinstance(wanted, str) else list(wanted)))
        if connection is None:
            with self.read() as own:
                return [Entry(**row) for row in own.execute(query).mappings()]
        return [Entry(**row) for row in connection.execute(query).mappings()]

    def events(self, uid: str | None = None, environment: str | None = None) -> list[Event]:
        """Events, newest first."""
        query = select(*(t.event.c[name] for name in Event.__dataclass_fields__)).order_by(t.event.c.number.desc())
        if uid is not None:
            query = query.where(t.event.c.uid == uid)
        if environment is not None:
            query = query.where(t.event.c.environment == environment)
        with self.read() as connection:
            return [Event(**row) for row in connection.execute(query).mappings()]

    def versions(self, uid: str, environment: str) -> list[tuple[int, str, Mapping[str, Any]]]:
        """(revision, time, content) of a product, newest first."""
        v = t.version.c
        query = select(v.revision, v.at, v.content).where(v.uid == uid, v.environment == environment)
        with self.read() as connection:
            return [(r.revision, r.at, r.content) for r in connection.execute(query.order_by(v.revision.desc()))]

    def pending(self) -> int:
        """How many events wait in the outbox."""
        with self.read() as connection:
            return len(connection.execute(select(t.outbox.c.id).where(t.outbox.c.sent.is_(None))).all())

    def mark(self, stack: str, connection: Connection | None = None) -> Mark | None:
        query = select(t.stack.c.sequence, t.stack.c.kind, t.stack.c.result).where(t.stack.c.name == stack)
        if connection is None:
            with self.read() as own:
                row = own.execute(query).mappings().first()
        else:
            row = connection.execute(query).mappings().first()
        return Mark(**row) if row else None

    # What changes it; each inside the caller's `write()` transaction

    def set_mark(self, connection: Connection, stack: str, mark: Mark, at: str) -> None:
        values = {"sequence": mark.sequence, "kind": mark.kind, "result": mark.result, "seen": at}
        if not connection.execute(update(t.stack).where(t.stack.c.name == stack).values(values)).rowcount:
            connection.execute(insert(t.stack).values(name=stack, **values))

    def put(
        self,
        connection: Connection,
        records: Iterable[CatalogueRecord],
        known: Mapping[tuple[str, str], Entry],
        sequence: int,
        at: str,
    ) -> list[Event]:
        """Writes `records` as registered; `known` is what is there. Equal content makes no event."""
        fresh: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        seen: list[dict[str, Any]] = []
        versions: list[dict[str, Any]] = []
        events: list[Event] = []
        for record in records:
            content = record.dump()
            mark = digest(content)
            entry = known.get((record.uid, record.environment))
            revision = 1 if entry is None else entry.revision + (entry.digest != mark)
            row = _row(record, content) | {"digest": mark, "revision": revision, "sequence": sequence, "last_seen": at}
            if entry is None:
                fresh.append(row | {"first_seen": at})
            elif entry.digest == mark and entry.state == "registered":
                seen.append({"k_uid": record.uid, "k_environment": record.environment, "n": sequence, "at": at})
                continue
            else:
                key = {"k_uid": record.uid, "k_environment": record.environment}
                changed.append(row | key)
                if entry.urn != record.urn:
                    moved.append(key | {"away": f"moving:{record.uid}"})
            if entry is None or entry.digest != mark:
                same = {"environment": record.environment, "revision": revision, "content": content}
                versions.append({"uid": record.uid, **same, "digest": mark, "at": at})
            kind: EventKind = (
                "registered" if entry is None else "changed" if entry.state == "registered" else "restored"
            )
            events.append(_event(kind, record.uid, record.environment, record.urn, record.stack, revision, at))
        p = t.product
        own = and_(p.c.uid == bindparam("k_uid"), p.c.environment == bindparam("k_environment"))
        for statement, rows in (
            (update(p).where(own).values(urn=bindparam("away")), moved),  # two products may swap their addresses
            (update(p).where(own), [_without_key(row) for row in changed]),
            (insert(p), fresh),
            (update(p).where(own).values(sequence=bindparam("n"), last_seen=bindparam("at")), seen),
            (insert(t.version), versions),
        ):
            if rows:
                connection.execute(statement, rows)
        self._announce(connection, events)
        return events

    def set_state(self, connection: Connection, entries: Iterable[Entry], state: State, at: str) -> list[Event]:
        """Retires or tombstones `entries`."""
        entries = list(entries)
        kind: EventKind = "retired" if state == "retired" else "tombstoned"
        p = t.product
        for entry in entries:
            key = (p.c.uid == entry.uid) & (p.c.environment == entry.environment)
            connection.execute(update(p).where(key).values(state=state))
        events = [_event(kind, e.uid, e.environment, e.urn, e.stack, e.revision, at) for e in entries]
        self._announce(connection, events)
        return events

    def _announce(self, connection: Connection, events: list[Event]) -> None:
        if events:
            connection.execute(insert(t.event), [vars(e) for e in events])
            connection.execute(insert(t.outbox), [{"event": e.id, "attempts": 0} for e in events])


def _engine(url: str, *, read_only: bool) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.isolation_level = None  # the driver would begin too late; `begin` below does it
            pragmas = ["busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"]
            for pragma in [*pragmas, *(["query_only=ON"] if read_only else [])]:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            write = connection.get_execution_options().get("mesh_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _event(kind: EventKind, uid: str, environment: str, urn: str, stack: str, revision: int, at: str) -> Event:
    return Event(
        id=str(uuid.uuid4()),
        kind=kind,
        uid=uid,
        environment=environment,
        urn=urn,
        stack=stack,
        revision=revision,
        at=at,
    )


def _without_key(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("uid", "environment")}


def _row(record: CatalogueRecord, content: dict[str, Any]) -> dict[str, Any]:
    words = [
        record.urn,
        record.address.short,
        record.description,
        record.purpose or "",
        record.owner,
        record.template.name,
    ]
    words += [f"{port.name} {port.protocol} {port.description}" for port in record.ports]
    words += [f"{component.type} {component.implementation}" for component in record.components]
    words += [c.name for port in record.ports if port.contract for c in port.contract.columns]
    return {
        "uid": record.uid,
        "environment": record.environment,
        "urn": record.urn,
        "name": record.name,
        "domain": record.domain,
        "stack": record.stack,
        "state": "registered",
        "owner": record.owner,
        "classification": record.classification,
        "template": record.template.name,
        "target": record.target,
        "monthly": record.cost.monthly,
        "currency": record.cost.currency,
        "text": " ".join(words).lower(),
        "content": content,
    }
