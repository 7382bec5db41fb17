"""Rules on how large and how many: sizes that an environment allows, and an end to every growth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.levels import Allowed, Allowing, allowed
from policies.pods import APP
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import Check, at, by_type, either, is_given, items, must, when, word
from policies.unknown import guarded

_INSTANCE = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_SERVER = "azure-native:dbforpostgresql:Server"
_EMR = "aws:emr/cluster:Cluster"
_AKS = "azure-native:containerservice:ManagedCluster"
_POOL = "azure-native:containerservice:AgentPool"
_APPS = "azure-native:app:ManagedEnvironment"
_SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
_KEDA = "kubernetes:keda.sh/v1alpha1:ScaledObject"
_SERVERLESS = "aws:emrserverless/application:Application"
_SPARK = "azure-native:synapse:BigDataPool"
_TABLE = "aws:dynamodb/table:Table"
_SERVICE = "mesh:data:Service"

_SIZES = {
    _INSTANCE: ("instanceClass",),
    "aws:rds/clusterInstance:ClusterInstance": ("instanceClass",),
    "aws:ec2/instance:Instance": ("instanceType",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("instanceType",),
    "aws:eks/nodeGroup:NodeGroup": ("instanceTypes",),
    "aws:redshift/cluster:Cluster": ("nodeType",),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("nodeType",),
    "aws:opensearch/domain:Domain": ("clusterConfig.instanceType",),
    "aws:msk/cluster:Cluster": ("brokerNodeGroupInfo.instanceType",),
    "aws:sagemaker/notebookInstance:NotebookInstance": ("instanceType",),
    _EMR: ("masterInstanceGroup.instanceType", "coreInstanceGroup.instanceType"),
    _SERVER: ("sku.name",),
    "azure-native:sql:Database": ("sku.name",),
    "azure-native:compute:VirtualMachine": ("hardwareProfile.vmSize",),
    _AKS: ("agentPoolProfiles.vmSize",),
    _POOL: ("vmSize",),
    _APPS: ("workloadProfiles.workloadProfileType",),
    "azure-native:synapse:SqlPool": ("sku.name",),
    "azure-native:redis:Redis": ("sku.name",),
}
"""Where the size of each kind stands, through lists."""


def _sizes(value: Any, path: str) -> Iterator[Any]:
    key, _, rest = path.partition(".")
    for item in items(value):
        if isinstance(item, Mapping):
            found = item.get(key)
            yield from items(found) if not rest else _sizes(found, rest)


def _oversized(resource: Resource) -> str | None:
    wanted = allowed(resource).skus.get(resource.type)
    for path in _SIZES[resource.type] if wanted is not None else ():
        for size in _sizes(resource.props, path):
            if not any(fnmatchcase(str(size).lower(), pattern.lower()) for pattern in wanted or ()):
                return f"`{path}` is `{size}`"
    return None


def _above_zero(path: str) -> Check:
    def check(resource: Resource) -> str | None:
        most = at(resource.props, path)
        bounded = isinstance(most, int | float) and not isinstance(most, bool) and 0 < most < 1e6
        return None if bounded else f"`{path}` is not given"

    return check


def _bounded_profiles(resource: Resource) -> str | None:
    for profile in items(resource.props.get("workloadProfiles")):
        if str(profile.get("workloadProfileType")).lower().startswith("consumption"):
            continue
        if not is_given(profile, "maximumCount"):
            return "a workload profile has no `maximumCount`"
    return None


def _bounded_pools(resource: Resource) -> str | None:
    pools = [resource.props] if resource.type == _POOL else items(resource.props.get("agentPoolProfiles"))
    for pool in pools:
        if word(pool.get("enableAutoScaling")) == "true" and not is_given(pool, "maxCount"):
            return "a pool that grows has no `maxCount`"
    return None


_GROWS: dict[str, Check] = {
    _SCALER: _above_zero("spec.maxReplicas"),
    _KEDA: _above_zero("spec.maxReplicaCount"),
    "aws:appautoscaling/target:Target": _above_zero("maxCapacity"),
    "aws:autoscaling/group:Group": _above_zero("maxSize"),
    "aws:eks/nodeGroup:NodeGroup": _above_zero("scalingConfig.maxSize"),
    _SERVERLESS: lambda r: None if is_given(r.props, "maximumCapacity") else "`maximumCapacity` is not given",
    "aws:redshiftserverless/workgroup:Workgroup": _above_zero("maxCapacity"),
    "aws:athena/workgroup:Workgroup": _above_zero("configuration.bytesScannedCutoffPerQuery"),
    _CLUSTER: when(
        lambda r: at(r.props, "serverlessv2ScalingConfiguration") is not None,
        _above_zero("serverlessv2ScalingConfiguration.maxCapacity"),
    ),
    _TABLE: when(
        lambda r: word(r.props.get("billingMode")) == "pay_per_request",
        _above_zero("onDemandThroughput.maxWriteRequestUnits"),
    ),
    APP: _above_zero("template.scale.maxReplicas"),
    _APPS: _bounded_profiles,
    _AKS: _bounded_pools,
    _POOL: _bounded_pools,
    _SPARK: either(
        lambda r: None if at(r.props, "autoScale") is None else "`autoScale` has no `maxNodeCount`",
        must("autoScale.enabled", False),
        _above_zero("autoScale.maxNodeCount"),
    ),
    _SERVICE: _above_zero("args.maximum"),
}


def _sized(kind: str, props: dict[str, Any], *patterns: str) -> Resource:
    skus = {kind: patterns} if patterns else {}
    return Allowing(type=kind, props=guarded(props), allowed=Allowed(skus=skus), environment="sandbox")


OVERSIZED = Rule(
    id="COST-05",
    name="size-not-allowed",
    severity="high",
    what="A size is used that this environment does not allow",
    fix="Choose an allowed size, or add it to `allowed.<environment>.skus` in policies/levels.yaml.",
    refs=("FinOps:rate-optimization",),
    reads=tuple(_SIZES),
    violated=_oversized,
    passes=(
        _sized(_INSTANCE, {"instanceClass": "db.r7g.16xlarge"}),
        _sized(_INSTANCE, {"instanceClass": UNKNOWN}),
        _sized(_INSTANCE, {"instanceClass": "db.t4g.micro"}, "db.t4g.*"),
        _sized(_SERVER, {"sku": {"name": "Standard_B1ms", "tier": "Burstable"}}, "Standard_B*"),
        _sized(_APPS, {"workloadProfiles": [{"workloadProfileType": "Consumption"}]}, "Consumption", "D4"),
    ),
    fails=(
        _sized(_INSTANCE, {"instanceClass": "db.r7g.16xlarge"}, "db.t4g.*"),
        _sized(_SERVER, {"sku": {"name": "Standard_D64s_v3"}}, "Standard_B*", "Standard_D2*_v5"),
        _sized("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["t4g.small", "p5.48xlarge"]}, "t4g.*"),
        _sized(_EMR, {"coreInstanceGroup": {"instanceType": "r6g.16xlarge"}}, "m6g.*"),
        _sized(_AKS, {"agentPoolProfiles": [{"vmSize": "Standard_ND96"}]}, "Standard_D*"),
    ),
    misses=("how many of them (COST-07)", "containers, whose size COST-01 bounds", "kinds whose size it does not know"),
)

ENDLESS_GROWTH = Rule(
    id="COST-07",
    name="growth-without-maximum",
    severity="high",
    what="Something grows by itself, and nothing says how far",
    why="A loop or an attack then costs as much as the account can pay.",
    fix="Give the maximum (`maxReplicas`, `maximumCapacity`, `maxSize`, in a component `maximum`).",
    refs=("FinOps:usage-optimization", "CWE-770"),
    reads=tuple(_GROWS),
    violated=by_type(_GROWS),
    passes=(
        example(_SCALER, {"spec": {"maxReplicas": 4.0}}),
        example(APP, {"template": {"scale": {"maxReplicas": 1.0, "minReplicas": 1.0}}}),
        example(_APPS, {"workloadProfiles": [{"workloadProfileType": "D4", "maximumCount": 10.0}]}),
        example(_APPS, {"workloadProfiles": [{"workloadProfileType": "Consumption"}]}),
        example(_SERVERLESS, {"maximumCapacity": {"cpu": "16 vCPU", "memory": "64 GB"}}),
        example(_CLUSTER, {}),
        example(_TABLE, {"billingMode": "PROVISIONED"}),
        example(_SPARK, {}),
        example(_SPARK, {"autoScale": {"enabled": True, "maxNodeCount": 5.0}}),
        example(_SERVICE, {"args": {"maximum": 1}}),
    ),
    fails=(
        example(_SCALER, {"spec": {"minReplicas": 1.0}}),
        example(_KEDA, {"spec": {}}),
        example(APP, {"template": {"scale": {"minReplicas": 1.0}}}),
        example(APP, {"template": {}}),
        example(_APPS, {"workloadProfiles": [{"workloadProfileType": "D4"}]}),
        example("aws:autoscaling/group:Group", {}),
        example("aws:athena/workgroup:Workgroup", {"configuration": {}}),
        example(_SERVERLESS, {}),
        example(_TABLE, {"billingMode": "PAY_PER_REQUEST"}),
        example(_AKS, {"agentPoolProfiles": [{"enableAutoScaling": True, "minCount": 1.0}]}),
        example(_SPARK, {"autoScale": {"enabled": True}}),
        example(_SERVICE, {"args": {"size": "small"}}),
    ),
    misses=(
        "storage that grows by itself",
        "functions, which an account's own limit bounds",
        "a maximum that is too high",
    ),
)
