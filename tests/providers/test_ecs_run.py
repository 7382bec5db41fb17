"""Jobs as tasks of ECS, against moto: no account of AWS is at hand.

Moto starts no container. So a task here ends with the exit codes that a test wrote down, and its lines are put into
moto's CloudWatch by the test; requests, answers, states, rights and refusals are moto's own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import boto3
import httpx
import pytest
from moto.ecs import models
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.logs.responses import LogsResponse
from moto.moto_api import state_manager
from moto.server import ThreadedMotoServer

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal

pytestmark = pytest.mark.processes

REGION = "eu-west-1"
FAMILY, GROUP = "sales-dev-load", "/mesh/sales-dev"


class Cloud:
    """Moto's AWS with what the aws target makes for a job."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ecs, self.logs, self.iam = (boto3.client(name, region_name=REGION) for name in ("ecs", "logs", "iam"))
        self.ends: dict[str, dict[str, Any]] = {"files": {"exitCode": 0}, "main": {"exitCode": 0}}
        """What moto says of each container of the next task."""
        self.cluster = self.ecs.create_cluster(clusterName="sales-dev")["cluster"]["clusterArn"]
        self.subnet = boto3.client("ec2", region_name=REGION).describe_subnets()["Subnets"][0]["SubnetId"]
        self.logs.create_log_group(logGroupName=GROUP)

    def define(self, image: str = "registry.example.org/python:1") -> str:
        """A revision of the task definition."""
        written = {"awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": FAMILY}
        # Moto adds up the memory of the containers; Fargate does not need it.
        common = {"image": image, "memory": 512, "logConfiguration": {"logDriver": "awslogs", "options": written}}
        made = self.ecs.register_task_definition(
            family=FAMILY,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="512",
            memory="1024",
            containerDefinitions=[{**common, "name": "files"}, {**common, "name": "main", "command": ["python"]}],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    @property
    def tasks(self) -> list[Any]:
        """What moto knows of the tasks, in the order of their start."""
        return list(models.ecs_backends["123456789012"][REGION].tasks.get("sales-dev", {}).values())

    def write(self, task: Any, *lines: str, container: str = "main") -> None:
        """Put lines of a container into CloudWatch."""
        stream = f"{FAMILY}/{container}/{task.id}"
        self.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
        self.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def writes(self, *lines: str, container: str = "main") -> None:
        """Put them there as soon as the next task is started."""
        before = len(self.tasks)

        def act() -> None:
            while len(self.tasks) == before:
                time.sleep(0.02)
            self.write(self.tasks[-1], *lines, container=container)

        threading.Thread(target=act, daemon=True).start()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(server: str, monkeypatch: pytest.MonkeyPatch, home: Home) -> Iterator[Cloud]:
    httpx.post(f"{server}/moto-api/reset")
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anybody",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(home.path.parent),
    }.items():
        monkeypatch.setenv(name, value)
    cloud = Cloud(server)

    original, one = models.Task, cast(Any, models.Container)

    def task(*args: Any, **kwargs: Any) -> Any:
        """A task whose containers end as the test says; moto makes one container, which ends with 0."""
        made = original(*args, **kwargs)
        made.containers = []
        for name, end in cloud.ends.items():
            container = one(kwargs["task_definition"])
            del container.exitCode
            vars(container).update(end, name=name)
            made.containers.append(container)
        return made

    monkeypatch.setattr(models, "Task", task)
    # Each look at a task moves it one of four states on; a task is RUNNING at once.
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1})
    yield cloud
    state_manager.unset_transition("ecs::task")


def job(made: Any, cloud: Cloud, **inputs: Any) -> Any:
    given = {
        "executor": "ecs",
        "name": "load",
        "region": REGION,
        "cluster": cloud.cluster,
        "taskDefinition": inputs.pop("taskDefinition", None) or cloud.define(),
        "container": "main",
        "subnets": [cloud.subnet],
        "securityGroups": ["sg-1"],
    }
    return made("JobRun", **{**given, **inputs})


