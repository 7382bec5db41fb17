"""What all products of a stack on AWS share, made when the first of them needs it; or brought along."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.errors import UserError
from components.names import shortened
from components.targets import SECONDS, StackSettings
from components.targets.aws_balancer import Balancer
from components.targets.aws_bucket import private_bucket
from components.targets.aws_database import parameters
from components.targets.aws_key import Key
from components.targets.aws_network import Network
from components.targets.aws_reach import HTTPS, Reach
from components.targets.containers import Containers

LOG_DAYS = 30
LISTS = {
    "privateSubnetIds": "[subnet-1, subnet-2]",
    "publicSubnetIds": "[subnet-3, subnet-4]",
    "readers": "[10.8.0.0/16]",
}
"""Settings that are lists, each with an example."""
TOGETHER = {
    "privateSubnetIds": "vpcId",
    "publicSubnetIds": "vpcId",
    "vpcId": "privateSubnetIds",
    "certificateArn": "publicDomain",
    "publicDomain": "certificateArn",
    "zoneId": "publicDomain",
}
"""A setting, and the one that it means nothing without."""
EXAMPLES = {
    "vpcId": "vpc-0123456789abcdef0",
    "certificateArn": "arn:aws:acm:eu-west-1:ACCOUNT:certificate/ID",
    "publicDomain": "mesh.example.org",
}
SIXTEEN = re.compile(r"\d{1,3}\.\d{1,3}\.0\.0/16")


class Shared(Containers):
    """Makes or takes over what is shared; settings that don't fit together are refused."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.region = str(settings.values["region"])
        values, stack = settings.values, settings.stack
        for setting, example in LISTS.items():
            if setting in values and not isinstance(values[setting], list):
                what = f"`meshwright:{setting}` of stack {stack} is no list"
                raise UserError(what, hint=f"write it as {example}")
            if setting.endswith("SubnetIds") and setting in values and len(values[setting]) < 2:
                what = f"`meshwright:{setting}` of stack {stack} names one subnet"
                raise UserError(what, hint="name two, in two availability zones")
        for setting, other in TOGETHER.items():
            if setting in values and other not in values:
                what = f"stack {stack} has `meshwright:{setting}` without `meshwright:{other}`"
                example = EXAMPLES.get(other) or f"'{LISTS[other]}'"
                raise UserError(what, hint=f"add it to the stack file: meshwright:{other}: {example}")
        if "cidr" in values and "vpcId" not in values and not SIXTEEN.fullmatch(str(values["cidr"])):
            what = f"`meshwright:cidr` of stack {stack} is {values['cidr']}; a network of its own is a /16"
            raise UserError(what, hint="write it as 10.1.0.0/16")

    def authorised(self) -> None:
        """STS knows who asks."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        asked = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"max_attempts": 1})
        try:
            boto3.client("sts", region_name=self.region, config=asked).get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise UserError(
                f"AWS does not let this machine in: {error}",
                hint="`aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ) from None

    @cached_property
    def provider(self) -> aws.Provider:
        return aws.Provider("aws", region=self.region)

    @cached_property
    def shared(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=self.provider)

    @cached_property
    def shared_tags(self) -> dict[str, str]:
        return self.settings.shared_tags().as_map()

    @cached_property
    def network(self) -> Network:
        return Network(self.settings.values, self.settings.stack, self.region, self.shared_tags, self.shared)

    @cached_property
    def reach(self) -> Reach:
        settings = self.settings
        return Reach(self.network, settings.values, settings.neighbours, self.physical, self.under)

    @cached_property
    def key(self) -> Key:
        return Key(
            str(self.settings.values.get("kmsKeyArn", "")),
            self.settings.stack,
            self.region,
            protected=self.settings.protected,
            tags=self.shared_tags,
            options=self.shared,
        )

    @cached_property
    def cluster(self) -> aws.ecs.Cluster:
        if given := self.settings.values.get("clusterName"):
            return aws.ecs.Cluster.get("cluster", str(given), opts=self.shared)
        return aws.ecs.Cluster("cluster", name=self.settings.stack, tags=self.shared_tags, opts=self.shared)

    @cached_property
    def cluster_name(self) -> str:
        return str(self.settings.values.get("clusterName", self.settings.stack))

    @cached_property
    def logs(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            "logs",
            name=f"/mesh/{self.settings.stack}",
            retention_in_days=LOG_DAYS,
            kms_key_id=self.key.arn,
            tags=self.shared_tags,
            opts=pulumi.ResourceOptions.merge(self.shared, pulumi.ResourceOptions(depends_on=self.key.ready)),
        )

    @cached_property
    def files(self) -> aws.s3.Bucket:
        """Holds the files that services and jobs start with."""
        name = f"{self.settings.stack}-files"[:36]
        return private_bucket("files", name, self.key, self.shared_tags, self.shared, kept=False)

    @cached_property
    def parameters(self) -> aws.rds.ParameterGroup:
        return parameters(self.shared_tags, self.shared)

    @property
    def balanced(self) -> bool:
        """Whether pages are shown over TLS, by a load balancer."""
        return "certificateArn" in self.settings.values

    @cached_property
    def public(self) -> Balancer:
        return self._balancer("public")

    @cached_property
    def internal(self) -> Balancer:
        return self._balancer("internal")

    def _balancer(self, name: str) -> Balancer:
        values = self.settings.values
        return Balancer(
            name,
            self.settings.stack,
            self.network,
            str(values["certificateArn"]),
            str(values["publicDomain"]),
            str(values.get("zoneId", "")),
            readers=[str(cidr) for cidr in values.get("readers", [])],
            protected=self.settings.protected,
            tags=self.shared_tags,
            options=self.shared,
        )

    @cached_property
    def registry_port(self) -> int:
        """Where the registry listens."""
        host = str(self.settings.values["registry"]).removeprefix("https://").split("/")[0]
        port = host.rpartition(":")[2]
        return int(port) if ":" in host and port.isdigit() else HTTPS

    def under(self, component: Component[Any, Any], **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource of this account and region under a component."""
        return component.below(provider=self.provider, **options)

    def physical(self, component: Component[Any, Any], limit: int, part: str = "") -> str:
        """A name for AWS: single dashes, the stack in front, and a hash that keeps `a--b-c` and `a-b--c` apart."""
        origin = f"{component.origin}--{part}" if part else component.origin
        digest = hashlib.sha256(origin.encode()).hexdigest()[:6]
        readable = f"{self.settings.stack}-{origin.replace('--', '-')}"
        return f"{shortened(readable, limit - 7)}-{digest}"
