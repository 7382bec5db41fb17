"""The store: idempotent, keeps history, one transaction."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from catalogue import tables
from catalogue.register import register
from catalogue.search import find
from catalogue.store import Store, StoreError
from tests.catalogue.example_mesh import raw_record, up

pytestmark = pytest.mark.processes

STACK = "flights-dev"


def test_same_content_makes_no_event(store: Store) -> None:
    raw = raw_record("flights", "departures")
    first = register(store, STACK, up(raw), at="2026-01-01T00:00:00Z")
    second = register(store, STACK, up(raw, sequence=200), at="2026-01-02T00:00:00Z")
    assert first.registered == [raw["urn"]]
    assert second.unchanged == [raw["urn"]]
    assert len(store.events()) == store.pending() == 1
    [entry] = store.entries()
    assert (entry.first_seen, entry.last_seen) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert entry.sequence == 200


def test_every_content_is_kept(store: Store) -> None:
    for sequence, words in enumerate(("one", "two", "two", "three"), start=1):
        register(store, STACK, up(raw_record("flights", "departures", description=words), sequence=sequence))
    uid = store.entries()[0].uid
    assert [(n, content["description"]) for n, _, content in store.versions(uid, "dev")] == [
        (3, "three"),
        (2, "two"),
        (1, "one"),
    ]
    assert [event.kind for event in store.events(uid)] == ["changed", "changed", "registered"]


def test_environments_are_apart(store: Store) -> None:
    raw = raw_record("flights", "departures")
    register(store, STACK, up(raw))
    prod = raw | {"environment": "prod", "stack": "flights-prod", "description": "the real one"}
    register(store, "flights-prod", up(prod))
    assert {e.environment: e.content["description"] for e in store.entries()} == {
        "dev": "departures of flights",
        "prod": "the real one",
    }


def test_failure_between_product_and_outbox_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    register(store, STACK, up(raw_record("flights", "departures")))
    with monkeypatch.context() as broken:
        broken.setattr(Store, "_announce", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            register(store, STACK, up(raw_record("flights", "late"), sequence=200))
    assert [e.content["name"] for e in store.entries()] == ["departures"]
    mark = store.mark(STACK)
    assert mark and mark.sequence == 100
    assert register(store, STACK, up(raw_record("flights", "late"), sequence=200)).registered
    assert len(store.events()) == store.pending() == 3  # two registered, one retired


def test_writers_queue_up(store: Store, tmp_path: Path) -> None:
    def write(n: int) -> None:
        with Store(tmp_path / "catalogue.db") as own:
            register(own, f"d{n}-dev", up(raw_record(f"d{n}", "x")))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.entries()) == store.pending() == 8


def test_read_only_store_refuses_writes(filled: Store, tmp_path: Path) -> None:
    with Store(tmp_path / "catalogue.db", read_only=True) as reader:
        assert len(reader.entries()) == 4
        with pytest.raises(DBAPIError), reader.write() as connection:
            connection.execute(insert(tables.meta).values(key="x", value="y"))


def test_newer_schema_is_refused(store: Store, tmp_path: Path) -> None:
    with store.write() as connection:
        connection.execute(update(tables.meta).values(value="99"))
    with pytest.raises(StoreError, match="has schema 99"):
        Store(tmp_path / "catalogue.db")


def test_wal_and_foreign_keys(store: Store) -> None:
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.scalar(select(tables.meta.c.value)) == "1"


def test_no_path_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="can't open the catalogue"):
        Store(tmp_path / "folder")


def test_search(filled: Store) -> None:
    def names(text: str, **filters: str) -> list[str]:
        return [entry.content["name"] for entry in find(filled, text, filters).entries]

    assert names("delay") == ["delay-model", "departures", "route-stats"]  # the name before the text
    assert names("urn:dp:acme:flights:departures")[0] == "departures"
    assert names("PARQUET route") == ["route-stats"]
    assert names("wind_speed") == ["observations"]
    assert names("100%") == names("_") == [] or "observations" in names("_")
    assert names("", domain="weather", classification="public") == ["observations"]
    assert names("", state="retired") == []
    facets = find(filled, "", {"domain": "weather"}).facets
    assert facets["domain"] == [("flights", 3), ("weather", 1)]
    assert facets["template"] == [("table", 1)]


def test_thousand_products_in_one_update(store: Store, tmp_path: Path) -> None:
    records = [raw_record("flights", f"p{n}") for n in range(1000)]
    assert len(register(store, STACK, up(*records)).registered) == 1000
    assert len(register(store, STACK, up(*records, sequence=200)).unchanged) == 1000
    with sqlite3.connect(tmp_path / "catalogue.db") as raw:
        assert raw.execute("select count(*) from outbox").fetchone() == (1000,)
