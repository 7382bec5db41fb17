"""What our own components declare, made worse: the rule that is meant for it has to find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from components.targets import TARGETS
from policies.rule import Resource, all_rules
from policies.unknown import guarded
from tests.policies.reach import declared

RDS, PG = "aws:rds/instance:Instance", "azure-native:dbforpostgresql:Server"
TASK, RUN, ROLE = "aws:ecs/taskDefinition:TaskDefinition", "mesh:index:JobRun", "aws:iam/role:Role"
POLICY, DOCKER = "aws:iam/rolePolicy:RolePolicy", "docker:index/container:Container"
DEPLOYMENT, STATEFUL = "kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet"
CRON, APP = "kubernetes:batch/v1:CronJob", "azure-native:app:ContainerApp"
ACCOUNT, VOLUME, BUCKET = "azure-native:storage:StorageAccount", "docker:index/volume:Volume", "aws:s3/bucket:Bucket"
PULLED, SERVER, STORE = "docker:index/remoteImage:RemoteImage", "mesh:index:PostgresServer", "mesh:index:ObjectStore"
BLOBS, VAULT = "azure-native:storage:BlobServiceProperties", "azure-native:keyvault:Vault"
GROUP, APPS = "aws:cloudwatch/logGroup:LogGroup", "azure-native:app:ManagedEnvironment"
LIFE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
JOB, ENVIRONMENT = "azure-native:app:Job", "mesh:index:Environment"

POD = "spec.template.spec"
CRON_POD = "spec.jobTemplate.spec.template.spec"
RUN_POD = "manifest.spec.template.spec"
FIRST = "containers.0"
ADMIN = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
PASS = {"Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}]}
WRITE = {"Statement": [{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}]}
ANYBODY = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
OWNER = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
LOGIN = [{"name": "PASSWORD", "value": "canary-7f3a"}]

WORSE: tuple[tuple[str, str, str, object], ...] = (
    ("IAM-01", POLICY, "policy", ADMIN),
    ("IAM-01", POLICY, "policy", json.dumps(ADMIN)),
    ("IAM-02", POLICY, "policy", WRITE),
    (
        "IAM-03",
        "azure-native:authorization:RoleAssignment",
        "roleDefinitionId",
        "x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    ),
    ("IAM-04", ROLE, "assumeRolePolicy", ANYBODY),
    ("IAM-05", POLICY, "policy", PASS),
    ("IAM-06", ACCOUNT, "allowSharedKeyAccess", None),
    ("IAM-07", PG, "authConfig.activeDirectoryAuth", "Disabled"),
    ("IAM-09", DEPLOYMENT, f"{POD}.automountServiceAccountToken", None),
    ("IAM-09", RUN, f"{RUN_POD}.automountServiceAccountToken", True),
    ("SEC-01", RDS, "password", "canary-7f3a"),
    ("SEC-01", PG, "administratorLoginPassword", "canary-7f3a"),
    ("SEC-01", SERVER, "password", "canary-7f3a"),
    ("SEC-01", STORE, "secretKey", "canary-7f3a"),
    ("SEC-02", DEPLOYMENT, f"{POD}.{FIRST}.env", LOGIN),
    ("SEC-02", CRON, f"{CRON_POD}.{FIRST}.env", LOGIN),
    ("SEC-02", APP, f"template.{FIRST}.env", LOGIN),
    ("SEC-02", DOCKER, "envs", ["PASSWORD=canary-7f3a"]),
    ("SEC-02", TASK, f"{FIRST}.environment", LOGIN),
    ("SEC-03", "pulumi:providers:aws", "secretKey", "canary-7f3a"),
    ("SEC-06", TASK, f"{FIRST}.command", ["serve", "--password", "canary-7f3a"]),
    ("SEC-07", "kubernetes:core/v1:ConfigMap", "data", {"x.py": "password = 'canary-7f3a'"}),
    ("BAK-01", RDS, "backupRetentionPeriod", 1.0),
    ("BAK-01", PG, "backup.backupRetentionDays", None),
    ("BAK-02", RDS, "backupRetentionPeriod", 0.0),
    ("BAK-03", "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status", "Suspended"),
    ("BAK-03", BLOBS, "deleteRetentionPolicy.enabled", False),
    ("BAK-04", RDS, "deletionProtection", None),
    ("BAK-05", RDS, "skipFinalSnapshot", True),
    ("BAK-06", RDS, "multiAz", False),
    ("BAK-06", PG, "highAvailability.mode", "Disabled"),
    ("BAK-06", ACCOUNT, "sku.name", "Standard_LRS"),
    ("LOG-01", RDS, "enabledCloudwatchLogsExports", None),
    ("LOG-01", "aws:rds/parameterGroup:ParameterGroup", "parameters.1.value", "0"),
    ("LOG-02", "azure-native:monitor:DiagnosticSetting", "logs.0.enabled", False),
    ("LOG-03", APPS, "appLogsConfiguration", None),
    ("LOG-03", TASK, f"{FIRST}.logConfiguration", None),
    ("LOG-04", GROUP, "retentionInDays", None),
    ("LOG-04", "azure-native:operationalinsights:Workspace", "retentionInDays", 7.0),
    ("CTR-01", DEPLOYMENT, f"{POD}.{FIRST}.securityContext.privileged", True),
    ("CTR-01", CRON, f"{CRON_POD}.{FIRST}.securityContext.privileged", True),
    ("CTR-01", RUN, f"{RUN_POD}.{FIRST}.securityContext.privileged", True),
    ("CTR-01", TASK, f"{FIRST}.privileged", True),
    ("CTR-01", DOCKER, "privileged", True),
    ("CTR-02", STATEFUL, f"{POD}.hostNetwork", True),
    ("CTR-02", TASK, "networkMode", "host"),
    ("CTR-03", STATEFUL, f"{POD}.volumes.0.hostPath", {"path": "/"}),
    ("CTR-03", DOCKER, "volumes", [{"hostPath": "/", "containerPath": "/x"}]),
    ("CTR-04", RUN, f"{RUN_POD}.{FIRST}.securityContext.allowPrivilegeEscalation", None),
    ("CTR-04", DOCKER, "securityOpts", None),
    ("CTR-05", DEPLOYMENT, f"{POD}.securityContext.runAsUser", 0.0),
    ("CTR-05", TASK, "containers.1.user", "0"),
    ("CTR-05", DOCKER, "user", None),
    ("CTR-06", STATEFUL, f"{POD}.{FIRST}.securityContext.capabilities", None),
    ("CTR-06", DOCKER, "capabilities", None),
    ("CTR-07", CRON, f"{CRON_POD}.securityContext.seccompProfile", None),
    ("CTR-08", TASK, f"{FIRST}.readonlyRootFilesystem", None),
    ("CTR-08", DOCKER, "readOnly", None),
    ("CTR-09", DEPLOYMENT, f"{POD}.{FIRST}.resources.limits.memory", None),
    ("CTR-09", TASK, "memory", None),
    ("CTR-09", JOB, f"template.{FIRST}.resources", None),
    ("CTR-09", DOCKER, "memory", None),
    ("CTR-10", DEPLOYMENT, f"{POD}.{FIRST}.securityContext.capabilities.add", ["SYS_ADMIN"]),
    ("CTR-12", PULLED, "name", "postgres:latest"),
    ("CTR-12", TASK, f"{FIRST}.image", "app:latest"),
    ("CTR-12", RUN, "image", "app"),
    ("CTR-13", DEPLOYMENT, "metadata.namespace", None),
    ("CTR-16", RDS, "engineVersion", "12"),
    ("CTR-16", SERVER, "version", "11"),
    ("CTR-16", ENVIRONMENT, "python", "3.8"),
    ("COST-07", APP, "template.scale.maxReplicas", None),
    ("COST-07", APPS, "workloadProfiles.1.maximumCount", None),
    ("COST-08", RDS, "storageType", "gp2"),
    ("COST-10", LIFE, "rules.0.status", "Disabled"),
)
"""(rule, one of our types, what of it is made worse, how). In a task `containers` is its JSON text."""


@pytest.fixture(scope="module")
def ours() -> dict[str, list[Resource]]:
    """What the example mesh declares in prod, by type."""
    found: dict[str, list[Resource]] = {}
    for target in TARGETS:
        for resource in declared(target, "prod"):
            found.setdefault(resource.type, []).append(resource)
    return found


def plain(value: Any) -> Any:
    """A tree without the guards around its unknown values, to be guarded anew."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in dict.items(value)}
    return [plain(item) for item in list.__iter__(value)] if isinstance(value, list) else value


