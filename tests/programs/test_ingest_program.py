"""The ingest program with real files, servers and databases: what arrives, what is refused, what stays as it was."""

from __future__ import annotations

import datetime
import gzip
import http.server
import io
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.contract import Column
from components.ingest import Source
from components.targets import load
from providers.mesh.home import Home
from tests.programs.jobs import Login, environment
from tests.programs.loading import Product, granted, parquet, types, zipped
from tests.providers.conftest import Made, end
from tests.providers.test_object_store import client

pytestmark = pytest.mark.software


@pytest.fixture
def writer(database: Login, tmp_path: Path) -> Login:
    return granted(database, tmp_path, "sales", "write")


@pytest.fixture
def product(writer: Login, tmp_path: Path) -> Product:
    return Product(tmp_path, writer.variables("target", schema="sales"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The test's folder over HTTP."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("here", [True, False], ids=["here", "carried"])
def test_every_format_becomes_a_table(
    here: bool, product: Product, writer: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load("local"), "here", here)
    product.write("a.csv", "id,name\n1,Ann\n2,\n")
    product.write("b1.csv", "id,late\n1,\n")
    product.write("b2.csv", "id,late\n2,2.5\n")
    product.write("c.csv.zip", zipped(one_csv="id\n1\n", two_csv="id\n2\n"))
    product.write("d.csv.gz", gzip.compress(b"id\n1\n"))
    product.write("e.parquet", parquet(pa.table({"id": [1, 2], "day": [datetime.date(2026, 1, 2), None]})))
    product.write("f.json", json.dumps([{"id": 1, "tags": ["x"]}, {"id": 2, "more": {"a": "b"}}]))
    product.write("g.jsonl", '{"id": 1}\n{"id": 2, "more": {"at": "2026-01-02T03:04:05Z"}}\n')
    files = {"a": "a.csv", "b": "b?.csv", "c": "c.csv.zip", "d": "d.csv.gz", "e": "e.parquet", "f": "f.json"}
    sources = [Source(name=name, file=file) for name, file in {**files, "g": "g.jsonl"}.items()]
    zones = Source(name="zones", package="tzdata==2026.6", path="tzdata/zones", format="csv")
    found = product.load(*sources, zones).metrics
    assert found["tables"] == {"a": 2, "b": 2, "c": 2, "d": 1, "e": 2, "f": 2, "g": 2} | {"zones": found["rows"] - 13}
    assert writer.ask("TABLE a") == [(1, "Ann"), (2, None)]
    assert writer.ask("TABLE b") == [(1, None), (2, 2.5)]
    assert writer.ask("SELECT sum(id) FROM c") == [(3,)]
    assert types(writer, "e") == {"id": "bigint", "day": "date"}
    assert writer.ask("TABLE f") == [(1, ["x"], None), (2, None, {"a": "b"})], "a key may first come in a later row"
    assert types(writer, "g") == {"id": "bigint", "more": "jsonb"}
    assert writer.ask("SELECT more ->> 'at' FROM g WHERE id = 2")[0][0].startswith("2026-01-02")


def test_a_source_over_http(product: Product, writer: Login, site: str) -> None:
    product.write("rates.csv", "id\n1\n2\n")
    product.write("rates.zip", zipped(rates_csv="id\n3\n"))
    plain = Source(name="plain", url=f"http://{site}/rates.csv?token=a-token")
    assert product.load(plain, Source(name="packed", url=f"http://{site}/rates.zip")).metrics["rows"] == 3
    assert writer.ask("SELECT * FROM plain UNION TABLE packed ORDER BY 1") == [(1,), (2,), (3,)]

    gone = product.refused(Source(name="plain", url=f"http://{site}/gone.csv?token=a-token"))
    assert gone == f"source `plain`: http://{site}/gone.csv can't be read: File not found"
    for url in (f"http://ann:a-token@{site}/rates.csv", "http://ann:a-token@host/rates.csv", "ftp+x://a-token@host/"):
        sentence = product.refused(Source(name="plain", url=url, format="csv"))
        assert "can't be read" in sentence and "a-token" not in sentence
    assert writer.ask("SELECT count(*) FROM plain") == [(2,)]


def test_a_table_of_another_product(product: Product, writer: Login, database: Login, tmp_path: Path) -> None:
    owner = granted(database, tmp_path, "weather", "write")
    reader = granted(database, tmp_path, "weather", "read")
    owner.ask("CREATE TABLE hourly (id int, temp float8, note text, at timestamptz, raw jsonb, price numeric(9, 2))")
    owner.ask("INSERT INTO hourly VALUES (1, NULL, '', '2026-01-02 03:04+00', '{\"a\": [1]}', 1.25)")
    owner.ask("CREATE TABLE nothing (LIKE hourly)")
    more = reader.variables("weather", schema="weather")
    sources = [Source(name=f"my_{table}", port="weather", table=table) for table in ("hourly", "nothing")]
    assert product.load(*sources, more=more).metrics["tables"] == {"my_hourly": 1, "my_nothing": 0}
    at = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    ((*values, price),) = writer.ask("TABLE my_hourly")
    assert (values, float(price)) == ([1, None, "", at, {"a": [1]}], 1.25)
    kept = {"id": "bigint", "temp": "double precision", "note": "character varying", "at": "timestamp with time zone"}
    assert kept.items() <= types(writer, "my_hourly").items(), "a column without a value has its type"
    assert kept.items() <= types(writer, "my_nothing").items()

    sentence = product.refused(Source(name="my_hourly", port="weather", table="gone"), more=more)
    assert 'relation "weather.gone" does not exist' in sentence and sentence.startswith("source `my_hourly`: ")
    sentence = product.refused(sources[0], more={**more, "WEATHER_PASSWORD": "not-its-password"})
    assert "port `weather` can't be read" in sentence and "password authentication failed" in sentence
    assert writer.ask("SELECT count(*) FROM my_hourly") == [(1,)]


def test_words_for_no_value(product: Product, writer: Login) -> None:
    product.write("a.csv", 'id,text\n1,NA\nNA,\n-,"NA"\n')
    product.load(
        Source(name="words", file="a.csv", nulls=("NA", "-")),
        Source(name="empty", file="a.csv"),
        Source(name="none", file="a.csv", nulls=()),
    )
    assert writer.ask("TABLE words") == [(1, None), (None, ""), (None, None)]
    assert writer.ask("TABLE empty") == [("1", "NA"), ("NA", None), ("-", "NA")]
    assert writer.ask("TABLE none") == [("1", "NA"), ("NA", ""), ("-", "NA")]


CONTRACT = (
    Column(name="id", logicalType="integer", required=True, primaryKey=True),
    Column(name="name", logicalType="string"),
    Column(name="day", logicalType="date"),
    Column(name="at", logicalType="timestamp"),
)
HEAD = "id,name,day,at\n"
ROW = "1,7,2026-01-02,2026-01-02 03:04:05\n"
BROKEN = [
    ("id,name,day\n1,a,2026-01-02\n", "column `at` of the contract is missing; found id, name, day"),
    ("id,name,day,at,age\n", "column `age` is not in the contract"),
    ("id,name,day,at,id\n", "column `id` stands twice"),
    (HEAD + ROW.replace("1,", "O'1,", 1), "column `id` should be integer, found 'O'1'"),
    (HEAD + ROW.replace("-02", "-32", 1), "column `day` should be date, found '2026-01-32'"),
    (HEAD + ROW.replace(" 03", " 33", 1), "column `at` should be timestamp, found string"),
    (HEAD + ROW.replace("1,", ",", 1), "column `id` is required; 1 rows have no value"),
    (HEAD + "1,2\n", "Expected 4 columns, got 2"),
    ("", "Empty CSV file"),
]


def test_a_contract_is_kept(product: Product, writer: Login) -> None:
    source = Source(name="orders", file="orders.csv")
    product.write("orders.csv", HEAD + ROW)
    assert product.load(source, contract=CONTRACT).metrics["rows"] == 1
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    expected = [(1, "7", datetime.date(2026, 1, 2), at)]
    assert writer.ask("TABLE orders") == expected, "a time without a zone is UTC, a number may be a text"
    for text, why in BROKEN:
        product.write("orders.csv", text)
        sentence = product.refused(source, contract=CONTRACT)
        assert sentence.startswith("source `orders`: ") and why in sentence
    other = Source(name="other", file="other.csv")
    product.write("other.csv", "a\n1\n")
    product.refused(other, source)
    assert (writer.ask("TABLE orders"), types(writer, "other")) == (expected, {}), "one broken source stops all"
    rows = [{"id": 2, "name": None, "day": "2026-01-02", "at": "2026-01-02 03:04:05"}]
    product.write("orders.json", json.dumps(rows))
    assert product.load(Source(name="orders", file="orders.json"), contract=CONTRACT).metrics["rows"] == 1
    assert writer.ask("TABLE orders") == [(2, None, *expected[0][2:])]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", None, "there is no file"),
        ("a.parquet", b"PAR", "can't be read"),
        ("a.csv.zip", b"PK", "can't be read"),
        ("a.csv.gz", gzip.compress(b"id\n1\n")[:-9], "can't be read"),
        ("a.json", b'[{"id": 1}', "a.json is no JSON"),
        ("a.json", b"[1]", "not every item of the list is an object"),
        ("a.json", b"[]", "there is no row and no column in it"),
        ("a.txt", b"id\n", "say `format: csv|parquet|json|jsonl`"),
    ],
)
def test_a_file_of_no_use_is_named(product: Product, name: str, content: bytes | None, why: str) -> None:
    if content is not None:
        product.write(name, content)
    sentence = product.refused(Source(name="orders", file=name))
    assert sentence.startswith("source `orders`") and why in sentence


