"""The whole example mesh in containers: the numbers that it gives on this machine, read in the same ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docker.conftest import Place
from tests.evidence.ran import ran
from tests.example import test_model as model
from tests.example import test_numbers as numbers
from tests.example.running import Running

STACKS = ("weather-dev", "flights-dev")
flights = numbers.flights
test_superset_gives_the_mean_delay_by_carrier = numbers.test_superset_gives_the_mean_delay_by_carrier
test_the_sql_port_gives_the_same_numbers = numbers.test_the_sql_port_gives_the_same_numbers
test_a_granted_consumer_reads_its_port_and_nothing_else = (
    numbers.test_a_granted_consumer_reads_its_port_and_nothing_else
)
test_the_parquet_files_hold_every_route = numbers.test_the_parquet_files_hold_every_route
test_the_model_is_fitted_on_two_workers_and_predicts = model.test_the_model_is_fitted_on_two_workers_and_predicts


@pytest.fixture(scope="module")
def running(place: Place, checkout: Running) -> Iterator[Running]:
    """All four products, up; removed at the end."""
    for stack in STACKS:
        checkout.mesh("images", "push", "-s", stack)
    try:
        checkout.mesh("up")
        yield checkout
    finally:
        checkout.mesh("destroy", "--yes", "--force", check=False)


def test_a_second_up_changes_nothing(running: Running) -> None:
    assert running.mesh("up").stderr.count("no changes") == len(STACKS)


def test_evidence_of_docker_is_what_runs(running: Running) -> None:
    assert ran("docker", running, *STACKS)


def test_zz_destroy_leaves_nothing(place: Place, running: Running) -> None:
    running.mesh("destroy", "--yes")
    assert place.left() == {"containers": [], "volumes": [], "networks": []}
