"""Reads sources: files, archives, HTTP and other products' ports, as Arrow tables that keep their contract."""

import base64
import csv
import gzip
import http.client
import importlib.metadata
import io
import json
import os
import re
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

CARRIED = ".b64"
"""Ending of a file that came along with the job, its bytes as text."""
TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
"""ODCS logical types as Arrow has them; `object` and `array` are taken as they come."""
POSTGRES_TYPES = {
    16: "boolean",
    **dict.fromkeys((20, 21, 23), "integer"),
    **dict.fromkeys((700, 701), "number"),
    **dict.fromkeys((25, 1042, 1043), "string"),
    1082: "date",
    1184: "timestamp",
}
"""PostgreSQL's own types by their oid (pg_type.dat), so that a column without a value has one too."""
UNREADABLE = (pa.ArrowException, zipfile.BadZipFile, zlib.error, EOFError, OSError)
"""What libraries raise about a file that is broken, or of another kind than its name says."""
MOST = 1 << 30
"""Bytes of a file that Arrow looks at in one piece: it cuts between two at any line break, also inside a value."""
WAIT = 600
"""Seconds without a byte after which an HTTP source counts as dead."""


class SourceError(Exception):
    """What is wrong with a source, in one sentence."""


def opened(source: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file of a source, unpacked."""
    if "url" in source:
        # A user, a password or a token may stand in an address: none is shown.
        shown = re.sub(r"//[^/]*@", "//", source["url"].split("?")[0])
        try:
            with urllib.request.urlopen(source["url"], timeout=WAIT) as answer:
                content = answer.read()
        except (http.client.HTTPException, OSError, ValueError) as error:
            illegal = isinstance(error, http.client.InvalidURL)
            why = "its address is not legal" if illegal else getattr(error, "reason", error)
            raise SourceError(f"{shown} can't be read: {why}") from None
        yield from unpacked(shown, content)
        return
    if "package" in source:
        name, path = source["package"]["name"], source["package"]["path"]
        files = importlib.metadata.files(name) or []
        found = [str(file.locate()) for file in files if str(file).endswith(path)]
    else:
        path = source["file"].removesuffix(CARRIED)
        # An absolute path is one of this machine; any other came along beside this program.
        root = Path("/") if source["file"].startswith("/") else Path(__file__).parent
        found = sorted(str(found) for found in root.glob(source["file"].lstrip("/")))
    if not found:
        raise SourceError(f"there is no file {path}")
    for file in found:
        content = Path(file).read_bytes()
        yield from unpacked(
            file.removesuffix(CARRIED), base64.b64decode(content) if file.endswith(CARRIED) else content
        )


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The files inside a .zip or .gz, or the file itself."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.namelist():
                if not entry.endswith("/") and not entry.startswith("__MACOSX"):
                    yield entry, archive.read(entry)
    elif name.endswith(".gz"):
        yield name.removesuffix(".gz"), gzip.decompress(content)
    else:
        yield name, content


def parsed(source: dict[str, Any], name: str, content: bytes) -> pa.Table:
    """A file as a table, by its format."""
    form = source.get("format") or Path(name).suffix.lstrip(".").lower()
    whole = min(len(content), MOST) or 1
    if form == "csv":
        # Zones are left to the cast: one that is missing is UTC there.
        known = {name: kind for name, kind in TYPES.items() if name != "timestamp"}
        declared = {c["name"]: known[c["logicalType"]] for c in source.get("columns", []) if c["logicalType"] in known}
        nulls = list(source.get("nulls", [""]))
        reading = pyarrow.csv.ReadOptions(block_size=whole)
        options = pyarrow.csv.ConvertOptions(column_types=declared, null_values=nulls, strings_can_be_null=bool(nulls))
        try:
            return pyarrow.csv.read_csv(io.BytesIO(content), read_options=reading, convert_options=options)
        except pa.ArrowInvalid as error:
            raise SourceError(conversion(str(error), content)) from None
    if form == "parquet":
        return pyarrow.parquet.read_table(io.BytesIO(content))
    if form in ("json", "jsonl", "ndjson"):
        try:
            if content.lstrip()[:1] == b"[":
                return listed(json.loads(content))
            return pyarrow.json.read_json(io.BytesIO(content), pyarrow.json.ReadOptions(block_size=whole))
        except (ValueError, pa.ArrowInvalid) as error:
            raise SourceError(f"{name} is no {form.upper()}: {error}") from None
    raise SourceError(f"{name} has no format that is known; say `format: csv|parquet|json|jsonl`")


def listed(rows: list[Any]) -> pa.Table:
    """A JSON list of objects as a table: a key that a row lacks is a column without a value."""
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("not every item of the list is an object")
    names = dict.fromkeys(key for row in rows for key in row)
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


def conversion(message: str, content: bytes) -> str:
    """Arrow's complaint about a CSV value, with the column's name and the contract's word for its type."""
    found = re.search(r"In CSV column #(\d+).*?CSV conversion error to (.+?): invalid value (.*)", message, re.S)
    if not found:
        return message.splitlines()[0]
    header = next(csv.reader(io.StringIO(content[:65536].decode("utf-8-sig", errors="replace"))))
    wanted = next((name for name, kind in TYPES.items() if str(kind) == found[2]), found[2])
    return f"column `{header[int(found[1])]}` should be {wanted}, found {found[3]}"


def agreed(source: dict[str, Any], table: pa.Table) -> pa.Table:
    """The table as its contract says, or SourceError naming the column, what was expected and what was found."""
    if not table.column_names:
        raise SourceError("there is no row and no column in it")
    if twice := [name for name in table.column_names if table.column_names.count(name) > 1]:
        raise SourceError(f"column `{twice[0]}` stands twice")
    columns = source.get("columns")
    if not columns:
        # A column of which nothing is known is text.
        plain = pa.schema([(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in table.schema])
        return table.cast(plain)
    names = [column["name"] for column in columns]
    if missing := [name for name in names if name not in table.column_names]:
        raise SourceError(f"column `{missing[0]}` of the contract is missing; found {', '.join(table.column_names)}")
    if extra := [name for name in table.column_names if name not in names]:
        raise SourceError(f"column `{extra[0]}` is not in the contract; add it there or leave it out of the source")
    arrays = []
    for column in columns:
        name, kind, values = column["name"], column["logicalType"], table[column["name"]]
        wanted = TYPES.get(kind, pa.string() if pa.types.is_null(values.type) else None)
        if wanted is not None and values.type != wanted:
            try:
                values = converted(values, wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise SourceError(f"column `{name}` should be {kind}, found {values.type}") from None
        if column.get("required") and values.null_count:
            raise SourceError(f"column `{name}` is required; {values.null_count:,} rows have no value")
        arrays.append(values)
    return pa.table(arrays, names=names)


def converted(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """The values as another type; a time without a zone is UTC, also where it is written as text."""
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:
        if not (pa.types.is_timestamp(wanted) and pa.types.is_string(values.type)):
            raise
        return values.cast(pa.timestamp("us")).cast(wanted)


def from_port(source: dict[str, Any]) -> pa.Table:
    """A table of another product's sql port."""
    import psycopg.sql

    port = source["sql"]["port"]
    head = port.replace("-", "_").upper()
    table = psycopg.sql.Identifier(os.environ[f"{head}_SCHEMA"], source["sql"]["table"])
    try:
        with psycopg.connect(
            host=os.environ[f"{head}_HOST"],
            port=int(os.environ[f"{head}_PORT"]),
            dbname=os.environ[f"{head}_DATABASE"],
            user=os.environ[f"{head}_USER"],
            password=os.environ[f"{head}_PASSWORD"],
        ) as connection:
            cursor = connection.execute(psycopg.sql.SQL("SELECT * FROM {}").format(table))
            columns, rows = cursor.description or [], cursor.fetchall()
    except psycopg.Error as error:
        raise SourceError(f"port `{port}` can't be read: {str(error).splitlines()[0]}") from None
    types = [TYPES.get(POSTGRES_TYPES.get(column.type_code, "")) for column in columns]
    arrays = [pa.array([row[index] for row in rows], type_) for index, type_ in enumerate(types)]
    return pa.table(arrays, names=[column.name for column in columns])


def table_of(source: dict[str, Any]) -> pa.Table:
    """All of a source."""
    try:
        if "sql" in source:
            return agreed(source, from_port(source))
        parts = [parsed(source, name, content) for name, content in opened(source)]
        return agreed(source, parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive"))
    except SourceError as error:
        raise SourceError(f"source `{source['name']}`: {error}") from None
    except UNREADABLE as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"source `{source['name']}` can't be read: {first}") from None