def record(home: Home) -> dict[str, Any]:
    """The newest run."""
    found: dict[str, Any] = json.loads((home.logs / "load.runs.jsonl").read_text().splitlines()[-1])
    return found


def test_a_task_is_run_to_its_end_and_its_lines_are_shown(home: Home, made: Any, cloud: Cloud) -> None:
    cloud.writes("loaded flights", '::mesh:: {"rows": 7}')
    run = job(made, cloud).create()
    assert run.state["rows"] == 7
    assert record(home)["lines"] == ["loaded flights"]
    (task,) = cloud.tasks
    assert task.status == "STOPPED"
    assert task.started_by == run.state["revision"]
    assert task.overrides == {"containerOverrides": []}
    assert (task.launch_type, task.platform_version) == ("FARGATE", None)
    network = task.network_configuration["awsvpcConfiguration"]
    assert network == {"subnets": [cloud.subnet], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}


def test_only_another_task_definition_runs_it_again(made: Any, cloud: Cloud) -> None:
    run = job(made, cloud).create()
    first = run.state["revision"]
    run.update(tags={"owner": "sales"}, securityGroups=["sg-2"])
    assert (run.state["revision"], len(cloud.tasks)) == (first, 1)
    run.update(taskDefinition=cloud.define("registry.example.org/python:2"))
    assert run.state["revision"] != first
    assert [task.task_definition_arn[-2:] for task in cloud.tasks] == [":1", ":2"]


def test_the_exit_code_is_the_containers(home: Home, made: Any, cloud: Cloud) -> None:
    cloud.ends["main"] = {"exitCode": 5}
    cloud.writes("no such table")
    with pytest.raises(Refusal, match="failed with exit code 5; its last lines:\n  no such table"):
        job(made, cloud).create()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_a_container_out_of_memory_says_so(made: Any, cloud: Cloud) -> None:
    reason = "OutOfMemoryError: Container killed due to memory usage"
    cloud.ends["main"] = {"exitCode": 137, "reason": reason}
    with pytest.raises(Refusal, match=r"exit code 137(.|\n)*ended by its memory limit"):
        job(made, cloud).create()


def test_an_image_that_cannot_be_pulled_is_named(made: Any, cloud: Cloud) -> None:
    reason = (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): registry.example.org/x: not found"
    )
    cloud.ends["main"] = {"reason": reason}
    with pytest.raises(Refusal) as caught:
        job(made, cloud).create()
    assert f"exit code 2; its last lines:\n  the task did not start: {reason}" in str(caught.value)


def test_files_that_cannot_be_fetched_show_their_containers_lines(made: Any, cloud: Cloud) -> None:
    cloud.ends = {"files": {"exitCode": 1}, "main": {}}
    cloud.writes("fatal error: An error occurred (403)", container="files")
    with pytest.raises(
        Refusal, match=r"An error occurred \(403\)\n  the task did not start: container files ended with 1"
    ):
        job(made, cloud).create()


def test_no_capacity_is_said_in_the_words_of_ecs(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # Moto's Fargate never runs out: the answer is written down here.
    reason = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
    answer = json.dumps({"tasks": [], "failures": [{"reason": reason}]})
    monkeypatch.setattr(EC2ContainerServiceResponse, "run_task", lambda _: (200, {}, answer))
    with pytest.raises(Refusal, match=f"ECS starts no task: {reason}"):
        job(made, cloud).create()


def test_an_interruption_stops_the_task(made: Any, cloud: Cloud) -> None:
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1000})
    operation = Operation()

    def interrupt() -> None:
        while not cloud.tasks:
            time.sleep(0.02)
        time.sleep(0.5)
        operation.cancelled.set()

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Cancelled):
        job(made, cloud).create(operation)
    (task,) = cloud.tasks
    assert (task.status, task.stopped_reason) == ("STOPPED", "interrupted by Meshwright")


