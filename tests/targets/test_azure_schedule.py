"""Schedules on Azure: Container Apps counts in UTC."""

from __future__ import annotations

import pytest

from components.primitives import Schedule
from components.targets.azure_schedule import distances, utc
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph
from tests.targets.test_azure import VALUES
from tests.targets.test_azure_container import variables


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def test_a_schedule_is_a_job_of_its_own_that_keeps_its_time_zone(graph: Graph) -> None:
    once, timed = graph.named("Job", "--work--run"), graph.named("Job", "--work--run--schedule")
    assert once.inputs["configuration"]["triggerType"] == "Manual"
    assert timed.inputs["configuration"]["triggerType"] == "Schedule"
    assert timed.inputs["configuration"]["scheduleTriggerConfig"]["cronExpression"] == "5 4 * * *"
    assert "CRON" not in variables(timed)  # in UTC nothing is to be asked
    assert once.inputs["template"] == timed.inputs["template"]


@pytest.mark.parametrize(
    ("cron", "zone", "wanted"),
    [
        ("0 5 * * *", "UTC", "0 5 * * *"),
        ("0 5 * * 1-5", "America/New_York", "0 9,10 * * *"),
        ("30 0 * * *", "Asia/Kolkata", "0 19 * * *"),
        ("15,45 23 * * *", "Europe/Berlin", "15,45 21,22 * * *"),
    ],
)
def test_a_trigger_is_in_utc_for_every_hour_that_may_be_meant(cron: str, zone: str, wanted: str) -> None:
    assert utc(Schedule(cron=cron, timezone=zone)) == wanted


def test_the_distances_of_a_zone() -> None:
    assert distances("America/New_York") == {-300, -240}
    assert distances("Asia/Kolkata") == {330}
