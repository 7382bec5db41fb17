"""Rules on how a caller proves who it is: no key that lives for ever, tokens only where they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from policies.pods import KUBERNETES, TASK, a_pod, a_run, a_task, pod_spec
from policies.rule import UNKNOWN, Options, Resource, Rule, example
from policies.shapes import Check, at, by_type, either, every, given, items, must, must_not, when

_KEY = "aws:iam/accessKey:AccessKey"
_GRANT = "mesh:data:BucketAccess"
_STORAGE = "azure-native:storage:StorageAccount"
_SECRET = "kubernetes:core/v1:Secret"
_INSTANCE = "aws:rds/instance:Instance"
_SERVER = "azure-native:dbforpostgresql:Server"
_VM = "aws:ec2/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_WORKSPACE = "azure-native:operationalinsights:Workspace"
_CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
_RBAC = ("kubernetes:rbac.authorization.k8s.io/v1:Role", _CLUSTER_ROLE)
_VERBS = ("escalate", "bind", "impersonate")
_ENGINES = ("postgres", "mysql", "mariadb", "aurora-postgresql", "aurora-mysql")


def _kept_key(resource: Resource) -> str | None:
    """A grant on a bucket has a key of its own, which goes when the grant goes."""
    return None if _GRANT in resource.options.parent else "an access key lives until somebody deletes it"


_LONG_LIVED: dict[str, Check] = {
    _KEY: _kept_key,
    "aws:iam/userLoginProfile:UserLoginProfile": lambda _: "a password for the console",
    _STORAGE: every(must("allowSharedKeyAccess", False), must_not("isLocalUserEnabled", True)),
    "azure-native:containerregistry:Registry": must_not("adminUserEnabled", True),
    "azure-native:cosmosdb:DatabaseAccount": must("disableLocalAuth", True),
    "azure-native:eventhub:Namespace": must("disableLocalAuth", True),
    "azure-native:servicebus:Namespace": must("disableLocalAuth", True),
    "azure-native:containerservice:ManagedCluster": must("disableLocalAccounts", True),
    "azure-native:compute:VirtualMachine": when(
        lambda r: at(r.props, "osProfile.linuxConfiguration") is not None,
        must("osProfile.linuxConfiguration.disablePasswordAuthentication", True),
    ),
    _WORKSPACE: must("features.disableLocalAuth", True),
    _SECRET: must_not("type", "kubernetes.io/service-account-token"),
}

_BY_IDENTITY: dict[str, Check] = {
    _INSTANCE: when(
        lambda r: r.props.get("engine") in _ENGINES and not r.props.get("replicateSourceDb"),
        must("iamDatabaseAuthenticationEnabled", True),
    ),
    "aws:rds/cluster:Cluster": when(
        lambda r: r.props.get("engine") in _ENGINES, must("iamDatabaseAuthenticationEnabled", True)
    ),
    "aws:neptune/cluster:Cluster": must("iamDatabaseAuthenticationEnabled", True),
    _SERVER: must("authConfig.activeDirectoryAuth", "Enabled"),
    "azure-native:sql:Server": given("administrators"),
}


def _too_much(resource: Resource) -> str | None:
    for rule in items(resource.props.get("rules")):
        for key in ("verbs", "resources", "apiGroups"):
            if any(item == "*" for item in items(rule.get(key))):
                return f"`rules.{key}` holds *"
        verbs = items(rule.get("verbs"))
        if verb := next((verb for verb in _VERBS if verb in verbs), None):
            return f"`rules.verbs` holds {verb}"
        secrets = resource.type == _CLUSTER_ROLE and "secrets" in items(rule.get("resources"))
        if secrets and {"get", "list", "watch"} & set(verbs):
            return "`rules` lets every secret of the cluster be read"
    return None


def _token(resource: Resource) -> str | None:
    pod = pod_spec(resource)
    mounted = pod is not None and pod.get("automountServiceAccountToken") is not False
    return "`automountServiceAccountToken` is not off" if mounted else None


def _one_role(resource: Resource) -> str | None:
    task, start = resource.props.get("taskRoleArn"), resource.props.get("executionRoleArn")
    return "`taskRoleArn` is the `executionRoleArn`" if task and task == start else None


_METADATA: dict[str, Check] = {
    _VM: either(must("metadataOptions.httpTokens", "required"), must("metadataOptions.httpEndpoint", "disabled")),
    _TEMPLATE: either(must("metadataOptions.httpTokens", "required"), must("metadataOptions.httpEndpoint", "disabled")),
    TASK: _one_role,
}


def _granted(parent: str) -> Resource:
    return replace(example(_KEY, {"user": "x"}), options=Options(parent=parent))


def _role(kind: str, **rule: Any) -> Resource:
    return example(kind, {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], **rule}]})


LONG_LIVED_KEY = Rule(
    id="IAM-06",
    name="long-lived-key",
    severity="high",
    what="A key or a local account opens this for as long as it exists",
    why="Nobody notices when such a key is copied; an identity of the cloud renews its tokens by the hour.",
    fix="Use a role or a managed identity, and turn keys and local accounts off.",
    refs=("FSBP:IAM.3", "CKV2_AZURE_40", "CKV_AZURE_137", "CKV_AZURE_140", "CKV_AZURE_141", "CKV_AZURE_1", "ASB:IM-1"),
    reads=tuple(_LONG_LIVED),
    violated=by_type(_LONG_LIVED),
    passes=(
        _granted("urn:pulumi:x-dev::meshwright::mesh:data:Product$mesh:data:BucketAccess::x--objects"),
        example(_STORAGE, {"allowSharedKeyAccess": False}),
        example(_WORKSPACE, {"features": {"disableLocalAuth": True}}),
        example("azure-native:containerregistry:Registry", {}),
        example("azure-native:containerservice:ManagedCluster", {"disableLocalAccounts": True}),
        example("azure-native:compute:VirtualMachine", {"osProfile": {"windowsConfiguration": {}}}),
        example(_SECRET, {"type": "Opaque"}),
    ),
    fails=(
        example(_KEY, {"user": "x"}),
        _granted("urn:pulumi:x-dev::meshwright::mesh:data:Product::x"),
        example("aws:iam/userLoginProfile:UserLoginProfile", {"user": "x"}),
        example(_STORAGE, {}),
        example(_STORAGE, {"allowSharedKeyAccess": UNKNOWN, "isLocalUserEnabled": True}),
        example("azure-native:containerregistry:Registry", {"adminUserEnabled": True}),
        example("azure-native:cosmosdb:DatabaseAccount", {}),
        example("azure-native:compute:VirtualMachine", {"osProfile": {"linuxConfiguration": {}}}),
        example(_SECRET, {"type": "kubernetes.io/service-account-token"}),
    ),
    misses=("the key of a bucket's grant (BucketAccess), which goes with the grant", "keys made outside of Pulumi"),
)

PASSWORDS_ONLY = Rule(
    id="IAM-07",
    name="database-without-identity-login",
    severity="medium",
    what="A database knows passwords only",
    fix="Set `iamDatabaseAuthenticationEnabled: true`; on Azure `authConfig.activeDirectoryAuth: Enabled`.",
    refs=("CKV_AWS_161", "CKV_AWS_162", "FSBP:RDS.10", "FSBP:RDS.12", "ASB:IM-1"),
    reads=tuple(_BY_IDENTITY),
    violated=by_type(_BY_IDENTITY),
    passes=(
        example(_INSTANCE, {"engine": "postgres", "iamDatabaseAuthenticationEnabled": True}),
        example(_INSTANCE, {"engine": "oracle-ee"}),
        example(_INSTANCE, {"engine": "postgres", "replicateSourceDb": "x"}),
        example(_SERVER, {"authConfig": {"activeDirectoryAuth": "Enabled"}}),
        example("azure-native:sql:Server", {"administrators": {"azureADOnlyAuthentication": True}}),
    ),
    fails=(
        example(_INSTANCE, {"engine": "postgres"}),
        example("aws:rds/cluster:Cluster", {"engine": "aurora-postgresql", "iamDatabaseAuthenticationEnabled": False}),
        example(_SERVER, {"authConfig": {"passwordAuth": "Enabled"}}),
        example("azure-native:sql:Server", {}),
    ),
    misses=("whether programs use it", "databases in containers, which have no such login"),
)

WIDE_RBAC = Rule(
    id="IAM-08",
    name="wide-cluster-role",
    severity="high",
    what="A role of Kubernetes allows everything of a kind, or the way to more rights",
    fix="Name the groups, resources and verbs.",
    refs=("CKV_K8S_49", "CKV_K8S_157", "CKV_K8S_158", "CIS-K8S 5.1.3"),
    reads=_RBAC,
    violated=_too_much,
    passes=(_role(_RBAC[0]), _role(_RBAC[1]), _role(_RBAC[0], resources=["secrets"]), example(_RBAC[0], {})),
    fails=(
        _role(_RBAC[0], verbs=["*"]),
        _role(_RBAC[1], resources=["*"]),
        _role(_RBAC[0], apiGroups=[UNKNOWN, "*"]),
        _role(_RBAC[0], verbs=["get", "escalate"]),
        _role(_RBAC[1], resources=["secrets"], verbs=["list"]),
    ),
    misses=("roles that are put together by labels (`aggregationRule`)",),
)

MOUNTED_TOKEN = Rule(
    id="IAM-09",
    name="mounted-service-account-token",
    severity="medium",
    what="A pod holds a token for the cluster's API",
    fix="Set `automountServiceAccountToken: false` in the pod's spec.",
    refs=("CKV_K8S_38", "CKV_K8S_42", "CIS-K8S 5.1.6"),
    reads=KUBERNETES,
    violated=_token,
    passes=(a_pod(), a_run(), example("mesh:index:JobRun", {"executor": "process"})),
    fails=(
        a_pod(automountServiceAccountToken=None),
        a_run(automountServiceAccountToken=True),
    ),
    misses=("pods that need the API and say so", "a service account that turns it off for its pods"),
)

OPEN_METADATA = Rule(
    id="IAM-10",
    name="borrowed-machine-identity",
    severity="medium",
    what="A program may take an identity that was made for something else",
    why="Any request that a program can be tricked into reads the keys of a machine that asks for no token (IMDSv1).",
    fix="Set `metadataOptions.httpTokens: required`; give an ECS task a task role of its own.",
    refs=("CKV_AWS_79", "FSBP:EC2.8", "FSBP:EC2.170"),
    reads=tuple(_METADATA),
    violated=by_type(_METADATA),
    passes=(
        example(_VM, {"metadataOptions": {"httpTokens": "required"}}),
        example(_TEMPLATE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
        a_task(taskRoleArn="arn:a", executionRoleArn="arn:b"),
        a_task(executionRoleArn="arn:b"),
    ),
    fails=(
        example(_VM, {}),
        example(_TEMPLATE, {"metadataOptions": {"httpTokens": "optional"}}),
        a_task(taskRoleArn="arn:a", executionRoleArn="arn:a"),
    ),
    misses=("an instance whose launch template says it", "two task roles with the same rights"),
)
