"""Statistics per route, computed by Spark and written as Parquet."""

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

MONTHS = 12
DEPARTURES = {name: os.environ[f"DEPARTURES_{name}"] for name in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")}
BUCKET = {name: os.environ.get(f"BUCKET_{name}") for name in ("ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY")}
COLUMNS = {"origin": pa.string(), "dest": pa.string(), "dep_delay": pa.float64(), "arr_delay": pa.float64()}


def month(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The flights of each month asked for: every task reads its own from the port."""
    with psycopg.connect(
        host=DEPARTURES["HOST"],
        port=DEPARTURES["PORT"],
        dbname=DEPARTURES["DATABASE"],
        user=DEPARTURES["USER"],
        password=DEPARTURES["PASSWORD"],
    ) as connection:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                rows = connection.execute(
                    "SELECT origin, dest, dep_delay::float8, arr_delay::float8 FROM flights WHERE month = %s",
                    (number + 1,),
                ).fetchall()
                columns = zip(*rows, strict=True)
                arrays = [pa.array(values, kind) for values, kind in zip(columns, COLUMNS.values(), strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, names=list(COLUMNS))


def routes(flights: DataFrame) -> DataFrame:
    """One row a route; a flight without a departure delay never left."""
    return flights.groupBy("origin", "dest").agg(
        F.count("*").alias("flights"),
        F.avg("dep_delay").alias("mean_dep_delay"),
        F.expr("percentile(dep_delay, 0.5)").alias("median_dep_delay"),
        F.avg("arr_delay").alias("mean_arr_delay"),
        F.avg(F.col("dep_delay").isNull().cast("double")).alias("cancelled_share"),
    )


def write(rows: list[dict[str, Any]]) -> None:
    """One Parquet file, replaced as a whole."""
    store = pyarrow.fs.S3FileSystem(
        endpoint_override=BUCKET["ENDPOINT"],
        access_key=BUCKET["ACCESS_KEY"],
        secret_key=BUCKET["SECRET_KEY"],
        region=os.environ.get("AWS_REGION", "us-east-1"),
    )
    pyarrow.parquet.write_table(
        pa.Table.from_pylist(rows), f"{BUCKET['BUCKET']}/routes/routes.parquet", filesystem=store
    )


def main() -> None:
    """Read, compute, write."""
    spark = SparkSession.builder.appName("route-stats").getOrCreate()
    flights = spark.range(0, MONTHS, 1, MONTHS).mapInArrow(
        month, "origin string, dest string, dep_delay double, arr_delay double"
    )
    found = [row.asDict() for row in routes(flights).orderBy("origin", "dest").collect()]
    spark.stop()
    write(found)
    print("::mesh::", json.dumps({"rows": len(found), "flights": sum(row["flights"] for row in found)}))


if __name__ == "__main__":
    main()