def test_a_reload_replaces_the_rows_and_keeps_the_table(product: Product, writer: Login, database: Login) -> None:
    database.ask("CREATE ROLE guest_" + database.database)
    source = Source(name="orders", file="orders.csv")

    def load(text: str) -> int:
        product.write("orders.csv", text)
        rows: int = product.load(source).metrics["rows"]
        return rows

    assert load("id,at\n1,2026-01-02 03:04:05\n2,\n") == 2
    writer.ask(f"GRANT SELECT ON orders TO guest_{database.database}; CREATE VIEW seen AS SELECT id FROM orders")
    assert load("id,at,new\n3,2026-01-02 03:04:06,x\n") == 1
    assert writer.ask("SELECT id, new FROM orders") == [(3, "x")]
    assert writer.ask("TABLE seen") == [(3,)], "the table is the same"
    assert database.ask(f"SELECT has_table_privilege('guest_{database.database}', 'sales.orders', 'SELECT')")[0][0]
    # Of another shape it can't be the same: it is made anew, unless somebody needs it as it is.
    product.write("orders.csv", "id\nA1\n")
    assert "other objects depend on it" in product.refused(source)
    assert writer.ask("TABLE seen") == [(3,)]
    writer.ask("DROP VIEW seen")
    assert product.load(source).metrics["rows"] == 1
    assert writer.ask("TABLE orders") == [("A1",)]
    assert load("id\n") == 0
    assert writer.ask("TABLE orders") == []


