"""A mesh with one fault a product: the component `Raw` registers whatever a template says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.example.running import Running
from tests.example.sales import copy_without_products, product, stack

COMPONENT = '''\
"""Raw: resources exactly as they are written, for tests of the gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from components.base import Component
from components.port import Port


@dataclass(frozen=True, kw_only=True)
class RawArgs:
    """`kind` is a type token, `inputs` what it is given."""

    kind: str
    inputs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RawOutputs:
    """A page nobody reads."""

    page: Port


class Raw(Component[RawArgs, RawOutputs]):
    """One resource."""

    type_token = "mesh:test:Raw"
    Args, Outputs = RawArgs, RawOutputs

    def compose(self) -> RawOutputs:
        inputs = dict(self.args.inputs)
        if not self.args.kind.startswith("kubernetes:"):
            inputs["tags"] = self.context.tags.as_map()
        pulumi.CustomResource(self.args.kind, self.child("it"), inputs, self.below())
        return RawOutputs(page=Port(protocol="http", address={"url": "https://example.org"}))
'''
TEMPLATE = """\
apiVersion: meshwright/v1
kind: Template
name: raw
version: 1.0.0
description: One resource as it is written
parameters: {kind: {type: string}, inputs: {type: object}}
components:
  raw: {type: Raw, kind: "${parameters.kind}", inputs: "${parameters.inputs}"}
outputs:
  page: {type: http, from: "${raw.page}", login: false}
"""


@dataclass(frozen=True)
class Fault:
    """A resource, or a change of a manifest, and the rule that must refuse it."""

    rule: str
    kind: str
    inputs: Mapping[str, Any]
    environment: str = "dev"


def pod(**container: Any) -> dict[str, Any]:
    """A Deployment of one container, sound but for what is given; `volumes` go to the pod."""
    volumes = container.pop("volumes", [])
    sound = {
        "name": "main",
        "image": "registry.example.org/mesh/app@sha256:" + "0" * 64,
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {"containers": [{**sound, **container}], "volumes": volumes, "automountServiceAccountToken": False}
    return {
        "metadata": {"namespace": "sales-dev", "labels": {"app": "x"}},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"spec": spec}},
    }


DATABASE = {
    "engine": "postgres",
    "instanceClass": "db.t4g.micro",
    "allocatedStorage": 20,
    "storageType": "gp3",
    "storageEncrypted": True,
    "publiclyAccessible": False,
    "manageMasterUserPassword": True,
    "backupRetentionPeriod": 7,
    "skipFinalSnapshot": False,
    "deletionProtection": True,
    "multiAz": True,
}
EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
FAULTS: Mapping[str, Fault] = {
    "public-database": Fault("PUB-01", "aws:rds/instance:Instance", {**DATABASE, "publiclyAccessible": True}),
    "open-group": Fault(
        "NET-01",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432, "cidrIpv4": "0.0.0.0/0"},
    ),
    "password": Fault("SEC-01", "aws:rds/instance:Instance", {**DATABASE, "password": "canary-4711-hunter2"}),
    "wildcard": Fault("IAM-01", "aws:iam/policy:Policy", {"policy": EVERYTHING}),
    "unencrypted-bucket": Fault(
        "ENC-03", "azure-native:storage:StorageAccount", {"encryption": {"services": {"blob": {"enabled": False}}}}
    ),
    "unpriced": Fault("COST-06", "aws:rds/instance:Instance", {**DATABASE, "instanceClass": "db.x99.mega"}),
    "latest": Fault("CTR-12", "kubernetes:apps/v1:Deployment", pod(image="registry.example.org/mesh/app:latest")),
    "privileged": Fault("CTR-01", "kubernetes:apps/v1:Deployment", pod(securityContext={"privileged": True})),
    "host-path": Fault(
        "CTR-03", "kubernetes:apps/v1:Deployment", pod(volumes=[{"name": "host", "hostPath": {"path": "/"}}])
    ),
    "no-backup": Fault("BAK-01", "aws:rds/instance:Instance", {**DATABASE, "backupRetentionPeriod": 0}, "prod"),
    "endless": Fault("COST-07", "aws:appautoscaling/target:Target", {"minCapacity": 1, "scalableDimension": "x"}),
}
"""One resource each. The others are faults of manifests: see test_planted.py."""


def planted(folder: Path, *names: str) -> Running:
    """A copy with the named faults, all of them without names; each in a domain `<fault>` of its own."""
    made = copy_without_products(folder)
    # A copy's command finds the installed components first, not the copy's own.
    made.environment["PYTHONPATH"] = str(made.root)
    (made.root / "components" / "raw.py").write_text(COMPONENT)
    (made.root / "templates" / "raw.yaml").write_text(TEMPLATE)
    for name in names or FAULTS:
        fault = FAULTS[name]
        stack(made, name, "target: local", environment=fault.environment)
        parameters = yaml.safe_dump({"parameters": {"kind": fault.kind, "inputs": dict(fault.inputs)}})
        product(made, f"{name}/fault", "template: raw@1\n" + parameters)
    return made
