"""Rules on networks of one's own: what stands outside of them, what they let in, and whether anybody sees it."""

from __future__ import annotations

from collections.abc import Mapping

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    Check,
    at,
    by_type,
    either,
    every,
    examples,
    given,
    in_prod,
    is_everywhere,
    is_given,
    items,
    must,
    must_not,
    when,
)

FLOW_LOG, AZURE_FLOW_LOG = "aws:ec2/flowLog:FlowLog", "azure-native:network:FlowLog"
ECS, TASK = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
LAMBDA, RDS = "aws:lambda/function:Function", "aws:rds/instance:Instance"
PG, ENVIRONMENT = "azure-native:dbforpostgresql:Server", "azure-native:app:ManagedEnvironment"
CONTAINER, POLICY = "docker:index/container:Container", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
AKS = "azure-native:containerservice:ManagedCluster"
ACCOUNT, VAULT = "azure-native:storage:StorageAccount", "azure-native:keyvault:Vault"
RUN = "mesh:index:JobRun"
INTERFACE = "aws:ec2/vpcEndpoint:VpcEndpoint"

FLOWS: Mapping[str, Check] = {
    FLOW_LOG: either(
        must("trafficType", "ALL", "REJECT"), given("transitGatewayId"), given("transitGatewayAttachmentId")
    ),
    AZURE_FLOW_LOG: every(must("enabled", True), must_not("retentionPolicy.enabled", False)),
}


def _bridge(resource: Resource) -> str | None:
    """The host's own network is CTR-02's to refuse; a container's, or none, is no shared one."""
    mode = str(resource.props.get("networkMode") or "")
    if mode in ("none", "host") or mode.startswith("container:") or is_given(resource.props, "networksAdvanced"):
        return None
    return None if mode not in ("", "bridge", "default") else "it joins Docker's default network"


NETWORKS: Mapping[str, Check] = {
    RUN: when(lambda r: r.props.get("executor") == "docker", given("networks")),
    TASK: when(lambda r: "FARGATE" not in items(r.props.get("requiresCompatibilities")), must("networkMode", "awsvpc")),
    ECS: given("networkConfiguration.subnets"),
    LAMBDA: given("vpcConfig.subnetIds"),
    RDS: either(given("dbSubnetGroupName"), given("replicateSourceDb")),
    "aws:rds/cluster:Cluster": given("dbSubnetGroupName"),
    "aws:redshift/cluster:Cluster": every(given("clusterSubnetGroupName"), must("enhancedVpcRouting", True)),
    "aws:emr/cluster:Cluster": either(given("ec2Attributes.subnetId"), given("ec2Attributes.subnetIds")),
    "aws:emrserverless/application:Application": given("networkConfiguration.subnetIds"),
    "aws:glue/job:Job": given("connections"),
    "aws:sagemaker/notebookInstance:NotebookInstance": given("subnetId"),
    "aws:sagemaker/domain:Domain": must("appNetworkAccessType", "VpcOnly"),
    "aws:mwaa/environment:Environment": must_not("webserverAccessMode", "PUBLIC_ONLY"),
    PG: either(given("network.delegatedSubnetResourceId"), must("network.publicNetworkAccess", "Disabled")),
    ENVIRONMENT: given("vnetConfiguration.infrastructureSubnetId"),
    "azure-native:containerinstance:ContainerGroup": given("subnetIds"),
    "azure-native:databricks:Workspace": given("parameters.customVirtualNetworkId"),
    "azure-native:synapse:Workspace": must("managedVirtualNetwork", "default"),
    "azure-native:machinelearningservices:Workspace": must(
        "managedNetwork.isolationMode", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"
    ),
    CONTAINER: _bridge,
}


def _open_policy(resource: Resource) -> str | None:
    """A rule without `from` takes the whole internet where the pods can be reached; so does its range."""
    for rule in items(at(resource.props, "spec.ingress")):
        peers = items(rule.get("from"))
        if not peers:
            return "a rule of `spec.ingress` has no `from`"
        if any(is_everywhere(at(peer, "ipBlock.cidr")) and not is_given(peer, "ipBlock.except") for peer in peers):
            return "`spec.ingress` is for every address"
    return None


