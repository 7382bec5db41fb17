"""What a Fargate task consists of: its containers, its two roles, and the files it starts with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import iam

from components.primitives import SIZES, Endpoint, Size
from components.targets.aws_bucket import reading
from components.targets.aws_key import Key
from components.targets.aws_policy import Statement, allow, role, trust
from components.targets.containers import DATA, FILES, USER, Places

PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE_LINES = ("logs:CreateLogStream", "logs:PutLogEvents")
REGISTRY = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?P<path>/.*)?")
SCRATCH = {"data": DATA, "files": FILES, "tmp": "/tmp"}
"""The only paths a container writes to; Fargate gives each task 20 GiB for them."""


@dataclass(frozen=True)
class Kept:
    """A value in Secrets Manager: its secret's ARN, and which part of it where it is not all of it."""

    arn: pulumi.Output[str]
    part: str = ""

    @property
    def reference(self) -> pulumi.Output[str]:
        """What a container reads it from (`valueFrom`)."""
        return pulumi.Output.concat(self.arn, f":{self.part}::") if self.part else self.arn


@dataclass(frozen=True)
class Task:
    """A task definition and its two roles: the one its program acts by, and the one that starts it."""

    definition: aws.ecs.TaskDefinition
    own: iam.Role
    execution: iam.Role


def task_definition(
    name: str,
    family: str,
    *,
    images: tuple[str, str],
    command: Sequence[pulumi.Input[str]],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, Kept],
    files: Mapping[str, pulumi.Input[str]],
    endpoints: Mapping[str, Endpoint],
    granted: Sequence[Statement],
    shelf: aws.s3.Bucket,
    key: Key,
    logs: aws.cloudwatch.LogGroup,
    region: str,
    size: Size,
    start_seconds: int,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> Task:
    """A task of two containers: `files` fetches the files from the bucket `shelf` and ends, then `main` runs.

    `images` are those of `main` and of `files`, `granted` what the program may do. A changed file gives a new revision
    of the task.
    """
    places = Places(endpoints)
    marks = {}
    for path, text in files.items():
        stored = aws.s3.BucketObjectv2(
            f"{name}--{path}",
            bucket=shelf.bucket,
            key=f"{family}/{path}",
            content=places.fill(text),
            tags=tags,
            opts=options,
        )
        marks[path] = stored.etag
    rights = [*(reading(shelf, key, f"{family}/") if files else []), *granted]
    starts = [allow(WRITE_LINES, [pulumi.Output.concat(logs.arn, f":log-stream:{family}/*")]), *pulling(images)]
    if secrets:
        arns = list({id(kept.arn): kept.arn for kept in secrets.values()}.values())
        starts += [allow(["secretsmanager:GetSecretValue"], arns), key.for_secrets(arns)]
    tasks = [trust("ecs-tasks.amazonaws.com")]
    own, entitled = role(f"{name}--task", f"{family}-task", rights, tags, options, taken_by=tasks)
    execution, able = role(f"{name}--execution", f"{family}-execution", starts, tags, options, taken_by=tasks)
    # A task that starts before its roles have their rights fails.
    waiting = pulumi.ResourceOptions(depends_on=[*entitled, *able])

    mounts = [{"sourceVolume": volume, "containerPath": path} for volume, path in SCRATCH.items()]
    common = {
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": logs.name, "awslogs-region": region, "awslogs-stream-prefix": family},
        },
        "mountPoints": mounts,
        "readonlyRootFilesystem": True,
    }
    fetch = pulumi.Output.concat("aws s3 cp --recursive s3://", shelf.bucket, f"/{family} {FILES} && ") if files else ""
    first = {
        **common,
        "name": "files",
        "image": images[1],
        "essential": False,
        "user": "0",
        "entryPoint": ["sh", "-c"],
        # Fargate's volumes belong to root; the main container doesn't run as root.
        "command": [pulumi.Output.concat(fetch, f"chmod 0777 {' '.join(SCRATCH.values())}")],
        "environment": [{"name": f"FILE_{number}", "value": mark} for number, mark in enumerate(marks.values())],
    }
    main = {
        **common,
        "name": "main",
        "image": images[0],
        "essential": True,
        "user": str(USER),
        "command": [places.fill(word) for word in command],
        "dependsOn": [{"containerName": "files", "condition": "SUCCESS"}],
        "environment": [{"name": "HOME", "value": DATA}]
        + [{"name": key, "value": value} for key, value in places.fill_all(environment).items()],
        "secrets": [{"name": key, "valueFrom": kept.reference} for key, kept in secrets.items()],
        "portMappings": [{"containerPort": endpoint.port, "protocol": "tcp"} for endpoint in endpoints.values()],
        "linuxParameters": {"initProcessEnabled": True},
    }
    if endpoints:
        main["healthCheck"] = health(next(iter(endpoints.values())), start_seconds)
    capacity = SIZES[size]
    definition = aws.ecs.TaskDefinition(
        name,
        family=family,
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(int(capacity.cpu * 1024)),
        memory=str(capacity.memory),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture="X86_64", operating_system_family="LINUX"
        ),
        execution_role_arn=execution.arn,
        task_role_arn=own.arn,
        volumes=[aws.ecs.TaskDefinitionVolumeArgs(name=volume) for volume in SCRATCH],
        container_definitions=pulumi.Output.json_dumps([first, main]),
        tags=tags,
        opts=pulumi.ResourceOptions.merge(options, waiting),
    )
    return Task(definition, own, execution)


def pulling(images: Sequence[str]) -> list[Statement]:
    """The right to pull images from ECR; any other registry is read without a login."""
    places = [found for image in images if (found := REGISTRY.match(image))]
    if not places:
        return []
    repositories = {
        f"arn:aws:ecr:{found['region']}:{found['account']}:repository/"
        + re.split("[@:]", (found["path"] or "/").removeprefix("/"))[0]
        for found in places
    }
    return [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(PULL, sorted(repositories))]


def health(endpoint: Endpoint, start_seconds: int) -> dict[str, Any]:
    """A container's health check, asked with the image's own Python (its grace ends at 300 s: ECS API)."""
    ask = (
        f"import urllib.request as u; u.urlopen('http://127.0.0.1:{endpoint.port}{endpoint.health}', timeout=4)"
        if endpoint.health
        else f"import socket; socket.create_connection(('127.0.0.1', {endpoint.port}), 4)"
    )
    return {
        "command": ["CMD", "python", "-c", ask],
        "interval": 10,
        "timeout": 5,
        "startPeriod": min(start_seconds, 300),
    }
