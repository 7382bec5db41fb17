"""The pages and the JSON: complete, read-only, and safe with hostile records."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from catalogue.app import ListenError, create_app, serve
from catalogue.record import read_record
from catalogue.register import Update, register
from catalogue.snippets import snippets
from catalogue.store import Store
from tests.catalogue.example_mesh import mesh, port, raw_record, up

MODEL = "urn:dp:acme:flights:delay-model"


@pytest.fixture
def client(filled: Store) -> Iterator[TestClient]:
    with TestClient(create_app(filled), base_url="http://127.0.0.1", follow_redirects=False) as opened:
        yield opened


def test_home_lists_and_filters(client: TestClient) -> None:
    page = client.get("/").text
    for name in ("observations", "departures", "delay-model", "route-stats"):
        assert f">{name}</a>" in page.replace("</span>" + name, ">" + name)
    for text in ("Weather desk", "spark-batch", "€96.40", "confidential", "local", "dev"):
        assert text in page
    page = client.get("/", params={"domain": "weather"}).text
    assert "observations" in page
    assert "route-stats</a>" not in page
    assert "Nothing matches" in client.get("/", params={"q": "no such thing"}).text


def test_product_page(client: TestClient) -> None:
    page = client.get(f"/products/{MODEL}").text
    for text in (
        "predictions",
        "127.0.0.1:5435",
        "psql &#34;host=127.0.0.1 port=5435 dbname=predictions&#34;",
        f"mesh credentials {MODEL}:predictions",
        "tcp://127.0.0.1:8786",
        "crew/rosters",
        "DaskCluster",
        "107 % of the budget",
        "product-over-budget",
        'href="/products/urn:dp:acme:weather:observations?environment=dev"',
        "weather.csv",
        "Data science",
    ):
        assert text in page, text
    departures = client.get("/products/flights/departures").text
    assert 'href="http://127.0.0.1:8088/superset/dashboard/departures/"' in departures
    assert "personal data" in departures
    assert "aws s3 ls --endpoint-url http://127.0.0.1:8333 s3://route-stats/routes/" in client.get(
        "/products/flights/route-stats"
    ).text.replace("\n", " ")


def test_addresses(client: TestClient) -> None:
    uid = mesh()["weather-dev"][0]["uid"]
    assert client.get(f"/id/{uid}").headers["location"] == "/products/urn:dp:acme:weather:observations"
    assert client.get(f"/products/{MODEL}:metrics").headers["location"] == f"/products/{MODEL}#port-metrics"
    for path in ("/products/x/y", "/products/nonsense", "/id/none", f"/products/{MODEL}?environment=prod", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "text/html" in answer.headers["content-type"]


def test_json(client: TestClient) -> None:
    first = client.get("/api/v1/products", params={"limit": 3}).json()
    rest = client.get("/api/v1/products", params={"limit": 3, "cursor": first["next"]}).json()
    assert (len(first["items"]), len(rest["items"]), first["total"], rest["next"]) == (3, 1, 4, None)
    one = client.get(f"/api/v1/products/{MODEL}").json()
    assert one["registration"]["state"] == "registered"
    assert one["inputs"][1]["urn"] == "urn:dp:acme:weather:observations:hourly"
    assert client.get("/api/v1/products/flights/delay-model").json() == one
    missing = client.get("/api/v1/products/x/y")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert client.get("/api/v1/products?cursor=%25%25").status_code == 400
    assert client.get("/health").json()["products"] == 4


def test_retired_product_is_marked(filled: Store, client: TestClient) -> None:
    register(filled, "weather-dev", Update(kind="destroy", result="succeeded", sequence=900))
    assert "observations</a>" not in client.get("/").text
    assert "was destroyed with its stack" in client.get("/products/weather/observations").text
    assert "observations</a>" in client.get("/", params={"state": "tombstone"}).text
    assert "not registered here" in client.get(f"/products/{MODEL}").text


def test_headers_and_no_inline_script(client: TestClient) -> None:
    for path in ("/", f"/products/{MODEL}", "/products/x/y", "/static/catalogue.css", "/api/v1/products"):
        answer = client.get(path)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = client.get(f"/products/{MODEL}").text
    assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)|\sstyle=|\son[a-z]+=|<style", page)
    assert not re.search(r"(src|href)=\"(https?:)?//(?!127\.0\.0\.1)", page)


def test_read_only_and_local(filled: Store, client: TestClient) -> None:
    for method in ("post", "put", "delete", "patch"):
        assert getattr(client, method)(f"/api/v1/products/{MODEL}").status_code == 405
    assert TestClient(create_app(filled), base_url="http://evil.example").get("/").status_code == 400
    for host in ("0.0.0.0", "example.org", ""):
        with pytest.raises(ListenError, match="binds to loopback alone"):
            serve("unused.db", host=host, port=0, ready=pytest.fail)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError, match=r"can't listen on 127\."):
        serve("unused.db", host="127.0.0.1", port=taken.getsockname()[1], ready=pytest.fail)
    assert not Path("unused.db").exists()


def test_hostile_texts_are_escaped(store: Store) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    raw = raw_record(
        "evil", "one", description=evil, owner=evil, purpose=evil, classification=evil, version=evil, target=evil,
        costCentre=evil, template={"name": evil, "version": evil}, region=evil,
        sources=[{"name": evil, "location": evil}], components=[{"name": evil, "type": evil, "implementation": evil}],
        cost={"monthly": 1, "currency": "EUR", "lines": [{"name": evil, "monthly": 1}]},
        policy={"passed": False, "violations": [{"rule": evil, "message": evil}]},
        ports=[port("evil", "one", "out", "sql", {"host": "h", "database": evil, "schema": evil, "tables": [evil]},
                    description=evil, consumers=[{"to": evil}],
                    contract={"columns": [{"name": evil, "logicalType": evil, "description": evil}]})],
    )  # fmt: skip
    assert register(store, "evil-dev", up(raw)).registered
    with TestClient(create_app(store), base_url="http://localhost") as client:
        for path in ("/", "/products/evil/one", f"/?q={evil}&owner={evil}", f"/products/{evil}"):
            page = client.get(path).text
            assert "<script>alert" not in page
            assert "<img" not in page
            assert "&lt;script&gt;" in page


def test_no_snippet_holds_a_credential() -> None:
    texts = [
        snippet.text
        for records in mesh().values()
        for raw in records
        for one in read_record(raw).ports
        for snippet in snippets(one)
    ]
    assert len(texts) > 15
    assert not any(re.search(r"//[^/\s]*@|password=", text) for text in texts)


@pytest.mark.parametrize("protocol", ["sql", "s3", "http", "dask", "spark"])
def test_port_without_address_has_no_snippet(protocol: str) -> None:
    raw = raw_record("x", "y", ports=[port("x", "y", "p", protocol, {})])
    assert snippets(read_record(raw).ports[0]) == []
