"""Loads the sources that `sources.json` lists into a database schema or a bucket, by the `dlt` library."""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# dlt reads these when it is imported: no telemetry, no files outside the job's own folder, names as they are written
# (on the way into a database it splits them at the delimiter: a sign that no name holds).
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DLT_DATA_DIR": str(Path.cwd() / "dlt"),
    "SCHEMA__NAMING": "direct",
    "NORMALIZE__DATA_WRITER__DELIMITER": "\x1f",
}

import dlt
import dlt.destinations.impl.postgres.postgres as dlt_postgres
import pyarrow as pa
from dlt.common.destination.configuration import CsvFormatConfiguration
from dlt.common.libs.pyarrow import py_arrow_to_table_schema_columns
from ingest_read import SourceError, table_of


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
    # dlt would load an empty text as no value.
    dlt_postgres.is_nullable_column = lambda column: False
    # A reader sees the old rows or the new ones, and tables keep the rights that were given on them.
    os.environ["DESTINATION__REPLACE_STRATEGY"] = "insert-from-staging"
    made = dlt.destinations.postgres(
        credentials={
            "host": env["TARGET_HOST"],
            "port": int(env["TARGET_PORT"]),
            "database": env["TARGET_DATABASE"],
            "username": env["TARGET_USER"],
            "password": env["TARGET_PASSWORD"],
        },
        csv_format=CsvFormatConfiguration(delimiter=env["NORMALIZE__DATA_WRITER__DELIMITER"]),
    )
    return made, env["TARGET_SCHEMA"], {"loader_file_format": "csv"}


def resource(source: dict[str, Any], table: pa.Table, nested: bool) -> Any:
    """What dlt loads: the table, what is nested in it as JSON where the destination takes it no other way."""
    hints: dict[str, Any] = {}
    if not nested:
        for index, field in enumerate(table.schema):
            if pa.types.is_nested(field.type):
                texts = [
                    None if value is None else json.dumps(value, default=str) for value in table[field.name].to_pylist()
                ]
                table = table.set_column(index, field.name, pa.array(texts, pa.string()))
                hints[field.name] = {"data_type": "json"}
    return dlt.resource(
        table,
        name=source["name"],
        write_disposition=source.get("mode", "replace"),
        primary_key=[column["name"] for column in source.get("columns", []) if column.get("primaryKey")] or None,
        columns=hints or None,
    )


def reshaped(pipeline: Any, table: str, schema: pa.Schema) -> bool:
    """Whether a column of a table that was loaded before is gone or has another type: dlt only adds columns."""
    if pipeline.default_schema_name is None:
        return False
    known = pipeline.default_schema
    before = known.tables.get(known.naming.normalize_table_identifier(table), {}).get("columns", {})
    after = {known.naming.normalize_path(k): v for k, v in py_arrow_to_table_schema_columns(schema).items()}
    shape = ("data_type", "precision", "scale")
    return any(
        [after.get(name, {}).get(key) for key in shape] != [was.get(key) for key in shape]
        for name, was in before.items()
    )


def main() -> None:
    """Read everything first: a broken source changes nothing."""
    sources = json.loads(Path(__file__).with_name("sources.json").read_text(encoding="utf-8"))
    tables = {source["name"]: table_of(source) for source in sources}
    made, dataset, how = destination()
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=Path.cwd()) as work:
        pipeline = dlt.pipeline("ingest", pipelines_dir=work, destination=made, dataset_name=dataset)
        pipeline.sync_destination()
        groups: tuple[list[Any], list[Any]] = ([], [])
        for source in sources:
            table = tables[source["name"]]
            anew = source.get("mode", "replace") == "replace" and reshaped(pipeline, source["name"], table.schema)
            groups[anew].append(resource(source, table, nested=how["loader_file_format"] == "parquet"))
        for resources, refresh in zip(groups, (None, "drop_resources"), strict=True):
            if resources:
                pipeline.run(resources, refresh=refresh, **how)
    counts = {name: table.num_rows for name, table in tables.items()}
    print("::mesh::", json.dumps({"rows": sum(counts.values()), "tables": counts}))


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # dlt tells of each of its attempts; the last one is told below
    try:
        main()
    except SourceError as error:
        sys.exit(str(error))
    except Exception as error:  # dlt wraps a failure several times; the last cause is the one to tell
        while error.__cause__ is not None or error.__context__ is not None:
            error = error.__cause__ or error.__context__  # type: ignore[assignment]
        first = (str(error).strip().splitlines() or [""])[0]
        sys.exit(f"loading failed: {type(error).__name__}: {first}")
