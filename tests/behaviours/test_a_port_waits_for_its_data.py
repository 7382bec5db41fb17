"""Whoever reads a port waits for the job that fills it: the port's address depends on that job's run."""

from __future__ import annotations

from tests.behaviours.graphs import example

FILLED_BY = {
    ("observations", "hourly"): "observations--load--run",
    ("departures", "tables"): "departures--load--run",
    ("departures", "dashboard"): "departures--bi--dashboard-delays",
    ("delay-model", "predictions"): "delay-model--train--run",
    ("delay-model", "metrics"): "delay-model--train--run",
    ("delay-model", "model"): "delay-model--train--run",
    ("route-stats", "routes"): "route-stats--batch--driver--run",
}


def test_it(target: str) -> None:
    found = example(target)
    jobs = {port: f"mesh:index:JobRun::{job}" for port, job in FILLED_BY.items() if port in found.waits}
    assert len(jobs) == len(FILLED_BY)
    assert not {port: found.waits[port] for port, job in jobs.items() if job not in found.waits[port]}
