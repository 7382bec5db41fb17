"""Access: a right of one's own on a port, made by a job inside the target."""

from __future__ import annotations

from typing import Any

from components.access import DatabaseAccess, DatabaseAccessArgs, opened, role_name
from components.base import Component
from components.port import Credentials, Port
from components.primitives import Bucket, Database, DatabaseArgs, Secret, SecretArgs
from stacks.recording import Recorded, record
from tests.components.standing import standing


def test_a_role_fits_postgres() -> None:
    assert role_name("orders--load--writer") == "orders__load__writer"
    long = role_name("a-name-of-thirty-eight-characters-long--a-port-of-thirty-eight-characters-too")
    assert len(long) <= 63 and "-" not in long
    assert role_name("a--b-c") != role_name("a-b--c")


def test_a_reader_has_a_role_a_password_and_a_way_out() -> None:
    def program() -> None:
        with standing() as product:
            database = Database(product.child("db"), DatabaseArgs(), product.below())
            args = DatabaseAccessArgs(database=database, schema="orders", until="2027-06-30")
            DatabaseAccess(product.child("reader"), args, product.below())

    graph = {f"{resource.type}::{resource.name}": resource for resource in record(program)}
    job = graph["mesh:index:JobRun::orders--reader--role"]
    assert (
        job.inputs["variables"]
        | {
            "ROLE": "orders__reader",
            "PRIVILEGE": "read",
            "SCHEMA": "orders",
            "UNTIL": "2027-06-30",
        }
        == job.inputs["variables"]
    )
    assert job.inputs["undo"][-1] == "--undo"
    assert set(job.inputs["secrets"]) == {"ADMIN_PASSWORD", "ROLE_PASSWORD"}
    assert "mesh:index:PostgresServer::orders--db" in job.dependencies
    assert "mesh:index:SecretValue::orders--reader--password" in graph


def test_a_port_is_opened_by_what_stands_behind_it() -> None:
    made: dict[str, Any] = {}

    def program() -> None:
        with standing() as product:
            database = Database(product.child("db"), DatabaseArgs(), product.below())
            bucket = Bucket(product.child("files"), Bucket.Args(), product.below())
            tables = database.outputs.connection.only(schema="orders").filled(revision="1", job="load")
            objects = bucket.outputs.objects.only(prefix="raw/").filled(revision="1", job="load")
            made["sql"] = opened(tables, product.child("sql-reader"), product)
            made["s3"] = opened(objects, product.child("s3-reader"), product, "2027-06-30")
            made["bucket"] = bucket
            assert database.outputs.connection.credentials is not None
            assert tables.credentials is None

    graph = record(program)
    assert made["sql"].credentials.user is not None and made["sql"].revision == "1"
    assert made["s3"].credentials.secret.name.startswith("orders--s3-reader")
    access = named(graph, "mesh:data:BucketAccess", "orders--s3-reader")
    assert access.inputs["args"] == {
        "bucket": {"component": "orders--files"},
        "prefix": "raw/",
        "until": "2027-06-30",
    }


def test_a_port_that_is_open_or_stands_alone_stays_as_it_is() -> None:
    def program() -> None:
        with standing() as product:
            secret = Secret(product.child("given"), SecretArgs(), product.below())
            granted = Port(protocol="sql", address={}).opened_by(Credentials(user="ann", secret=secret))
            assert opened(granted, product.child("again"), product) is granted
            page = Port(protocol="http", address={"url": "http://x"})
            assert opened(page, product.child("page"), product) is page
            made_by: Component[Any, Any] = product
            other = Port(protocol="http", address={"url": "http://x"}, behind=made_by)
            assert opened(other, product.child("other"), product) is other

    assert not [resource for resource in record(program) if "Access" in resource.type]


def named(graph: list[Recorded], kind: str, name: str) -> Recorded:
    """The one resource of a type and name."""
    (found,) = [resource for resource in graph if (resource.type, resource.name) == (kind, name)]
    return found