def test_rows_are_appended_or_merged(product: Product, writer: Login) -> None:
    contract = (Column(name="id", logicalType="integer", primaryKey=True), Column(name="v", logicalType="number"))
    merged, appended = Source(name="m", file="a.csv", mode="merge"), Source(name="a", file="a.csv", mode="append")
    for text in ("id,v\n1,1\n2,2\n", "id,v\n2,9\n3,9\n"):
        product.write("a.csv", text)
        assert product.load(merged, appended, contract=contract).metrics["tables"] == {"m": 2, "a": 2}
    assert writer.ask("SELECT * FROM m ORDER BY id") == [(1, 1), (2, 9), (3, 9)]
    assert writer.ask("SELECT id FROM a ORDER BY id") == [(1,), (2,), (2,), (3,)]


def test_odd_names_and_texts_arrive_as_they_are(product: Product, writer: Login) -> None:
    names = ["Flug Nr.", "a, b", "ÜBER", "select", "a%b", "$1", "x" * 63]
    texts = ["line 1\nline 2", 'say "hi"', "\\N", "", " ", "\x1f\t,;", "日本"]
    product.write(
        "odd.parquet", parquet(pa.table({name: [text, None] for name, text in zip(names, texts, strict=True)}))
    )
    source = Source(name="Odd Name, 2", file="odd.parquet")
    for _ in range(2):
        assert product.load(source).metrics["rows"] == 2
        assert writer.ask(f'TABLE "{source.name}"') == [tuple(texts), (None,) * len(names)]
    assert list(types(writer, source.name)) == names


