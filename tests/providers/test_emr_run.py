"""Jobs on EMR Serverless, against moto: no account of AWS is at hand.

Moto runs no Spark and leaves a run where it is. So a run here is in the state that a test wrote down, and what its
driver wrote is put into moto's S3 by the test; requests, answers and refusals are moto's own.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from moto.emrserverless import models
from moto.emrserverless.responses import EMRServerlessResponse
from moto.server import ThreadedMotoServer

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal

pytestmark = pytest.mark.processes

REGION, ACCOUNT = "eu-west-1", "123456789012"
LOGS = "s3://files/sales-dev-batch/logs"


class Cloud:
    """Moto's AWS with what the aws target makes for a Spark job."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name=REGION)
        self.s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": REGION})
        emr = boto3.client("emr-serverless", region_name=REGION)
        self.application = emr.create_application(
            name="sales-dev-batch", releaseLabel="emr-7.12.0", type="SPARK", clientToken="a"
        )["applicationId"]
        self.ends: dict[str, Any] = {"state": "SUCCESS", "state_details": None}
        """How the next run ends."""

    @property
    def runs(self) -> list[Any]:
        """What moto knows of the runs, in the order of their start."""
        return list(models.emrserverless_backends[ACCOUNT][REGION].job_runs.get(self.application, []))

    def wrote(self, run: Any, file: str, *lines: str) -> None:
        """Put what the driver of a run wrote where EMR puts it."""
        path = f"sales-dev-batch/logs/applications/{self.application}/jobs/{run.id}/SPARK_DRIVER/{file}.gz"
        self.s3.put_object(Bucket="files", Key=path, Body=gzip.compress("\n".join(lines).encode()))

    def then(self, act: Callable[[Any], None]) -> None:
        """Do something as soon as the next run is started."""
        before = len(self.runs)

        def wait() -> None:
            while len(self.runs) == before:
                time.sleep(0.02)
            act(self.runs[-1])
            vars(self.runs[-1]).update(self.ends)

        threading.Thread(target=wait, daemon=True).start()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(server: str, monkeypatch: pytest.MonkeyPatch, home: Home) -> Cloud:
    httpx.post(f"{server}/moto-api/reset")
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anybody",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(home.path.parent),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(models, "JOB_STATUS", "RUNNING")
    return Cloud()


def job(made: Any, cloud: Cloud, **inputs: Any) -> Any:
    manifest = {
        "applicationId": cloud.application,
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/batch",
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://files/sales-dev-batch/routes.py"}},
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": LOGS}}},
    }
    given = {"executor": "emr", "name": "batch", "region": REGION, "manifest": manifest, "tags": {"owner": "sales"}}
    return made("JobRun", **{**given, **inputs})


def record(home: Home) -> dict[str, Any]:
    """The newest run."""
    found: dict[str, Any] = json.loads((home.logs / "batch.runs.jsonl").read_text().splitlines()[-1])
    return found


def refusing(monkeypatch: pytest.MonkeyPatch, action: str, code: str, said: str) -> None:
    """Moto's own IAM is off: the answer is written down here."""
    answer = (400, {"status": 400, "x-amzn-errortype": code}, json.dumps({"message": said}))
    monkeypatch.setattr(EMRServerlessResponse, action, lambda _: answer)


def test_a_run_goes_to_its_end_and_its_lines_are_shown(home: Home, made: Any, cloud: Cloud) -> None:
    cloud.then(lambda run: cloud.wrote(run, "stdout", "224 routes", '::mesh:: {"rows": 224}'))
    run = job(made, cloud).create()
    assert run.state["rows"] == 224
    assert record(home)["lines"] == ["224 routes"]
    (started,) = cloud.runs
    assert started.client_token == run.state["revision"]
    assert started.name == f"batch-{run.state['revision']}"
    assert started.tags == {"owner": "sales"}
    assert started.job_driver["sparkSubmit"]["entryPoint"] == "s3://files/sales-dev-batch/routes.py"


def test_a_run_that_fails_shows_its_lines_the_end_of_sparks_log_and_why(made: Any, cloud: Cloud) -> None:
    def wrote(run: Any) -> None:
        cloud.wrote(run, "stdout", "started")
        cloud.wrote(run, "stderr", *(f"line {number}" for number in range(100)), "no such table")

    cloud.ends = {"state": "FAILED", "state_details": "Job failed, please check complete logs in configured location"}
    cloud.then(wrote)
    with pytest.raises(Refusal) as caught:
        job(made, cloud).create()
    said = str(caught.value)
    assert "failed with exit code 1" in said
    assert "line 99\n  no such table\n  failed: Job failed, please check" in said
    assert "line 5\n" not in said


def test_a_run_without_lines_has_an_end_all_the_same(home: Home, made: Any, cloud: Cloud) -> None:
    cloud.then(lambda run: None)
    job(made, cloud).create()
    assert record(home)["lines"] == []


def test_only_another_request_or_trigger_runs_it_again(made: Any, cloud: Cloud) -> None:
    cloud.then(lambda run: None)
    run = job(made, cloud, triggers=["a"]).create()
    run.update(tags={"owner": "somebody"})
    assert len(cloud.runs) == 1
    cloud.then(lambda run: None)
    run.update(triggers=["b"])
    assert len(cloud.runs) == 2


def test_an_interruption_cancels_the_run(made: Any, cloud: Cloud) -> None:
    operation = Operation()

    def interrupt() -> None:
        while not cloud.runs:
            time.sleep(0.02)
        time.sleep(0.3)
        operation.cancelled.set()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Cancelled):
        job(made, cloud).create(operation)
    assert [run.state for run in cloud.runs] == ["CANCELLED"]


def test_the_time_limit_cancels_the_run(made: Any, cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="exit code 124"):
        job(made, cloud, timeoutSeconds=4).create()
    assert [run.state for run in cloud.runs] == ["CANCELLED"]


def test_a_missing_right_is_named(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x"
    refusing(monkeypatch, "start_job_run", "AccessDeniedException", said)
    with pytest.raises(Refusal, match=f"the right `iam:PassRole` is missing: {said}"):
        job(made, cloud).create()
    refusing(monkeypatch, "start_job_run", "AccessDeniedException", "no")
    with pytest.raises(Refusal, match="the right `emr-serverless:StartJobRun` is missing: no"):
        job(made, cloud).create()


def test_an_application_that_is_gone_is_said(made: Any, cloud: Cloud) -> None:
    run = job(made, cloud)
    run.inputs["manifest"]["applicationId"] = "00f1r1k2s3t4u5v6"
    with pytest.raises(Refusal, match=r"AWS refuses the job: .*00f1r1k2s3t4u5v6"):
        run.create()


def test_missing_credentials_are_said(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    run = job(made, cloud)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Refusal, match=r"no AWS credentials that can be used: .*; `aws sso login`, or set AWS_PROFILE"):
        run.create()


def test_a_region_without_it_is_named(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Refusal, match="there is no region `eu-nowhere-1` of EMR Serverless that boto3"):
        job(made, cloud, region="eu-nowhere-1").create()


def test_what_the_executor_needs(made: Any, cloud: Cloud) -> None:
    run = job(made, cloud)
    del run.inputs["manifest"]
    assert run.failures() == ["`manifest` is missing; executor `emr` needs it"]
