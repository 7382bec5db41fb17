"""What a record is, and what it refuses."""

import json
import subprocess
import sys
from typing import Any

import pytest

from catalogue.record import AddressError, CatalogueRecord, RecordError, mint_uid, parse_urn, read_record, urn
from tests.catalogue.example_mesh import mesh, port, raw_record


def refused(**changes: Any) -> str:
    with pytest.raises(RecordError) as error:
        read_record(raw_record("flights", "departures", **changes))
    return str(error.value)


def test_example_mesh_survives_json_unchanged() -> None:
    for raw in (one for records in mesh().values() for one in records):
        record = read_record(json.loads(json.dumps(raw)))
        assert read_record(json.loads(json.dumps(record.dump()))) == record
        assert "schema_" not in json.dumps(record.dump())


def test_uid_is_the_same_everywhere() -> None:
    assert mint_uid("urn:dp:acme:flights:departures") == "76753aff-e633-5628-8484-cfb9fec725f1"


@pytest.mark.parametrize(
    ("text", "short", "port_name"),
    [
        ("urn:dp:acme:weather:observations", "weather/observations", None),
        ("urn:dp:acme:weather:observations:hourly", "weather/observations/hourly", "hourly"),
        ("weather/observations/hourly", "weather/observations/hourly", "hourly"),
    ],
)
def test_address(text: str, short: str, port_name: str | None) -> None:
    address = parse_urn(text, tenant="acme")
    assert (address.short, address.port, address.tenant) == (short, port_name, "acme")
    assert parse_urn(address.urn) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("weather", "is no address"),
        ("urn:dp:acme:weather", "is no address"),
        ("weather/observations", "names no tenant"),
        ("urn:dp:acme:Weather:observations", "no legal name"),
        ("urn:dp:acme:weather:a--b", "no legal name"),
        ("urn:dp:acme:weather:" + "a" * 39, "at most 38"),
        ("urn:dp:acme:" + "a" * 25 + ":x", "at most 24"),
    ],
)
def test_bad_address(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        parse_urn(text)


def test_urn_checks_names() -> None:
    assert urn("acme", "a" * 24, "b" * 38, "c") == f"urn:dp:acme:{'a' * 24}:{'b' * 38}:c"
    with pytest.raises(AddressError):
        urn("acme", "sales", "-churn")


@pytest.mark.parametrize(
    "text",
    [
        "see postgresql://ada:hunter2@db/x",
        "see https://token@host/",
        "password=hunter2",
        "https://host/x?sig=abcdef",
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIAABCDEFGHIJKLMNOP",
        "[secret]",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
        "ghp_0123456789abcdefghijABCDEFGHIJ",
    ],
)
def test_secret_in_a_text(text: str) -> None:
    message = refused(description=text)
    assert "`description`" in message
    assert "never secrets" in message
    assert "hunter2" not in message


def test_secret_key() -> None:
    address = {"host": "127.0.0.1", "password": "hunter2"}
    message = refused(ports=[port("flights", "departures", "tables", "sql", address)])
    assert message == "`ports[0].endpoint.password` looks like a secret: a record holds references, never secrets"


def test_user_info_in_an_endpoint() -> None:
    end = {"url": "http://ada:hunter2@127.0.0.1:8088/"}
    assert "user-info in a URL" in refused(ports=[port("flights", "departures", "ui", "http", end)])


def test_secret_in_a_model_built_by_keywords() -> None:
    record = read_record(raw_record("flights", "departures"))
    with pytest.raises(ValueError, match="never secrets") as error:
        CatalogueRecord(**{**dict(record), "description": "pwd=hunter2"})
    assert "hunter2" not in str(error.value)


def test_words_about_secrets_are_no_secrets() -> None:
    for text in ("The credential is a secret: ask for it.", "Mail ada@acme.example", "Passwords are never stored."):
        read_record(raw_record("flights", "departures", description=text))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"onwer": "ada"}, "`onwer` is no field of a record; did you mean `owner`?"),
        ({"description": "x" * 20_001}, "`description` is too long: at most 20,000 characters"),
        ({"description": "x" * 10_000_000}, "the record has more than 2,000,000 characters: shorten its texts"),
        ({"name": "Departures"}, "is not the urn of flights/Departures of tenant acme"),
        ({"urn": "urn:dp:acme:flights:Departures"}, "no legal name"),
        ({"uid": "b5a8a4b1-0000-4000-8000-000000000000"}, "no UUIDv5"),
        ({"cost": {"monthly": -1, "currency": "EUR"}}, "`cost.monthly`"),
        ({"cost": {"monthly": float("nan"), "currency": "EUR"}}, "`cost.monthly`"),
        ({"inputs": [{"name": "w", "urn": "urn:dp:acme:weather:observations"}]}, "names a product, not a port"),
        ({"owner": "a\nb"}, "`owner` holds characters"),
    ],
)
def test_refusals(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(**changes)


def test_missing_field() -> None:
    raw = raw_record("flights", "departures")
    del raw["owner"]
    with pytest.raises(RecordError, match="`owner` is missing"):
        read_record(raw)


def test_port_of_another_product() -> None:
    assert "has the urn" in refused(ports=[port("weather", "observations", "hourly", "sql", {})])


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "http://a b", 'http://a"onclick=x'])
def test_address_that_is_no_web_page(url: str) -> None:
    assert "url" in refused(ports=[port("flights", "departures", "ui", "http", {"url": url})])


def test_not_an_object() -> None:
    with pytest.raises(RecordError, match="a record is an object, not list"):
        read_record([])


def test_program_pays_only_pydantic() -> None:
    code = "import sys, catalogue.record; print([m for m in ('sqlalchemy', 'fastapi', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
