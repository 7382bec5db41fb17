"""A model of late departures: fitted on Dask workers, from what is known before a flight leaves."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
import joblib
import numpy as np
import pandas as pd
import psycopg
from distributed import Client, get_worker
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

LATE = 15  # minutes
FEATURES = [
    "carrier", "origin", "dest", "month", "day", "weekday", "hour", "minute", "distance", "plane_age",
    "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip
CATEGORIES = ["carrier", "origin", "dest"]
# Known only once the flight has left: nothing derived from these may be a feature.
AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum_seen", "late"}
MODELS = 4  # each fitted on its own sample of the days, by whichever worker is free


def connect(port: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """A sql port, by the variables that carry it."""
    part = {name: os.environ[f"{port}_{name}"] for name in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")}
    return psycopg.connect(
        host=part["HOST"], port=part["PORT"], dbname=part["DATABASE"], user=part["USER"], password=part["PASSWORD"]
    )


def read(port: str, query: str) -> pd.DataFrame:
    """Rows of a query as a frame."""
    with connect(port) as connection:
        cursor = connection.execute(query.encode())
        return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or []])


def flights() -> pd.DataFrame:
    """One row a departure, with the weather forecast for its scheduled hour and the age of the plane."""
    departures = read(
        "DEPARTURES",
        """SELECT f.month, f.day, f.carrier, f.flight, f.origin, f.dest, f.hour, f.minute, f.distance, f.dep_delay,
                  2013 - p.year AS plane_age,
                  extract(isodow FROM make_date(2013, f.month::int, f.day::int))::int AS weekday
             FROM flights f LEFT JOIN planes p USING (tailnum) WHERE f.dep_delay IS NOT NULL""",
    )
    weather = read(
        "WEATHER",
        """SELECT origin, month, day, hour, temp, dewp, humid, wind_dir, wind_speed, precip, pressure, visib
             FROM weather""",
    )
    weather = weather.drop_duplicates(["origin", "month", "day", "hour"])  # an hour repeats in autumn
    return departures.merge(weather, how="left", on=["origin", "month", "day", "hour"], validate="many_to_one")


def fit(data: pd.DataFrame, late: "pd.Series[bool]", seed: int) -> tuple[HistGradientBoostingClassifier, str]:
    """One model, and the worker that fitted it."""
    sample = np.random.default_rng(seed).random(len(data)) < 0.7
    model = HistGradientBoostingClassifier(
        categorical_features=CATEGORIES, max_iter=120, learning_rate=0.1, max_leaf_nodes=48, random_state=seed
    )
    model.fit(data[sample], late[sample])
    return model, str(get_worker().name)


def main() -> None:
    """Fit on January to November, judge on December."""
    if leaked := AFTERWARDS & set(FEATURES):
        raise SystemExit(f"features known only after departure: {', '.join(sorted(leaked))}")
    data = flights()
    data[CATEGORIES] = data[CATEGORIES].apply(lambda column: column.astype("category").cat.codes)
    late, december = data["dep_delay"] > LATE, data["month"] == 12
    known = data[FEATURES].astype("float32")
    with Client(os.environ["CLUSTER_ADDRESS"]) as client:
        client.wait_for_workers(1, timeout=120)
        frame, target = client.scatter([known[~december], late[~december]], broadcast=True)
        fitted = client.gather([client.submit(fit, frame, target, seed, pure=False) for seed in range(MODELS)])
    models, workers = [model for model, _ in fitted], sorted({worker for _, worker in fitted})
    probability = np.mean([model.predict_proba(known[december])[:, 1] for model in models], axis=0)
    auc = float(roc_auc_score(late[december], probability))
    save(data[december], late[december], probability, auc, workers, int((~december).sum()))
    keep(models)
    print(f"AUC on December {auc:.4f}, fitted on {', '.join(workers)}")
    print("::mesh::", json.dumps({"rows": int(december.sum()), "auc": auc}))


def save(
    data: pd.DataFrame, late: "pd.Series[bool]", probability: Any, auc: float, workers: list[str], fitted: int
) -> None:
    """Predictions and metrics, replaced in one transaction."""
    with connect("TARGET") as connection:
        connection.execute(
            """DROP TABLE IF EXISTS predictions, metrics;
               CREATE TABLE predictions
                 (month int, day int, hour int, minute int, flight int, probability float8, late bool);
               CREATE TABLE metrics
                 (auc float8, rows int, fitted_rows int, features text[], workers text[], fitted_at timestamptz)"""
        )
        columns = [data[name].astype(int) for name in ("month", "day", "hour", "minute", "flight")]
        with connection.cursor().copy("COPY predictions FROM STDIN") as copy:
            for row in zip(*columns, probability.tolist(), late.tolist(), strict=True):
                copy.write_row(row)
        values = (auc, len(data), fitted, FEATURES, workers, datetime.now(UTC))
        connection.execute("INSERT INTO metrics VALUES (%s, %s, %s, %s, %s, %s)", values)


def keep(models: list[HistGradientBoostingClassifier]) -> None:
    """The model into the bucket."""
    joblib.dump(models, "model.joblib", compress=3)
    store = boto3.client(
        "s3",
        endpoint_url=os.environ["BUCKET_ENDPOINT"],
        aws_access_key_id=os.environ.get("BUCKET_ACCESS_KEY"),
        aws_secret_access_key=os.environ.get("BUCKET_SECRET_KEY"),
    )
    store.upload_file("model.joblib", os.environ["BUCKET_BUCKET"], "model.joblib")


if __name__ == "__main__":
    main()
