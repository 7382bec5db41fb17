"""A schedule becomes something that starts the job by itself, at the times and in the zone that were asked for."""

from __future__ import annotations

import json

from tests.behaviours.graphs import example

STARTERS = {
    "aws": "aws:scheduler/schedule:Schedule",
    "azure": "azure-native:app:Job",
    "docker": "mesh:index:Process",
    "kubernetes": "kubernetes:batch/v1:CronJob",
    "local": "mesh:index:Process",
}
TIMES = {
    "aws": ("cron(0 5 * * ? *)", "cron(15 5 * * ? *)"),
    "azure": ("0 9,10 * * *", "15 9,10 * * *"),
    "kubernetes": ("0 5 * * *", "15 5 * * *"),
}
"""Of departures and observations; Container Apps counts in UTC, for both halves of the year."""


def test_it(target: str) -> None:
    found = [each for each in example(target).made if each.type == STARTERS[target]]
    shown = json.dumps([each.inputs for each in found])
    if target in TIMES:
        assert all(time in shown for time in TIMES[target])
        assert "America/New_York" in shown
    else:
        # One scheduler a stack, which reads the definitions of the jobs.
        assert "scheduler" in {each.name for each in found}
        runs = [each.inputs.get("schedule") for each in example(target).made if each.type == "mesh:index:JobRun"]
        assert {"cron": "0 5 * * *", "timezone": "America/New_York"} in runs