POLICIES: Mapping[str, Check] = {
    POLICY: _open_policy,
    AKS: must("networkProfile.networkPolicy", "azure", "calico", "cilium"),
}

_CLOSED = must("publicNetworkAccess", "Disabled", "SecuredByPerimeter")
_INNER = must("properties.publicNetworkAccess", "Disabled")
ENDPOINTS: Mapping[str, Check] = {
    ACCOUNT: when(in_prod, _CLOSED),
    VAULT: when(in_prod, _INNER),
    "azure-native:containerregistry:Registry": when(in_prod, _CLOSED),
    "azure-native:eventhub:Namespace": when(in_prod, _CLOSED),
    "azure-native:servicebus:Namespace": when(in_prod, _CLOSED),
    "azure-native:databricks:Workspace": when(in_prod, _CLOSED),
    "azure-native:cognitiveservices:Account": when(in_prod, _INNER),
    INTERFACE: when(
        lambda r: (
            in_prod(r)
            and r.props.get("vpcEndpointType") == "Interface"
            and str(r.props.get("serviceName")).startswith("com.amazonaws.")
        ),
        must("privateDnsEnabled", True),
    ),
}

PARTIAL_FLOW_LOG = Rule(
    id="NET-04",
    name="partial-flow-log",
    severity="medium",
    what="A network's flow log is off, or leaves out what was refused",
    why="Refused connections are what an attack looks like.",
    fix="Set `trafficType: ALL` (on Azure `enabled: true` with a `retentionPolicy`).",
    refs=("CKV2_AWS_11", "CKV_AZURE_12", "FSBP EC2.6", "ASB LT-4"),
    reads=tuple(FLOWS),
    violated=by_type(FLOWS),
    passes=(
        *examples(FLOW_LOG, {"trafficType": "ALL", "vpcId": UNKNOWN}, {"transitGatewayId": UNKNOWN}),
        *examples(AZURE_FLOW_LOG, {"enabled": True, "retentionPolicy": {"enabled": True, "days": 90.0}}),
    ),
    fails=(
        *examples(FLOW_LOG, {"trafficType": "ACCEPT", "vpcId": UNKNOWN}),
        *examples(
            AZURE_FLOW_LOG, {"targetResourceId": UNKNOWN}, {"enabled": True, "retentionPolicy": {"enabled": False}}
        ),
    ),
    misses=("a network that has no flow log at all: a rule sees one resource at a time",),
)

SHARED_NETWORK = Rule(
    id="NET-05",
    name="outside-private-network",
    severity="medium",
    what="Something runs outside of a network of its own",
    why="In a shared network neighbours reach it, and no rule says who may.",
    fix="Give it subnets of the stack's network; on Docker, `networksAdvanced`.",
    refs=("CKV_AWS_117", "CKV2_AZURE_20", "FSBP RDS.18", "ASB NS-1", "ASB NS-2"),
    reads=tuple(NETWORKS),
    violated=by_type(NETWORKS),
    passes=(
        *examples(RUN, {"executor": "docker", "networks": ["mesh"]}, {"executor": "process", "image": UNKNOWN}),
        *examples(TASK, {"requiresCompatibilities": ["FARGATE"]}, {"networkMode": "awsvpc"}),
        *examples(ECS, {"networkConfiguration": {"subnets": [UNKNOWN, UNKNOWN]}}),
        *examples(LAMBDA, {"vpcConfig": {"subnetIds": UNKNOWN}}),
        *examples(PG, {"network": {"delegatedSubnetResourceId": UNKNOWN}}),
        *examples(ENVIRONMENT, {"vnetConfiguration": {"infrastructureSubnetId": UNKNOWN, "internal": True}}),
        *examples(
            CONTAINER, {"networksAdvanced": [{"name": "mesh"}]}, {"networkMode": "none"}, {"networkMode": "container:x"}
        ),
    ),
    fails=(
        *examples(RUN, {"executor": "docker", "image": UNKNOWN}),
        *examples(TASK, {"networkMode": "bridge"}, {}),
        *examples(ECS, {"cluster": UNKNOWN}),
        *examples(LAMBDA, {}, {"vpcConfig": {"subnetIds": []}}),
        *examples(RDS, {"identifier": UNKNOWN}),
        *examples(PG, {"network": {"publicNetworkAccess": "Enabled"}}),
        *examples(ENVIRONMENT, {}),
        *examples(CONTAINER, {"image": UNKNOWN}, {"networkMode": "bridge"}),
        *examples("aws:redshift/cluster:Cluster", {"clusterSubnetGroupName": UNKNOWN}),
    ),
    misses=("whether the subnets are private", "who else is in the network", "Kubernetes, where NET-06 closes pods"),
)

