"""The delay model: fitted on the cluster, from what is known beforehand, good enough, and traceable."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess

import pytest

from tests.example.running import Running

pytestmark = [pytest.mark.engine, pytest.mark.software]
AFTERWARDS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late")


def test_the_model_is_fitted_on_two_workers_and_predicts(running: Running) -> None:
    with running.connected("flights/delay-model/metrics") as connection:
        auc, rows, features, workers = connection.execute(
            "SELECT auc, rows, features, workers FROM delay_model.metrics"
        ).fetchall()[0]
        predicted = connection.execute("SELECT count(*) FROM delay_model.predictions").fetchall()[0][0]
    assert auc > 0.6
    assert rows == predicted == 27_110  # departures of December that left
    assert len(workers) == 2
    assert not set(features) & set(AFTERWARDS)


def test_the_task_stream_shows_fits_on_both_workers(running: Running) -> None:
    """Asked of the scheduler itself, over TLS with the cluster's secret, by the model's own environment."""
    job = json.loads((running.home("flights-dev") / "jobs" / "delay-model--train--run" / "job.json").read_text())
    script = running.root / "stream.py"
    script.write_text(
        "import os, json\nfrom distributed import Client\n"
        "with Client(os.environ['CLUSTER_ADDRESS']) as client:\n"
        "    tasks = client.get_task_stream()\n"
        "    print(json.dumps(sorted({t['worker'] for t in tasks if t['key'].startswith('fit')})))\n"
    )
    python, node, *_ = job["argv"]
    done = subprocess.run(
        [python, node, "python", str(script)],
        env={**job["env"], **job["secrets"], "HOME": str(running.root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(done.stdout.strip().splitlines()[-1])) >= 2


def test_a_stranger_is_not_let_into_the_cluster(running: Running) -> None:
    exported = running.pulumi("stack", "export", "-s", "flights-dev").stdout
    resources = json.loads(exported)["deployment"]["resources"]
    scheduler = next(r for r in resources if r["urn"].endswith("Process::delay-model--cluster--scheduler"))
    at = scheduler["outputs"]["endpoints"]["scheduler"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((at["host"], int(at["port"])), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(plain) as wrapped,
    ):
        wrapped.settimeout(10)
        if not wrapped.recv(1):
            raise ConnectionError("closed")


def test_lineage_names_both_input_ports(running: Running) -> None:
    record = running.data("catalogue", "show", "flights/delay-model")[0]
    assert [port["urn"] for port in record["inputs"]] == [
        "urn:dp:acme:flights:departures:tables",
        "urn:dp:acme:weather:observations:hourly",
    ]


def test_without_the_grant_the_model_is_refused(running: Running) -> None:
    line = "  - {to: flights/delay-model, port: hourly, until: 2027-06-30}\n"
    running.edit("stacks/weather/observations.yaml", f"grants:\n{line}", "")
    try:
        done = running.mesh("up", "flights", check=False)
    finally:
        with (running.root / "stacks/weather/observations.yaml").open("a") as file:
            file.write(f"grants:\n{line}")
    assert done.returncode == 2
    assert "weather/observations/hourly is not granted to flights/delay-model" in done.stderr
    assert "- {to: flights/delay-model, port: hourly, until:" in done.stderr
