"""What a Fargate task consists of: its containers, its two roles, and the files it starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import iam

from components.primitives import SIZES, Endpoint, Size
from components.targets.containers import DATA, FILES, USER, Places

READ = ("s3:GetObject", "s3:ListBucket")
WRITE = (*READ, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
TASK_EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
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


def allow(
    actions: Sequence[str], resources: Sequence[pulumi.Input[str]], condition: Mapping[str, Any] | None = None
) -> iam.PolicyStatementArgs:
    """One statement of a policy."""
    return iam.PolicyStatementArgs(
        effect=iam.PolicyStatementEffect.ALLOW,
        action=list(actions),
        resource=list(resources),
        condition=condition or None,
    )


def document(statements: Sequence[iam.PolicyStatementArgs]) -> iam.PolicyDocumentArgs:
    """A policy."""
    return iam.PolicyDocumentArgs(
        version=iam.PolicyDocumentVersion.POLICY_DOCUMENT_VERSION_2012_10_17, statement=statements
    )


def role(
    name: str,
    physical: str,
    statements: Sequence[iam.PolicyStatementArgs],
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> tuple[iam.Role, list[pulumi.Resource]]:
    """A role that only ECS tasks take, and the policies that make it useful."""
    trust = iam.PolicyStatementArgs(
        effect=iam.PolicyStatementEffect.ALLOW,
        action="sts:AssumeRole",
        principal=iam.ServicePrincipalArgs(service="ecs-tasks.amazonaws.com"),
    )
    made = iam.Role(name, name=physical, assume_role_policy=document([trust]), tags=tags, opts=options)
    if not statements:
        return made, []
    return made, [iam.RolePolicy(name, role=made.name, policy=document(statements), opts=options)]


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
    buckets: Sequence[aws.s3.Bucket],
    shelf: aws.s3.Bucket,
    logs: aws.cloudwatch.LogGroup,
    region: str,
    size: Size,
    start_seconds: int,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> aws.ecs.TaskDefinition:
    """A task of two containers: `files` fetches the files from the bucket `shelf` and ends, then `main` runs.

    `images` are those of `main` and of `files`. A changed file gives a new revision of the task.
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
    reading = [
        allow(["s3:GetObject"], [pulumi.Output.concat(shelf.arn, f"/{family}/*")]),
        allow(["s3:ListBucket"], [shelf.arn], {"StringLike": {"s3:prefix": f"{family}/*"}}),
    ]
    granted = [allow(WRITE, [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")]) for bucket in buckets]
    opening = [allow(["secretsmanager:GetSecretValue"], [kept.arn for kept in secrets.values()])] if secrets else []
    own, rights = role(f"{name}--task", f"{family}-task", [*(reading if files else []), *granted], tags, options)
    execution, openings = role(f"{name}--execution", f"{family}-execution", opening, tags, options)
    pulling = iam.RolePolicyAttachment(
        f"{name}--execution", role=execution.name, policy_arn=TASK_EXECUTION, opts=options
    )
    # A task that starts before its roles have their rights fails.
    entitled = pulumi.ResourceOptions(depends_on=[*rights, *openings, pulling])

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
    return aws.ecs.TaskDefinition(
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
        opts=pulumi.ResourceOptions.merge(options, entitled),
    )


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
