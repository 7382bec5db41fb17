"""What a service and a job on AWS have in common: a task with the rights, and the network, of what they use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.port import Port
from components.primitives import Bucket, Endpoint, JobArgs, Secret, ServiceArgs, locked
from components.targets import StackSettings
from components.targets.aws_bucket import reading, writing
from components.targets.aws_policy import Statement
from components.targets.aws_shared import Shared
from components.targets.aws_task import Kept, Task, task_definition

TASK_NAME = 53
"""Longest name of a task: its roles' names add up to 10 of their 64 characters."""
MAIN = "main"


@dataclass(frozen=True)
class Workload:
    """A task, the security groups that it runs in, and what must be there before it starts."""

    task: Task
    groups: list[pulumi.Output[str]]
    ready: list[pulumi.Resource]


class Workloads(Shared):
    """Remembers the buckets and secrets of the stack, so that a task gets a right on each that it uses."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.buckets: dict[str, aws.s3.Bucket] = {}
        """The bucket of each Bucket, by name."""
        self.vault: dict[str, Kept] = {}
        """Where a secret is kept, by the Secret's name."""
        self.idle: dict[int, pulumi.Output[str]] = {}
        """How others name the jobs that nothing starts but Pulumi or a hand: nobody need wait for their next run."""

    def workload(
        self, owner: Component[Any, Any], args: ServiceArgs | JobArgs, endpoints: Mapping[str, Endpoint]
    ) -> Workload:
        """The task of a service or a job."""
        groups, rules = self.reach.workload(owner, args.uses, endpoints, self.registry_port)
        task = task_definition(
            owner.name,
            self.physical(owner, TASK_NAME),
            images=(self.image_of(args.software), self.image_of(locked("aws-cli"))),
            command=args.command,
            environment=args.environment,
            secrets=self.kept(args.secrets),
            files=args.files,
            endpoints=endpoints,
            granted=self.granted(args.uses),
            shelf=self.files,
            key=self.key,
            logs=self.logs,
            region=self.region,
            size=args.size,
            start_seconds=args.start_seconds if isinstance(args, ServiceArgs) else 0,
            tags=owner.context.tags.as_map(),
            options=self.under(owner),
        )
        return Workload(task, [group.id for group in groups], [*rules, *self.network.ready])

    def kept(self, secrets: Mapping[str, Secret]) -> dict[str, Kept]:
        """Where each secret is kept."""
        return {variable: self.vault[secret.name] for variable, secret in secrets.items()}

    def granted(self, uses: tuple[Component[Any, Any] | Port, ...]) -> list[Statement]:
        """What a program may do: all with the buckets it uses; a port of one without a key of its own is read."""
        found: list[Statement] = []
        for used in uses:
            if isinstance(used, Bucket):
                found += writing(self.buckets[used.name], self.key)
            elif isinstance(used, Port) and isinstance(used.behind, Bucket) and used.credentials is None:
                found += reading(self.buckets[used.behind.name], self.key, used.address.get("prefix", ""))
        return found