def changed(value: Any, path: str, new: object) -> Any:
    """The value with something else at a path; None takes it away."""
    key, _, rest = path.partition(".")
    if isinstance(value, list):
        known = list(value)
        if int(key) < len(known):
            known[int(key)] = changed(known[int(key)], rest, new) if rest else new
        return known
    copy = dict(value) if isinstance(value, dict) else {}
    copy[key] = changed(copy.get(key), rest, new) if rest else new
    return {name: item for name, item in copy.items() if item is not None}


def worse(resource: Resource, path: str, new: object) -> Resource:
    props = plain(resource.props)
    if resource.type == TASK and path.startswith("containers."):
        definitions = changed({"containers": json.loads(props["containerDefinitions"])}, path, new)
        path, new = "containerDefinitions", json.dumps(definitions["containers"])
    return replace(resource, props=guarded(changed(props, path, new)))


def judged(rule_id: str, resources: list[Resource], change: Callable[[Resource], Resource]) -> Iterator[str]:
    (rule,) = [rule for rule in all_rules() if rule.id == rule_id]
    for resource in resources:
        assert rule.covers(resource.type)
        finding = rule.judge(change(resource))
        yield finding.outcome if finding else ""


@pytest.mark.parametrize(("rule_id", "kind", "path", "new"), WORSE, ids=[f"{w[0]}-{w[1]}-{w[2]}" for w in WORSE])
def test_a_rule_bites(ours: dict[str, list[Resource]], rule_id: str, kind: str, path: str, new: object) -> None:
    outcomes = set(judged(rule_id, ours[kind], lambda resource: worse(resource, path, new)))
    assert "fail" in outcomes
    assert "error" not in outcomes


@pytest.mark.parametrize("kind", [RDS, PG, ACCOUNT, VOLUME, STATEFUL, SERVER, STORE])
def test_what_is_not_protected_in_prod_is_found(ours: dict[str, list[Resource]], kind: str) -> None:
    bare = set(judged("BAK-04", ours[kind], lambda r: replace(r, options=replace(r.options, protect=False))))
    assert bare == {"fail"}


@pytest.mark.parametrize("kind", [RDS, TASK, APP, DEPLOYMENT, DOCKER, SERVER])
def test_what_no_component_made_is_found(ours: dict[str, list[Resource]], kind: str) -> None:
    alone = set(judged("GOV-07", ours[kind], lambda r: replace(r, options=replace(r.options, parent=""))))
    assert alone == {"fail"}