def test_a_long_file_is_read_as_a_whole(product: Product, writer: Login) -> None:
    """Longer than the megabyte that Arrow looks at by itself, with line breaks inside values and a late type."""
    product.write("long.csv", "id,text\n" + '1,"one, of\ntwo"\n' * 100_000 + 'A1,"last"\n')
    product.write("long.jsonl", json.dumps({"id": 1, "text": "x" * 3_000_000}) + "\n" + '{"id": 2.5}\n')
    found = product.load(Source(name="c", file="long.csv"), Source(name="j", file="long.jsonl")).metrics
    assert found["tables"] == {"c": 100_001, "j": 2}
    assert writer.ask("SELECT id, text, count(*) FROM c GROUP BY 1, 2 ORDER BY 1") == [
        ("1", "one, of\ntwo", 100_000),
        ("A1", "last", 1),
    ]


def test_a_database_that_cannot_be_reached(product: Product, database: Login) -> None:
    product.write("a.csv", "id\n1\n")
    source = Source(name="a", file="a.csv")
    product.target["TARGET_PASSWORD"] = "not-its-password"
    assert "password authentication failed" in product.refused(source)
    reader = granted(database, product.folder, "sales", "read")
    product.target |= reader.variables("target", schema="sales")
    assert "permission denied" in product.refused(source)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An empty bucket, as the variables of a target."""
    home = Home(tmp_path_factory.mktemp("store") / "home")
    inputs = {"home": str(home.path), "name": "lake", "environment": environment("seaweedfs"), "bucket": "lake"}
    try:
        state = Made("ObjectStore", **inputs, accessKey="OWNERKEY", secretKey="owner-secret-1").create().state
        keys = {"TARGET_ACCESS_KEY": "OWNERKEY", "TARGET_SECRET_KEY": "owner-secret-1"}
        yield {"TARGET_PROTOCOL": "s3", "TARGET_ENDPOINT": state["endpoint"], "TARGET_BUCKET": "lake", **keys}
    finally:
        end(home)


def test_a_bucket_gets_parquet(store: dict[str, str], tmp_path: Path) -> None:
    product = Product(tmp_path, dict(store))
    s3 = client(store["TARGET_ENDPOINT"], "OWNERKEY", "owner-secret-1")

    def held() -> list[Any]:
        """The rows of the only file of the table."""
        (found,) = s3.list_objects_v2(Bucket="lake", Prefix="data/orders/")["Contents"]
        assert found["Key"].endswith(".parquet")
        body = s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read()
        rows: list[Any] = pq.read_table(io.BytesIO(body)).to_pylist()
        return rows

    csv, lines = Source(name="orders", file="orders.csv"), Source(name="orders", file="orders.jsonl")
    product.write("orders.csv", HEAD + ROW)
    assert product.load(csv, contract=CONTRACT).metrics["rows"] == 1
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    before = [{"id": 1, "name": "7", "day": datetime.date(2026, 1, 2), "at": at}]
    assert held() == before
    product.write("orders.csv", HEAD + ROW.replace("1", "x"))
    assert "column `id` should be integer" in product.refused(csv, contract=CONTRACT)
    product.target["TARGET_SECRET_KEY"] = "not-its-secret"
    product.write("orders.csv", HEAD + ROW)
    assert "SignatureDoesNotMatch" in product.refused(csv, contract=CONTRACT)
    assert held() == before
    product.target = dict(store)
    product.write("orders.jsonl", '{"id": "A1", "tags": ["x"]}\n')
    assert product.load(lines).metrics["rows"] == 1
    assert held() == [{"id": "A1", "tags": ["x"]}], "new rows, and no column of the old ones"
