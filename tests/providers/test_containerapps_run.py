"""Jobs of Azure Container Apps, against a fake: there is no emulator and no account.

It proves what we send and what we make of an answer, not that Azure takes it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal
from tests.providers.containerapps import CONTAINER, EXECUTION, STREAM, Fake, environment

pytestmark = pytest.mark.processes

JOB = "/subscriptions/1234/resourceGroups/sales/providers/Microsoft.App/jobs/sales-dev-load"


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    fake = Fake(tmp_path)
    for name, value in environment(tmp_path, fake).items():
        monkeypatch.setenv(name, value)
    yield fake
    fake.shutdown()
    fake.server_close()


def job(made: Any, **inputs: Any) -> Any:
    given = {
        "executor": "containerapps",
        "name": "load",
        "subscription": "1234",
        "resourceGroup": "sales",
        "job": "sales-dev-load",
        "container": "main",
        "definition": "1",
        "timeoutSeconds": 20,
    }
    return made("JobRun", **{**given, **inputs})


def lines(home: Home) -> list[str]:
    """What the newest run said."""
    found: list[str] = json.loads((home.logs / "load.runs.jsonl").read_text().splitlines()[-1])["lines"]
    return found


def test_a_job_is_started_and_waited_for(home: Home, made: Any, azure: Fake) -> None:
    job(made).create()
    assert azure.bodies("/start") == [None]
    looks = [path for method, path, _ in azure.asked if method == "GET" and "executions" in path]
    assert [path for path in looks if not path.endswith("/replicas")] == [f"{JOB}/executions/{EXECUTION}"] * 3
    where = f"az containerapp job logs show -g sales -n sales-dev-load --execution {EXECUTION} --container main"
    assert lines(home) == [f"execution {EXECUTION}; its lines: {where}"]


def test_only_another_definition_runs_it_again(made: Any, azure: Fake) -> None:
    run = job(made).create()
    first = run.state["revision"]
    run.update(tags={"owner": "sales"})
    assert run.state["revision"] == first
    run.update(definition="2")
    assert run.state["revision"] != first
    assert len(azure.bodies("/start")) == 2


def test_the_exit_code_is_the_containers(made: Any, azure: Fake) -> None:
    container = {"name": "main", "code": 5, "status": "Terminated"}
    azure.states = [{"status": "Failed", "detailedStatus": {"replicas": [{"name": "r", "containers": [container]}]}}]
    with pytest.raises(Refusal, match="failed with exit code 5; its last lines:\n  execution sales-dev-load-x1y2z3"):
        job(made).create()


def test_a_failure_has_azures_own_reason(made: Any, azure: Fake) -> None:
    azure.states = [{"status": "Failed", "reason": "DeadlineExceeded", "message": "Job was active too long"}]
    with pytest.raises(Refusal, match=r"exit code 1(.|\n)*DeadlineExceeded: Job was active too long"):
        job(made).create()


def test_an_execution_that_somebody_stopped(made: Any, azure: Fake) -> None:
    azure.states = [{"status": "Stopped"}]
    with pytest.raises(Refusal, match=r"exit code 1(.|\n)*stopped from outside"):
        job(made).create()


def test_lines_are_those_of_the_log_stream_and_rows_are_kept(home: Home, made: Any, azure: Fake) -> None:
    azure.lines = [
        json.dumps({"TimeStamp": "2026-11-25T12:00:00", "Log": "loading"}),
        json.dumps({"TimeStamp": "2026-11-25T12:00:01", "Log": 'F ::mesh:: {"rows": 26115}'}),
        '{"a": "line of JSON"}',
    ]
    run = job(made).create()
    assert lines(home)[1:] == ["loading", '{"a": "line of JSON"}']
    assert run.state["rows"] == 26115
    assert len([path for _, path, _ in azure.asked if path == STREAM]) == 1


def test_secrets_in_lines_are_masked(home: Home, made: Any, azure: Fake) -> None:
    azure.lines = ["the password is not-a-secret-of-anybody"]
    job(made, secrets={"PASSWORD": "not-a-secret-of-anybody"}).create()
    assert lines(home)[1:] == ["the password is [secret]"]


def test_a_job_without_a_stream_of_lines_still_ends_well(home: Home, made: Any, azure: Fake) -> None:
    azure.lines, azure.refusing["/getAuthToken"] = ["unseen"], (403, "AuthorizationFailed", "no right")
    assert job(made).create().state["rows"] is None
    assert len(lines(home)) == 1


def test_why_a_container_waits_is_said_once(home: Home, made: Any, azure: Fake) -> None:
    container = {"name": "main", "status": "Waiting", "additionalInformation": "ImagePullBackOff: not found"}
    waiting = {"status": "Running", "detailedStatus": {"replicas": [{"name": "r", "containers": [container]}]}}
    azure.states = [waiting, waiting, {"status": "Succeeded"}]
    job(made).create()
    assert lines(home)[1:] == ["Waiting ImagePullBackOff: not found"]


def test_undo_is_the_jobs_container_with_another_command(home: Home, made: Any, azure: Fake) -> None:
    run = job(made, undo=["python", "/files/role.py", "--undo"]).create()
    home.forget(home.job("load"))  # the folder of records may be on another machine
    run.delete()
    kept = {key: CONTAINER[key] for key in ("name", "image", "env", "resources")}
    undone = {"containers": [{**kept, "command": ["python", "/files/role.py", "--undo"]}]}
    assert azure.bodies("/start") == [None, undone]


def test_an_interruption_stops_the_execution(made: Any, azure: Fake) -> None:
    azure.states = [{"status": "Running"}]
    operation = Operation()

    def interrupt() -> None:
        while not any(path.endswith(EXECUTION) for _, path, _ in azure.asked):
            time.sleep(0.02)
        operation.cancelled.set()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Cancelled):
        job(made).create(operation)
    assert azure.bodies(f"/{EXECUTION}/stop") == [None]


REFUSED = {
    "401": (
        (401, "InvalidAuthenticationToken", "The access token is invalid."),
        "Azure does not accept the credentials of this machine: .*The access token is invalid.*; `az login`, or set",
    ),
    "403": (
        (
            403,
            "AuthorizationFailed",
            "The client 'ci' does not have authorization to perform action 'Microsoft.App/jobs/start/action' over x.",
        ),
        "the right `Microsoft.App/jobs/start/action` is missing: The client 'ci' does not have",
    ),
    "no job": (
        (404, "ResourceNotFound", "x was not found."),
        "there is no Container Apps job sales-dev-load in resource group sales of subscription 1234",
    ),
    "no group": (
        (404, "ResourceGroupNotFound", "Resource group 'sales' could not be found."),
        "there is no resource group sales in subscription 1234",
    ),
    "no subscription": (
        (404, "SubscriptionNotFound", "The subscription '1234' could not be found."),
        "there is no subscription 1234 for who is logged in here; `az login`",
    ),
    "quota": ((400, "QuotaExceeded", "The limit of 100 cores is reached."), "Azure refuses the job: The limit of 100"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_azure_refuses_is_said_in_a_sentence(home: Home, made: Any, azure: Fake, case: str) -> None:
    azure.refusing["/start"], sentence = REFUSED[case]
    with pytest.raises(Refusal, match=sentence):
        job(made).create()
    assert len(lines(home)) == 1
    assert not azure.bodies("/stop")


def test_missing_credentials_are_said(made: Any, azure: Fake, tmp_path: Path) -> None:
    (tmp_path / "logged-out").touch()
    with pytest.raises(
        Refusal, match="this machine has no Azure credentials that work; `az login`, or set AZURE_TENANT"
    ):
        job(made).create()
    assert not azure.asked


def test_an_azure_that_does_not_answer(made: Any, azure: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARM_ENDPOINT", "https://127.0.0.1:9")
    with pytest.raises(Refusal, match=r"Azure does not answer: .*Connection refused"):
        job(made).create()


def test_no_token_is_written_down(home: Home, made: Any, azure: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-a-secret-of-anybody")
    job(made).create()
    text = (home.job("load") / "job.json").read_text()
    assert azure.url in text
    assert "not-a-secret-of-anybody" not in text


def test_what_the_executor_needs(made: Any) -> None:
    run = job(made)
    del run.inputs["resourceGroup"]
    assert run.failures() == ["`resourceGroup` is missing; executor `containerapps` needs it"]
