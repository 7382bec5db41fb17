"""Rules on what a product may consist of: platform components, names that fit, nothing that outlives its purpose."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from components.tags import SHARED
from policies.rule import Options, Resource, Rule, example
from policies.shapes import Check, at, by_type, each, either, given, items, must, must_not, when

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-{1,2}[a-z0-9]+)*")
_LONGEST = 100
_PRODUCT = "mesh:data:Product"
_COMPONENT = "mesh:data:"
_EMR = "aws:emr/cluster:Cluster"
_SERVERLESS = "aws:emrserverless/application:Application"
_NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"
_POOL = "azure-native:synapse:BigDataPool"
_CLUSTER = "azure-native:containerservice:ManagedCluster"
_MACHINES = ("aws:ec2/instance:Instance", "azure-native:compute:VirtualMachine")
_BUCKET = "aws:s3/bucket:Bucket"

_WORKLOADS = (
    "aws:rds/*",
    _BUCKET,
    "aws:dynamodb/table:Table",
    "aws:ec2/instance:Instance",
    "aws:ecs/service:Service",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:eks/*",
    "aws:lambda/function:Function",
    "aws:emr/*",
    "aws:emrserverless/*",
    "aws:redshift/*",
    "aws:redshiftserverless/*",
    "azure-native:app:ContainerApp",
    "azure-native:app:Job",
    "azure-native:compute:*",
    "azure-native:containerservice:*",
    "azure-native:cosmosdb:*",
    "azure-native:dbforpostgresql:Server",
    "azure-native:sql:*",
    "azure-native:storage:StorageAccount",
    "azure-native:synapse:*",
    "kubernetes:apps/*",
    "kubernetes:batch/*",
    "kubernetes:core/v1:Pod",
    "docker:index/container:Container",
    "docker:index/volume:Volume",
    "mesh:index:Process",
    "mesh:index:PostgresServer",
    "mesh:index:ObjectStore",
    "mesh:index:JobRun",
)
"""What computes or keeps data: the part of a product that components build."""

_FORBIDDEN = (
    "aws:iam/openIdConnectProvider:*",
    "aws:iam/samlProvider:*",
    "aws:iam/account*",
    "aws:organizations/*",
    "aws:ssoadmin/*",
    "aws:s3/accountPublicAccessBlock:*",
    "aws:guardduty/*",
    "aws:securityhub/*",
    "aws:cloudformation/*",
    "azure-native:authorization:Policy*",
    "azure-native:management:*",
    "azure-native:security:*",
    "azure-native:subscription:*",
    "kubernetes:admissionregistration.k8s.io/*",
    "kubernetes:apiextensions.k8s.io/*:CustomResourceDefinition",
    "kubernetes:rbac.authorization.k8s.io/*:ClusterRole*",
    "kubernetes:scheduling.k8s.io/*:PriorityClass",
    "kubernetes:storage.k8s.io/*:StorageClass",
    "kubernetes:core/v1:Node",
    "kubernetes:core/v1:PersistentVolume",
    "command:*",
)
"""What acts on a whole account or cluster, or runs on the machine that deploys."""


def _shared(resource: Resource) -> bool:
    """Whether its tags (on Docker and Kubernetes labels) say that the stack shares it."""
    if resource.type.startswith("docker:"):
        labels = items(resource.props.get("labels"))
        return any(label.get("label") == "product" and label.get("value") == SHARED for label in labels)
    if resource.type.startswith("kubernetes:"):
        return bool(at(resource.props, "metadata.labels.product") == SHARED)
    return resource.tags.get("product") == SHARED


def _alone(resource: Resource) -> str | None:
    if _COMPONENT in resource.options.parent or _shared(resource):
        return None
    return "no component is its parent"


def _misnamed(resource: Resource) -> str | None:
    if not _NAME.fullmatch(resource.name) or len(resource.name) > _LONGEST:
        return f"the name is not like `daily-orders`, of {_LONGEST} characters at most"
    product = resource.tags.get("product")
    own = resource.type == _PRODUCT and product not in (None, resource.name)
    return "tag `product` is not its name" if own else None


@cache
def _is(kind: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def _forbidden(resource: Resource) -> str | None:
    if _is(resource.type, _FORBIDDEN):
        return f"`{resource.type}`"
    runs = f"{_COMPONENT}External" in resource.options.parent and _is(resource.type, _WORKLOADS)
    return f"`{resource.type}` in a product that stands outside the mesh" if runs else None


_STOPS: dict[str, Check] = {
    _EMR: either(given("autoTerminationPolicy"), must("keepJobFlowAliveWhenNoSteps", False)),
    _SERVERLESS: must_not("autoStopConfiguration.enabled", False),
    _NOTEBOOK: given("lifecycleConfigName"),
    _POOL: must("autoPause.enabled", True),
    _CLUSTER: each("agentPoolProfiles", either(must("enableAutoScaling", True), must("mode", "System"))),
    **dict.fromkeys(_MACHINES, given("tags.expires")),
}


def _sandboxed(kind: str, props: dict[str, Any]) -> Resource:
    return example(kind, props, environment="sandbox")


def _below(parent: str, kind: str, props: dict[str, Any] | None = None) -> Resource:
    return replace(example(kind, props or {}), options=Options(parent=parent))


def _named(kind: str, name: str, product: str = "orders") -> Resource:
    return replace(example(kind, {"tags": {"product": product}}), name=name)


_STACK = "urn:pulumi:sales-dev::meshwright::pulumi:pulumi:Stack::meshwright-sales-dev"
_DATABASE = "urn:pulumi:sales-dev::meshwright::mesh:data:Product$mesh:data:Database::orders--warehouse"
_OUTSIDE = "urn:pulumi:sales-dev::meshwright::mesh:data:Product$mesh:data:External::erp--source"

NEVER_STOPS = Rule(
    id="GOV-05",
    name="never-stopping-sandbox",
    severity="high",
    what="Something in a sandbox runs on, and costs, after everybody has left",
    fix="Turn its auto-stop on; give a machine the tag `expires` (a date, when it is deleted).",
    refs=("FinOps:usage-optimization",),
    reads=tuple(_STOPS),
    violated=when(lambda resource: resource.environment == "sandbox", by_type(_STOPS)),
    passes=(
        _sandboxed(_EMR, {"autoTerminationPolicy": {"idleTimeout": 3600.0}}),
        _sandboxed(_SERVERLESS, {}),
        _sandboxed(_POOL, {"autoPause": {"enabled": True}}),
        _sandboxed(_MACHINES[0], {"tags": {"expires": "2027-01-31"}}),
        example(_MACHINES[0], {}, environment="prod"),
    ),
    fails=(
        _sandboxed(_EMR, {}),
        _sandboxed(_SERVERLESS, {"autoStopConfiguration": {"enabled": False}}),
        _sandboxed(_NOTEBOOK, {}),
        _sandboxed(_POOL, {}),
        _sandboxed(_MACHINES[0], {"tags": {"owner": "x"}}),
        _sandboxed(_CLUSTER, {"agentPoolProfiles": [{"name": "work", "mode": "User"}]}),
    ),
    misses=("the product's own end, until manifests have one", "whether the date has passed", "services and databases"),
)

MISNAMED = Rule(
    id="GOV-06",
    name="misfitting-name",
    severity="low",
    what="A name does not fit the others",
    fix="Lower-case letters, digits and single hyphens; a component names its children `<name>--<child>`.",
    reads=("mesh:data:*",),
    violated=_misnamed,
    passes=(
        _named(_PRODUCT, "orders"),
        _named("mesh:data:Database", "orders--warehouse"),
        _named("mesh:data:Job", "orders-2"),
    ),
    fails=(
        _named(_PRODUCT, "Orders"),
        _named("mesh:data:Database", "orders_warehouse"),
        _named("mesh:data:Job", f"orders-{'x' * _LONGEST}"),
        _named(_PRODUCT, "orders", product="invoices"),
    ),
    misses=("names in the clouds, which targets make", "whether a name means something"),
)

BARE_RESOURCE = Rule(
    id="GOV-07",
    name="resource-without-component",
    severity="medium",
    what="Something that computes or keeps data is declared past the components",
    why="Components bring encryption, tags, backups and prices along; a bare resource brings none of them.",
    fix="Use a component of `components/`, or add one.",
    reads=_WORKLOADS,
    violated=_alone,
    passes=(
        _below(_DATABASE, "aws:rds/instance:Instance"),
        _below("mesh:data:Database::orders--warehouse", "mesh:index:PostgresServer"),
        example("aws:rds/subnetGroup:SubnetGroup", {"tags": {"product": SHARED}}),
        example("docker:index/volume:Volume", {"labels": [{"label": "product", "value": SHARED}]}),
        example("kubernetes:apps/v1:Deployment", {"metadata": {"labels": {"product": SHARED}}}),
    ),
    fails=(
        example(_BUCKET, {}),
        _below(_STACK, "aws:rds/instance:Instance", {"tags": {"product": "orders"}}),
        _below(_STACK, "kubernetes:apps/v1:Deployment", {"metadata": {"labels": {"product": "orders"}}}),
        example("docker:index/container:Container", {}),
    ),
    misses=("what is tagged `product: shared`", "kinds that are seldom used"),
)

FORBIDDEN_TYPE = Rule(
    id="GOV-08",
    name="forbidden-resource-type",
    severity="high",
    what="A data product declares what none may",
    why="It acts on a whole account or cluster, or runs on the machine that deploys.",
    fix="Leave it to the platform team's own stack; work inside a product is a Job.",
    refs=("CWE-269",),
    reads=("aws:*", "azure-native:*", "kubernetes:*", "docker:*", "command:*", "mesh:index:*"),
    violated=_forbidden,
    passes=(
        example(_BUCKET, {}),
        example("kubernetes:rbac.authorization.k8s.io/v1:Role", {}),
        example("azure-native:authorization:RoleAssignment", {}),
        _below(_OUTSIDE, "mesh:index:SecretValue"),
        _below(_DATABASE, "mesh:index:PostgresServer"),
    ),
    fails=(
        example("aws:iam/openIdConnectProvider:OpenIdConnectProvider", {}),
        example("aws:organizations/account:Account", {}),
        example("azure-native:authorization:PolicyAssignment", {}),
        example("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", {}),
        example("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", {}),
        example("command:local:Command", {"create": "x"}),
        _below(_OUTSIDE, "mesh:index:Process"),
    ),
    misses=("what a product's template may hold: a resource does not know its template", "dynamic providers"),
)
