"""Ports: how a program finds one, and what of it leaves the stack."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from components.port import ADDRESS, PROTOCOLS, Credentials, Port, variable, words
from components.primitives import Secret
from stacks.recording import record
from tests.components.standing import standing

SQL = {"host": "127.0.0.1", "port": 5432.0, "database": "warehouse", "schema": "orders", "tables": ["a", "b"]}


def known(value: pulumi.Input[Any]) -> Any:
    """What an output that needs no engine holds."""

    async def wait() -> Any:
        return await pulumi.Output.from_input(value).future()

    return asyncio.run(wait())


def test_every_protocol_has_an_address() -> None:
    assert set(ADDRESS) == set(PROTOCOLS)
    assert all(ADDRESS.values())


def test_the_environment_names_every_part_of_the_address() -> None:
    async def plain() -> dict[str, Any]:
        found = Port(protocol="sql", address=SQL).environment("delay-model")
        return {name: await pulumi.Output.from_input(value).future() for name, value in found.items()}

    assert asyncio.run(plain()) == {
        "DELAY_MODEL_PROTOCOL": "sql",
        "DELAY_MODEL_HOST": "127.0.0.1",
        "DELAY_MODEL_PORT": "5432",
        "DELAY_MODEL_DATABASE": "warehouse",
        "DELAY_MODEL_SCHEMA": "orders",
        "DELAY_MODEL_TABLES": "a,b",
    }


@pytest.mark.parametrize(
    ("protocol", "user", "secret"), [("sql", "X_USER", "X_PASSWORD"), ("s3", "X_ACCESS_KEY", "X_SECRET_KEY")]
)
def test_credentials_are_a_name_in_the_environment_and_a_secret_by_reference(
    protocol: Any, user: str, secret: str
) -> None:
    def program() -> None:
        with standing() as product:
            kept = Secret(product.child("kept"), Secret.Args(), product.below())
            port = Port(protocol=protocol, address={}).opened_by(Credentials(user="ann", secret=kept))
            assert port.environment("x")[user] == "ann"
            assert port.secrets("x") == {secret: kept}
            assert secret not in port.environment("x")

    record(program)
    assert Port(protocol=protocol, address={}).secrets("x") == {}


def test_a_filled_port_loses_the_rights_of_who_filled_it() -> None:
    port = Port(protocol="sql", address=SQL, credentials=Credentials(user="writer", secret=None))  # type: ignore[arg-type]
    filled = port.filled(revision="7", job="load")
    assert (filled.revision, filled.job, filled.credentials) == ("7", "load", None)
    assert filled.address == SQL


def test_a_narrowed_port_keeps_the_rest() -> None:
    port = Port(protocol="sql", address=SQL, revision="7").only(tables=["a"])
    assert port.address == {**SQL, "tables": ["a"]}
    assert port.revision == "7"


def test_what_stack_outputs_hold_of_a_port() -> None:
    port = Port(protocol="sql", address=SQL, revision="7", job="load")
    assert port.record() == {"protocol": "sql", **SQL, "revision": "7", "job": "load"}


def test_a_record_holds_no_credentials() -> None:
    port = Port(protocol="sql", address=SQL, credentials=Credentials(user="canary", secret=None))  # type: ignore[arg-type]
    assert "canary" not in str(port.record())


def test_names_and_values_of_variables() -> None:
    assert variable("delay-model") == "DELAY_MODEL"
    assert [words(value) for value in ("a", 5432.0, 0.5, ["a", 1.0], True)] == ["a", "5432", "0.5", "a,1", "True"]


def test_a_part_is_known_once_the_port_is_filled() -> None:
    async def parts() -> tuple[Any, Any]:
        port = Port(protocol="sql", address=SQL, revision=pulumi.Output.from_input("7"))
        return await port.part("host").future(), await port.part("none").future()

    assert asyncio.run(parts()) == ("127.0.0.1", "")
