"""A job that reads a port runs again when a schedule has filled it: `after` reaches what starts jobs."""

from __future__ import annotations

import json

from tests.behaviours.graphs import example

SOURCE, FOLLOWER = "departures--load--run", "route-stats--batch--driver--run"


def test_it(target: str) -> None:
    made = example(target).made
    if target in ("local", "docker"):
        (run,) = [each for each in made if each.type == "mesh:index:JobRun" and each.name == FOLLOWER]
        assert run.inputs["after"]
        return
    starters = [
        json.dumps(each.inputs)
        for each in made
        if each.name.startswith((SOURCE, FOLLOWER)) and each.type.endswith((":CronJob", ":EventRule", ":EventTarget"))
    ]
    assert any(FOLLOWER in text or FOLLOWER.replace("--", "-") in text for text in starters)