OPEN_POLICY = Rule(
    id="NET-06",
    name="open-network-policy",
    severity="high",
    what="Pods take connections from everybody, or a cluster can't keep its network policies",
    why="Without a policy that says who may, every pod of the cluster reaches every other.",
    fix="Say in `from` which pods or namespaces may; choose a `networkPolicy` for the cluster.",
    refs=("CKV2_K8S_6", "CKV_AZURE_7", "ASB NS-1"),
    reads=tuple(POLICIES),
    violated=by_type(POLICIES),
    passes=(
        *examples(
            POLICY,
            {"spec": {"policyTypes": ["Ingress", "Egress"]}},
            {"spec": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": UNKNOWN}]}},
            {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], "policyTypes": ["Egress"]}},
        ),
        *examples(AKS, {"networkProfile": {"networkPolicy": "cilium"}}),
    ),
    fails=(
        *examples(
            POLICY,
            {"spec": {"ingress": [{}]}},
            {"spec": {"ingress": [{"ports": [{"port": 80.0}]}], "podSelector": UNKNOWN}},
            {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}},
        ),
        *examples(AKS, {}, {"networkProfile": {"networkPolicy": "none"}}),
    ),
    misses=(
        "a namespace or a pod that no policy selects: a rule sees one resource at a time",
        "whether the cluster has a network plugin that keeps policies",
        "a peer with an empty `namespaceSelector`, which is every pod of the cluster",
    ),
)

PUBLIC_ENDPOINT = Rule(
    id="NET-07",
    name="public-endpoint-in-prod",
    severity="medium",
    what="A managed service in prod can still be reached past its private endpoint",
    why="Data leaves by a public end although the private one is there.",
    fix="Set `publicNetworkAccess: Disabled`; let callers use the private endpoint and its DNS name.",
    refs=("CKV2_AZURE_33", "CKV2_AZURE_32", "ASB NS-2"),
    reads=tuple(ENDPOINTS),
    violated=by_type(ENDPOINTS),
    passes=(
        *examples(ACCOUNT, {"publicNetworkAccess": "Disabled"}, environment="prod"),
        *examples(ACCOUNT, {"accountName": UNKNOWN}),
        *examples(VAULT, {"properties": {"publicNetworkAccess": "Disabled"}}, environment="prod"),
        *examples(INTERFACE, {"vpcEndpointType": "Gateway"}, {"vpcId": UNKNOWN}, environment="prod"),
    ),
    fails=(
        *examples(ACCOUNT, {}, {"publicNetworkAccess": "Enabled"}, environment="prod"),
        *examples(VAULT, {"properties": {"networkAcls": {"defaultAction": "Deny"}}}, environment="prod"),
        *examples(
            INTERFACE,
            {"vpcEndpointType": "Interface", "serviceName": "com.amazonaws.eu-west-1.ecr.api"},
            environment="prod",
        ),
    ),
    misses=(
        "whether there is a private endpoint: a rule sees one resource at a time",
        "AWS's own services, which a task reaches over the NAT gateway by TLS; databases are PUB-01's",
    ),
)
