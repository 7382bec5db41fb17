"""Runs a job as a task of ECS on Fargate: `ecs_run.py JOB.json [--undo]`.

Shows the lines of its container and exits with its code; 2 where it could not be started, with AWS's own reason.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore import exceptions as failures
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOOK = (0.3, 3.0)
"""Seconds between two looks at a task: at first, and at most."""
PATIENCE = 120
"""Seconds in which AWS may not answer, or not know a task yet that it has just started."""
SETTLE = 2
"""Looks without a new line after a task's end that end the reading: CloudWatch shows lines a moment late."""
NO_RIGHT = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
NO_ENTRY = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
NO_CREDENTIALS = (
    failures.NoCredentialsError,
    failures.PartialCredentialsError,
    failures.CredentialRetrievalError,
    failures.ConfigNotFound,
    failures.LoginError,
    failures.ProfileNotFound,
    failures.SSOError,
    failures.TokenRetrievalError,
)
SERVICES = {"ecs": "ECS", "emr-serverless": "EMR Serverless"}
AWAY = (failures.ConnectionError, failures.HTTPClientError)
LOGIN = "`aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


class Refused(Exception):
    """Why the task can't run, in one sentence."""


class Lines:
    """What a task's containers have written to CloudWatch: the stream `<prefix>/<container>/<task>` of their group."""

    def __init__(self, client: Any, containers: list[dict[str, Any]], task: str) -> None:
        self.client, self.tokens, self.streams = client, dict[str, str](), dict[str, tuple[str, str]]()
        for container in containers:
            options = container.get("logConfiguration", {}).get("options", {})
            if {"awslogs-group", "awslogs-stream-prefix"} <= options.keys():
                stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task}"
                self.streams[container["name"]] = options["awslogs-group"], stream

    def show(self, container: str) -> int:
        """Print what is new, and give how many lines that were."""
        group, stream = self.streams.get(container, ("", ""))
        shown = 0
        while stream:
            token = {"nextToken": self.tokens[stream]} if stream in self.tokens else {}
            try:
                found = self.client.get_log_events(
                    logGroupName=group, logStreamName=stream, startFromHead=True, **token
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":  # nothing was written yet
                    print(f"the lines of the job can't be shown: {sentence(error)}", flush=True)
                    self.streams.clear()
                break
            except BotoCoreError:
                break  # the next look reads them
            for event in found["events"]:
                print(event["message"], flush=True)
            shown += len(found["events"])
            if found["nextForwardToken"] == self.tokens.get(stream):
                break  # the end, as CloudWatch says it
            self.tokens[stream] = found["nextForwardToken"]
        return shown


class Task:
    """One run of a job's task definition."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.cluster, self.container = job, job["cluster"], job["container"]
        # A request that is sent again with the same mark starts nothing twice.
        self.mark = os.environ.get("MESH_RUN") or str(uuid.uuid4())
        config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
        self.ecs: Any = boto3.client("ecs", region_name=job["region"], config=config)
        self.logs: Any = boto3.client("logs", region_name=job["region"], config=config)

    def containers(self) -> list[dict[str, Any]]:
        """The containers of the task definition; none where they may not be looked at."""
        try:
            found = self.ecs.describe_task_definition(taskDefinition=self.job["taskDefinition"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in NO_RIGHT:
                raise
            print(f"the lines of the job can't be shown: {sentence(error)}", flush=True)
            return []
        containers: list[dict[str, Any]] = found["taskDefinition"]["containerDefinitions"]
        return containers

    def start(self, command: list[str] | None) -> str:
        """Start the task, with another command where one is given; gives its ARN."""
        network = {"subnets": self.job["subnets"], "assignPublicIp": "DISABLED"}
        if self.job.get("securityGroups"):
            network["securityGroups"] = self.job["securityGroups"]
        overrides = [{"name": self.container, "command": command}] if command else []
        answer = self.ecs.run_task(
            cluster=self.cluster,
            taskDefinition=self.job["taskDefinition"],
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            overrides={"containerOverrides": overrides},
            propagateTags="TASK_DEFINITION",
            startedBy=self.mark,
            clientToken=self.mark,
        )
        if not answer["tasks"]:
            why = [f"{failed.get('reason')} {failed.get('detail', '')}".strip() for failed in answer["failures"]]
            raise Refused(f"ECS starts no task: {'; '.join(why) or 'it does not say why'}")
        return str(answer["tasks"][0]["taskArn"])

    def run(self, command: list[str] | None) -> int:
        """Run to the end, showing every line; the task never outlives us."""
        containers = self.containers()
        arn = ""
        try:
            arn = self.start(command)
            lines = Lines(self.logs, containers, arn.rpartition("/")[2])
            ended = self.wait(arn, lines)
        except BaseException:
            self.stop(arn)
            raise
        return self.code(ended, lines)

    def wait(self, arn: str, lines: Lines) -> dict[str, Any]:
        """The task once it has stopped."""
        delay, heard = LOOK[0], time.monotonic()
        while True:
            try:
                found = self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"]
            except AWAY:
                found = []
            if found:
                heard = time.monotonic()
                if found[0]["lastStatus"] == "STOPPED":
                    task: dict[str, Any] = found[0]
                    return task
            elif time.monotonic() - heard > PATIENCE:
                raise Refused(f"ECS has said nothing of the task {arn} for {PATIENCE} s")
            lines.show(self.container)
            time.sleep(delay)
            delay = min(delay * 1.3, LOOK[1])

    def code(self, task: dict[str, Any], lines: Lines) -> int:
        """The exit code of the container; the lines of the others too where it never ran."""
        parts = {part["name"]: part for part in task["containers"]}
        own = parts.get(self.container, {})
        shown = [name for name in parts if name == self.container or "exitCode" not in own]
        quiet = 0
        while quiet < SETTLE and lines.streams:
            quiet = 0 if sum(lines.show(name) for name in shown) else quiet + 1
            time.sleep(LOOK[0])
        if "exitCode" not in own:
            why = [str(part["reason"]) for part in parts.values() if part.get("reason")]
            why += [str(task["stoppedReason"])] if task.get("stoppedReason") else []
            why += [f"container {name} ended with {part['exitCode']}" for name, part in parts.items() if code_of(part)]
            raise Refused(f"the task did not start: {'; '.join(dict.fromkeys(why)) or 'ECS does not say why'}")
        if task.get("stopCode") in ("UserInitiated", "SpotInterruption", "TerminationNotice"):
            print(f"ended from outside: {task.get('stoppedReason')}", flush=True)
        if str(own.get("reason", "")).startswith("OutOfMemory"):
            print("ended by its memory limit", flush=True)
        return code_of(own)

    def stop(self, arn: str) -> None:
        """End the task; where the answer to its start was lost, whatever has our mark."""
        with suppress(ClientError, BotoCoreError):
            tasks = [arn] if arn else self.ecs.list_tasks(cluster=self.cluster, startedBy=self.mark)["taskArns"]
            for task in tasks:
                try:
                    self.ecs.stop_task(cluster=self.cluster, task=task, reason="interrupted by Meshwright")
                except (ClientError, BotoCoreError) as error:
                    print(f"the task {task} goes on: {sentence(error)}", flush=True)


def code_of(container: dict[str, Any]) -> int:
    """A container's exit code; 0 where it has none."""
    return int(container.get("exitCode", 0))


def sentence(error: ClientError | BotoCoreError, asked: str = "ecs") -> str:
    """What AWS says, and what helps; `asked` is the service whose right is missing where AWS does not name it."""
    if not isinstance(error, ClientError):
        return str(error)
    found, operation = error.response["Error"], error.operation_name
    code, said = found.get("Code", ""), " ".join((found.get("Message") or str(error)).split())
    if code in NO_RIGHT:
        service = "logs" if operation.endswith("LogEvents") else asked
        action = re.search(r"not authorized to perform:? ([\w-]+:\w+)", said)
        return f"the right `{action[1] if action else f'{service}:{operation}'}` is missing: {said}"
    if code in NO_ENTRY:
        return f"AWS does not accept the credentials of this machine: {said}; {LOGIN}"
    return said


def refusal(error: ClientError | BotoCoreError, job: dict[str, Any], asked: str = "ecs") -> str:
    """Why the job could not run."""
    region, session, service = job["region"], boto3.session.Session, SERVICES[asked]
    if isinstance(error, NO_CREDENTIALS):
        return f"this machine has no AWS credentials that can be used: {error}; {LOGIN}"
    if isinstance(error, (*AWAY, failures.InvalidRegionError)):
        known = {
            name for part in ("aws", "aws-cn", "aws-us-gov") for name in session().get_available_regions(asked, part)
        }
        if region not in known:
            return f"there is no region `{region}` of {service} that boto3 {boto3.__version__} knows"
        return f"{service} in {region} does not answer: {error}"
    if isinstance(error, ClientError) and error.response["Error"].get("Code") == "ClusterNotFoundException":
        return f"there is no ECS cluster {job['cluster']} in {region}"
    return f"AWS refuses the job: {sentence(error, asked)}"


def main() -> None:
    """The command line."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        sys.exit(Task(job).run(job["undo"] if "--undo" in sys.argv else None))
    except Refused as refused:
        print(refused, flush=True)
    except (ClientError, BotoCoreError) as error:
        print(refusal(error, job), flush=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
