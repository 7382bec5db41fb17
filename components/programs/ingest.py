"""Loads the sources that `sources.json` lists into a database schema or a bucket, by the `dlt` library."""

import gzip
import importlib.metadata
import io
import json
import logging
import os
import re
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# dlt reads these when it is imported: no telemetry, no files outside the job's own folder, names as they are written.
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DLT_DATA_DIR": str(Path.cwd() / "dlt"),
    "SCHEMA__NAMING": "direct",
}

import dlt
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
"""ODCS logical types as Arrow has them; `object` and `array` are taken as they come."""
WAIT = 600
"""Seconds without a byte after which an HTTP source counts as dead."""


class SourceError(Exception):
    """What is wrong with a source, in one sentence."""


def opened(source: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each file of a source, unpacked."""
    if "url" in source:
        try:
            with urllib.request.urlopen(source["url"], timeout=WAIT) as answer:
                yield from unpacked(source["url"].split("?")[0], answer.read())
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise SourceError(f"{source['url']} can't be read: {getattr(error, 'reason', error)}") from None
        return
    if "package" in source:
        name, path = source["package"]["name"], source["package"]["path"]
        files = importlib.metadata.files(name) or []
        found = [str(file.locate()) for file in files if str(file).endswith(path)]
    else:
        path = source["file"]
        found = sorted(str(found) for found in Path("/").glob(path.lstrip("/")))
    if not found:
        raise SourceError(f"there is no file {path}")
    for file in found:
        yield from unpacked(file, Path(file).read_bytes())


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
    if form == "csv":
        declared = {c["name"]: TYPES[c["logicalType"]] for c in source.get("columns", []) if c["logicalType"] in TYPES}
        nulls = list(source.get("nulls", [""]))
        options = pyarrow.csv.ConvertOptions(column_types=declared, null_values=nulls, strings_can_be_null=bool(nulls))
        try:
            return pyarrow.csv.read_csv(io.BytesIO(content), convert_options=options)
        except pa.ArrowInvalid as error:
            raise SourceError(conversion(str(error), content)) from None
    if form == "parquet":
        return pyarrow.parquet.read_table(io.BytesIO(content))
    if form in ("json", "jsonl", "ndjson"):
        try:
            if content.lstrip()[:1] == b"[":
                return pa.Table.from_pylist(json.loads(content))
            return pyarrow.json.read_json(io.BytesIO(content))
        except (ValueError, pa.ArrowInvalid) as error:
            raise SourceError(f"{name} is no {form.upper()}: {error}") from None
    raise SourceError(f"{name} has no format that is known; say `format: csv|parquet|json|jsonl`")


def conversion(message: str, content: bytes) -> str:
    """Arrow's complaint about a CSV value, with the column's name."""
    found = re.search(r"In CSV column #(\d+).*?CSV conversion error to ([^:]+): invalid value '([^']*)'", message, re.S)
    if not found:
        return message.splitlines()[0]
    header = content.split(b"\n", 1)[0].decode(errors="replace").strip().split(",")
    return f"column `{header[int(found[1])].strip(chr(34))}` should be {found[2]}, found {found[3]!r}"


def agreed(source: dict[str, Any], table: pa.Table) -> pa.Table:
    """The table as its contract says, or SourceError naming the column, what was expected and what was found."""
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
        values = table[column["name"]]
        wanted = TYPES.get(column["logicalType"])
        if wanted is not None and values.type != wanted:
            try:
                values = values.cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise SourceError(
                    f"column `{column['name']}` should be {column['logicalType']}, found {values.type}"
                ) from None
        if column.get("required") and values.null_count:
            raise SourceError(f"column `{column['name']}` is required; {values.null_count:,} rows have no value")
        arrays.append(values)
    return pa.table(arrays, names=names)


def from_port(source: dict[str, Any]) -> pa.Table:
    """A table of another product's sql port."""
    import psycopg

    head = source["sql"]["port"].replace("-", "_").upper()
    table = ".".join(f'"{part}"' for part in (os.environ[f"{head}_SCHEMA"], source["sql"]["table"]))
    with psycopg.connect(
        host=os.environ[f"{head}_HOST"],
        port=int(os.environ[f"{head}_PORT"]),
        dbname=os.environ[f"{head}_DATABASE"],
        user=os.environ[f"{head}_USER"],
        password=os.environ[f"{head}_PASSWORD"],
    ) as connection:
        cursor = connection.execute(f"SELECT * FROM {table}".encode())
        names = [column.name for column in cursor.description or []]
        return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in cursor])


def table_of(source: dict[str, Any]) -> pa.Table:
    """All of a source."""
    try:
        if "sql" in source:
            return agreed(source, from_port(source))
        parts = [parsed(source, name, content) for name, content in opened(source)]
        return agreed(source, parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive"))
    except SourceError as error:
        raise SourceError(f"source `{source['name']}`: {error}") from None


def destination() -> tuple[Any, str, dict[str, Any]]:
    """dlt's destination, its dataset, and how it is loaded."""
    env = os.environ
    if env["TARGET_PROTOCOL"] == "s3":
        made = dlt.destinations.filesystem(
            bucket_url=f"s3://{env['TARGET_BUCKET']}",
            credentials={
                "aws_access_key_id": env.get("TARGET_ACCESS_KEY"),
                "aws_secret_access_key": env.get("TARGET_SECRET_KEY"),
                "endpoint_url": env["TARGET_ENDPOINT"],
            },
            layout="{table_name}/{load_id}.{file_id}.{ext}",
        )
        return made, env.get("TARGET_PREFIX") or "data", {"loader_file_format": "parquet"}
    # A reader sees the old rows or the new ones, and tables keep the rights that were given on them.
    os.environ["DESTINATION__REPLACE_STRATEGY"] = "insert-from-staging"
    made = dlt.destinations.postgres(
        credentials={
            "host": env["TARGET_HOST"],
            "port": int(env["TARGET_PORT"]),
            "database": env["TARGET_DATABASE"],
            "username": env["TARGET_USER"],
            "password": env["TARGET_PASSWORD"],
        }
    )
    return made, env["TARGET_SCHEMA"], {"loader_file_format": "csv"}


def main() -> None:
    """Read everything first: a broken source changes nothing."""
    sources = json.loads(Path(__file__).with_name("sources.json").read_text(encoding="utf-8"))
    tables = {source["name"]: table_of(source) for source in sources}
    resources = []
    for source in sources:
        keys = [column["name"] for column in source.get("columns", []) if column.get("primaryKey")]
        resources.append(
            dlt.resource(
                tables[source["name"]],
                name=source["name"],
                write_disposition=source.get("mode", "replace"),
                primary_key=keys or None,
            )
        )
    made, dataset, how = destination()
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=Path.cwd()) as work:
        pipeline = dlt.pipeline("ingest", pipelines_dir=work, destination=made, dataset_name=dataset)
        pipeline.run(resources, **how)
    counts = {name: table.num_rows for name, table in tables.items()}
    print("::mesh::", json.dumps({"rows": sum(counts.values()), "tables": counts}))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    try:
        main()
    except SourceError as error:
        sys.exit(str(error))
    except Exception as error:  # dlt wraps a failure several times; the last cause is the one to tell
        while error.__cause__ is not None or error.__context__ is not None:
            error = error.__cause__ or error.__context__  # type: ignore[assignment]
        first = (str(error).strip().splitlines() or [""])[0]
        sys.exit(f"loading failed: {type(error).__name__}: {first}")