def test_the_time_limit_stops_the_task(made: Any, cloud: Cloud) -> None:
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1000})
    with pytest.raises(Refusal, match="exit code 124"):
        job(made, cloud, timeoutSeconds=3).create()
    assert [task.status for task in cloud.tasks] == ["STOPPED"]


def test_undo_is_the_same_task_with_another_command(home: Home, made: Any, cloud: Cloud) -> None:
    run = job(made, cloud, undo=["python", "/files/role.py", "--undo"]).create()
    # The folder of records may be on another machine.
    home.forget(home.job("load"))
    run.delete()
    overrides = [{"name": "main", "command": ["python", "/files/role.py", "--undo"]}]
    assert [task.overrides["containerOverrides"] for task in cloud.tasks] == [[], overrides]
    assert len({task.task_definition_arn for task in cloud.tasks}) == 1


def test_no_key_is_written_down(home: Home, made: Any, cloud: Cloud) -> None:
    job(made, cloud).create()
    text = (home.job("load") / "job.json").read_text()
    assert cloud.url in text
    assert "not-a-secret-of-anybody" not in text
    assert "AKIAEXAMPLE" not in text


def refusing(monkeypatch: pytest.MonkeyPatch, responses: type, action: str, code: str, said: str) -> None:
    """Moto's own IAM refuses in XML, which these services do not speak: the answer is written down here."""
    body = json.dumps({"__type": code, "message": said})
    monkeypatch.setattr(responses, action, lambda _: (400, {"status": 400}, body))


def test_a_missing_right_is_named(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x"
    refusing(monkeypatch, EC2ContainerServiceResponse, "run_task", "AccessDeniedException", said)
    with pytest.raises(Refusal, match=f"the right `iam:PassRole` is missing: {said}"):
        job(made, cloud).create()
    refusing(monkeypatch, EC2ContainerServiceResponse, "run_task", "AccessDeniedException", "")
    with pytest.raises(Refusal, match="the right `ecs:RunTask` is missing"):
        job(made, cloud).create()


def test_a_job_runs_where_its_lines_may_not_be_read(
    home: Home, made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, LogsResponse, "get_log_events", "AccessDeniedException", "no")
    job(made, cloud).create()
    assert record(home)["lines"] == [
        "the lines of the job can't be shown: the right `logs:GetLogEvents` is missing: no"
    ]
    refusing(monkeypatch, EC2ContainerServiceResponse, "describe_task_definition", "AccessDeniedException", "no")
    job(made, cloud).create()
    assert "`ecs:DescribeTaskDefinition` is missing" in record(home)["lines"][0]


def test_credentials_that_nobody_knows_are_refused(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "The security token included in the request is invalid."
    refusing(monkeypatch, EC2ContainerServiceResponse, "run_task", "UnrecognizedClientException", said)
    with pytest.raises(Refusal, match=f"does not accept the credentials of this machine: {said}; `aws sso login`"):
        job(made, cloud).create()


def test_missing_credentials_are_said(made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    run = job(made, cloud)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Refusal, match=r"no AWS credentials that can be used: .*; `aws sso login`, or set AWS_PROFILE"):
        run.create()


def test_an_unknown_cluster_is_named(made: Any, cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="there is no ECS cluster nowhere in eu-west-1"):
        job(made, cloud, cluster="nowhere").create()


@pytest.mark.parametrize(
    ("region", "sentence"),
    [
        ("eu-nowhere-1", "there is no region `eu-nowhere-1` of ECS that boto3"),
        ("not a region", "there is no region `not a region` of ECS"),
        (REGION, f"ECS in {REGION} does not answer: Could not connect to the endpoint"),
    ],
)
def test_a_region_that_does_not_answer(
    made: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, region: str, sentence: str
) -> None:
    run = job(made, cloud, region=region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Refusal, match=sentence):
        run.create()


def test_what_the_executor_needs(made: Any, cloud: Cloud) -> None:
    run = job(made, cloud)
    del run.inputs["cluster"]
    assert run.failures() == ["`cluster` is missing; executor `ecs` needs it"]
