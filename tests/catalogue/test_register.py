"""Reconciliation: what an update registers, retires, and what it may not touch."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from catalogue.register import Registration, RegistrationError, Update, from_pulumi, register
from catalogue.store import Store
from tests.catalogue.example_mesh import Raw, mesh, raw_record, up

ROOT = Path(__file__).parents[2]
STACK = "flights-dev"
A, B = raw_record("flights", "a"), raw_record("flights", "b")


def states(store: Store) -> dict[str, str]:
    return {entry.content["name"]: entry.state for entry in store.entries()}


def destroy(sequence: int, **more: Any) -> Update:
    return Update(kind="destroy", result="succeeded", sequence=sequence, **more)


def test_missing_from_a_newer_update_is_retired_and_comes_back(store: Store) -> None:
    register(store, STACK, up(A, B))
    assert register(store, STACK, up(A, sequence=200)).retired == [B["urn"]]
    assert states(store) == {"a": "registered", "b": "retired"}
    assert register(store, STACK, up(A, sequence=201)) == Registration(unchanged=[A["urn"]])
    assert register(store, STACK, up(A, B, sequence=300)).registered == [B["urn"]]
    assert [event.kind for event in store.events(B["uid"])] == ["restored", "retired", "registered"]


@pytest.mark.parametrize("update", [up(A, sequence=200, result="failed"), up(A, sequence=200, partial=True)])
def test_failed_or_partial_update_retires_nothing(store: Store, update: Update) -> None:
    register(store, STACK, up(A, B))
    done = register(store, STACK, update)
    assert not done.retired
    assert "nothing was retired" in done.note
    assert states(store) == {"a": "registered", "b": "registered"}
    assert register(store, STACK, up(A, sequence=300)).retired == [B["urn"]]


def test_older_update_is_refused(store: Store) -> None:
    register(store, STACK, up(A, sequence=200))
    with pytest.raises(RegistrationError, match="has seen a newer update of flights-dev"):
        register(store, STACK, up(A, B, sequence=100))
    assert states(store) == {"a": "registered"}


def test_running_update_is_refused(store: Store) -> None:
    with pytest.raises(RegistrationError, match="is being updated"):
        register(store, STACK, up(A, result="in-progress"))


def test_destroy_makes_tombstones(store: Store) -> None:
    register(store, STACK, up(A, B))
    register(store, "weather-dev", up(raw_record("weather", "w")))
    assert not register(store, STACK, destroy(150, partial=True)).tombstoned
    assert register(store, STACK, destroy(200)).tombstoned == [A["urn"], B["urn"]]
    assert states(store) == {"a": "tombstone", "b": "tombstone", "w": "registered"}
    assert not register(store, STACK, destroy(200)).tombstoned
    assert register(store, STACK, up(A, sequence=300)).registered == [A["urn"]]


def test_destroy_that_nobody_registered(store: Store) -> None:
    register(store, STACK, up(A, B))
    done = register(store, STACK, up(A, sequence=300, result="failed", destroyed=200))
    assert done.tombstoned == [B["urn"]]
    assert states(store) == {"a": "registered", "b": "tombstone"}


def test_record_of_another_stack_is_refused_and_nothing_else_is_lost(store: Store) -> None:
    register(store, "weather-dev", up(raw_record("weather", "w")))
    register(store, STACK, up(A, B))
    stolen = raw_record("weather", "w", description="mine now", stack=STACK)
    done = register(store, STACK, up(A, stolen, sequence=200))
    assert [refusal.what for refusal in done.refused] == [stolen["urn"]]
    assert "belongs to the stack weather-dev" in done.refused[0].why
    assert "nothing was retired" in done.note  # b may be what was refused
    assert [e.content["description"] for e in store.entries(name="w")] == ["w of weather"]
    assert states(store)["b"] == "registered"


def test_uid_of_another_product_is_refused(store: Store) -> None:
    weather = raw_record("weather", "w")
    register(store, "weather-dev", up(weather))
    done = register(store, STACK, up(A | {"uid": weather["uid"]}))
    assert "its uid belongs to urn:dp:acme:weather:w" in done.refused[0].why


def test_urn_with_another_uid_is_refused(store: Store) -> None:
    register(store, STACK, up(A))
    done = register(store, STACK, up(A | {"uid": B["uid"]}, sequence=200))
    assert "a uid is minted once" in done.refused[0].why
    assert store.entries()[0].uid == A["uid"]


def test_rename_keeps_the_uid_and_two_may_swap(store: Store) -> None:
    register(store, STACK, up(A, B))
    done = register(store, STACK, up(A | {"uid": B["uid"]}, B | {"uid": A["uid"]}, sequence=200))
    assert sorted(done.changed) == [A["urn"], B["urn"]]
    assert {e.uid: e.content["name"] for e in store.entries()} == {A["uid"]: "b", B["uid"]: "a"}


def test_twice_in_one_update(store: Store) -> None:
    done = register(store, STACK, up(A, A))
    assert (done.registered, len(done.refused)) == ([A["urn"]], 1)


def test_bad_record_is_named(store: Store) -> None:
    done = register(store, STACK, up(), [A, B | {"description": "password=hunter2"}, [1]])
    assert done.registered == [A["urn"]]
    assert [refusal.what for refusal in done.refused] == [B["urn"], "record 3"]
    assert "hunter2" not in str(done)


def test_full_stack_name(store: Store) -> None:
    assert register(store, "organization/meshwright/flights-dev", up(A)).registered


def entry(kind: str, minute: int, result: str = "succeeded", **environment: str) -> Raw:
    when = f"2026-03-01T10:{minute:02}:00.000Z"
    return {"version": 0, "kind": kind, "startTime": when, "result": result, "environment": environment}


def test_from_pulumi_reads_the_newest_deciding_entry() -> None:
    history = [entry("refresh", 9), entry("update", 5), entry("destroy", 3), entry("update", 1)]
    update = from_pulumi(json.dumps(history), json.dumps({"records": {"a": A}, "ports": {}}))
    assert (update.kind, update.result, update.partial, update.records) == ("update", "succeeded", False, (A,))
    assert update.sequence - update.destroyed == 120


def test_from_pulumi_sees_a_targeted_update() -> None:
    history = [entry("update", 5, **{"pulumi.flag.target": "set"}), entry("destroy", 3, "failed")]
    update = from_pulumi(history, {})
    assert (update.partial, update.complete, update.records, update.destroyed) == (True, False, (), 0)


@pytest.mark.parametrize(
    ("history", "outputs", "why"),
    [
        ([], {}, "never updated"),
        ([entry("refresh", 1)], {}, "never updated"),
        ([entry("update", 1)], {"records": "[secret]"}, "is a Pulumi secret"),
        ([entry("update", 1)], {"records": [A]}, "not an object by product"),
    ],
)
def test_from_pulumi_refuses(history: list[Raw], outputs: Raw, why: str) -> None:
    with pytest.raises(RegistrationError, match=why):
        from_pulumi(history, outputs)


def test_lines_of_the_example_mesh(filled: Store) -> None:
    assert len(filled.entries()) == sum(len(records) for records in mesh().values())


def test_killed_at_any_point_the_next_run_converges(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from tests.catalogue.example_mesh import raw_record, up
from catalogue.register import register
from catalogue.store import Store
records = [raw_record("flights", f"p{{n}}") for n in range(100)]
print("ready", flush=True)
with Store({str(path)!r}) as store:
    for sequence in range(1, 1000):
        register(store, "flights-dev", up(*[r | {{"rows": sequence}} for r in records], sequence=sequence))
"""
    last = [raw_record("flights", f"p{n}", rows=1000) for n in range(100)]
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout and child.stdout.readline()
        time.sleep(random.uniform(0.05, 0.4))
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        with Store(path) as store:
            assert len(store.entries()) in (0, 100)
            assert len({e.content["rows"] for e in store.entries()}) <= 1  # no half update
            assert len(store.events()) == store.pending() == sum(e.revision for e in store.entries())
            register(store, STACK, up(*last, sequence=1000))
            assert {e.content["rows"] for e in store.entries()} == {1000}
            assert len(store.events()) == store.pending() == sum(e.revision for e in store.entries())
        for rest in tmp_path.glob("catalogue.db*"):
            rest.unlink()
