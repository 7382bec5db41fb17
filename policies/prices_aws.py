"""What each kind of AWS is billed by; requests and traffic are not counted (prices/README.md: what is assumed)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from policies.prices_units import (
    DEFAULT_STORAGE,
    HOURS,
    LOGS,
    OUTWARDS,
    Amounts,
    Quantities,
    each_hour,
    each_month,
    number,
    text,
)

GIB_OF_A_UNIT = 1024
"""Fargate counts CPU and memory in 1024ths (ECS: "Task CPU and memory")."""


def _database(props: Mapping[str, Any]) -> Amounts:
    """Machine, disk, and the secret that AWS makes for its administrator. Backups as large as the disk are free."""
    twice = ":multi-az" if props.get("multiAz") is True else ""
    amounts = {
        f"rds:{text(props.get('instanceClass'))}{twice}": HOURS,
        f"rds-storage:{text(props.get('storageType'))}{twice}": number(props.get("allocatedStorage")),
    }
    return {**amounts, "secret": Decimal(1)} if props.get("manageMasterUserPassword") else amounts


def _service(props: Mapping[str, Any]) -> Amounts:
    """The task that it names, as often as it runs when nobody is busy."""
    task = props.get("taskDefinition")
    if not isinstance(task, Mapping):
        raise ValueError("the task is described elsewhere")
    instances = number(props.get("desiredCount", 1))
    cpu, memory = (number(float(text(task.get(key)))) / GIB_OF_A_UNIT for key in ("cpu", "memory"))
    return {"cpu": cpu * instances * HOURS, "memory": memory * instances * HOURS}


ALARMS = Decimal(2)
"""Target tracking makes one alarm for busy and one for idle (Application Auto Scaling user guide)."""

REFERENCES: Mapping[str, str] = {"aws:ecs/service:Service": "taskDefinition"}
"""Kind -> the input that names a resource which says how large it is."""

_REFERENCE = re.compile(r"\$\{([^{}#]+)#[^{}]+\}")


def referred(reference: Any) -> str:
    """`type::name` of the resource that `${type::name#property}` speaks of; empty for anything else."""
    found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    return found[1] if found else ""


QUANTITIES: Mapping[str, Quantities] = {
    "aws:appautoscaling/policy:Policy": each_month("alarm", ALARMS),
    "aws:rds/instance:Instance": _database,
    "aws:ecs/service:Service": _service,
    "aws:s3/bucket:Bucket": each_month("objects:s3", DEFAULT_STORAGE),
    "aws:secretsmanager/secret:Secret": each_month("secret"),
    "aws:kms/key:Key": each_month("key"),
    "aws:ec2/natGateway:NatGateway": lambda _: {"nat": HOURS, "nat-data": OUTWARDS},
    "aws:ec2/eip:Eip": each_hour("address"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda props: (
        {"endpoint": HOURS * max(1, len(props.get("subnetIds") or ()))}
        if props.get("vpcEndpointType") == "Interface"
        else {}
    ),
    "aws:lb/loadBalancer:LoadBalancer": lambda _: {"balancer": HOURS, "balancer-units": HOURS},
    "aws:cloudwatch/logGroup:LogGroup": each_month("logs", LOGS),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": each_month("zone"),
}

FREE = frozenset(
    {
        f"aws:{kind}"
        for kind in (
            "appautoscaling/target:Target",
            # EventBridge pricing: events of AWS's own services are free, and the first 14 million timed starts a month.
            "cloudwatch/eventRule:EventRule",
            "cloudwatch/eventTarget:EventTarget",
            "ec2/internetGateway:InternetGateway",
            "ec2/route:Route",
            "ec2/routeTable:RouteTable",
            "ec2/routeTableAssociation:RouteTableAssociation",
            "ec2/securityGroup:SecurityGroup",
            "ec2/subnet:Subnet",
            "ec2/vpc:Vpc",
            "ecs/cluster:Cluster",
            "ecs/clusterCapacityProviders:ClusterCapacityProviders",
            "ecs/taskDefinition:TaskDefinition",
            "emrserverless/application:Application",  # its runs are counted where they are started
            "kms/alias:Alias",
            "kms/keyPolicy:KeyPolicy",
            "lb/listener:Listener",
            "lb/listenerRule:ListenerRule",
            "lb/targetGroup:TargetGroup",
            "rds/parameterGroup:ParameterGroup",
            "rds/subnetGroup:SubnetGroup",
            "route53/record:Record",
            "s3/bucketObjectv2:BucketObjectv2",
            "s3/bucketPolicy:BucketPolicy",
            "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "s3/bucketOwnershipControls:BucketOwnershipControls",
            "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "s3/bucketVersioning:BucketVersioning",
            "scheduler/schedule:Schedule",
            "scheduler/scheduleGroup:ScheduleGroup",
            "secretsmanager/secretPolicy:SecretPolicy",
            "secretsmanager/secretVersion:SecretVersion",
            # ECS developer guide, "Service discovery pricing": the hosted zone is billed, services in it are not.
            "servicediscovery/service:Service",
            "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        )
    }
)
FREE_GROUPS = ("aws:iam/",)
