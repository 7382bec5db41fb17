"""Jobs of Azure Container Apps, against a fake.

Nobody makes an emulator of Azure's management API, and there is no account: `Fake` answers the five requests of this
executor as the API's reference says, and keeps them. It proves what we send and what we make of an answer, not that
Azure takes it. The SDK, its log-in by `az` (a script here) and TLS are real.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal

JOB = "/subscriptions/1234/resourceGroups/sales/providers/Microsoft.App/jobs/sales-dev-load"
EXECUTION = "sales-dev-load-x1y2z3"
CONTAINER = {
    "name": "main",
    "image": "registry.example.org/python:1",
    "command": ["python", "load.py"],
    "env": [{"name": "HOME", "value": "/data"}, {"name": "PASSWORD", "secretRef": "password"}],
    "resources": {"cpu": 0.5, "memory": "1Gi"},
    "volumeMounts": [{"volumeName": "data", "mountPath": "/data"}],
}
AZ = """\
#!/bin/sh
[ -e "$HOME/logged-out" ] && echo "ERROR: Please run 'az login' to setup account." >&2 && exit 1
echo '{"accessToken": "a-token", "expires_on": 4102444800, "subscription": "1", "tenant": "t", "tokenType": "Bearer"}'
"""


class Fake(ThreadingHTTPServer):
    """The management API, as far as this executor asks it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str, Any]] = []
        self.states: list[dict[str, Any]] = [{"status": "Processing"}, {"status": "Running"}, {"status": "Succeeded"}]
        """What an execution says of itself from look to look; the last stays."""
        self.refusing: dict[str, tuple[int, str, str]] = {}
        """Status, code and message instead of an answer, by the end of the path."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def bodies(self, end: str) -> list[Any]:
        """What was posted to a path."""
        return [body for method, path, body in self.asked if method == "POST" and path.endswith(end)]


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def handle_once(self) -> None:
        fake = cast(Fake, self.server)
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake.asked.append((self.command, path, json.loads(body) if body else None))
        assert self.headers["Authorization"] == "Bearer a-token"
        for end, (status, code, message) in fake.refusing.items():
            if path.endswith(end):
                return self.answer(status, {"error": {"code": code, "message": message}})
        if (self.command, path) == ("POST", f"{JOB}/start"):
            return self.answer(202, None, Location=f"{fake.url}{JOB}/operationResults/1?api-version=1")
        if path == f"{JOB}/operationResults/1":
            return self.answer(200, {"name": EXECUTION, "id": f"{JOB}/executions/{EXECUTION}"})
        if (self.command, path) == ("GET", JOB):
            return self.answer(200, {"name": "sales-dev-load", "properties": {"template": {"containers": [CONTAINER]}}})
        if (self.command, path) == ("POST", f"{JOB}/executions/{EXECUTION}/stop"):
            fake.states = [{"status": "Stopped"}]
            return self.answer(202, None)
        if path == f"{JOB}/executions/{EXECUTION}":
            state = fake.states.pop(0) if len(fake.states) > 1 else fake.states[0]
            return self.answer(200, {"name": EXECUTION, "properties": state})
        return self.answer(404, {"error": {"code": "ResourceNotFound", "message": f"{path} was not found."}})

    do_GET = do_POST = handle_once

    def answer(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is written to the terminal."""


def certificate(folder: Path) -> Path:
    """A certificate of this machine that only these tests trust, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a fake of Azure")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "azure.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return file


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    fake = Fake(tmp_path)
    (tmp_path / "az").write_text(AZ)
    (tmp_path / "az").chmod(0o755)
    for name, value in {
        "ARM_ENDPOINT": fake.url,
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "REQUESTS_CA_BUNDLE": str(tmp_path / "azure.pem"),
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "HOME": str(tmp_path),
    }.items():
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
    assert [path for method, path, _ in azure.asked if method == "GET" and "executions" in path] == [
        f"{JOB}/executions/{EXECUTION}"
    ] * 3
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
