"""Rules on managed services, clusters and machines that the internet can reach."""

from __future__ import annotations

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    Check,
    absent,
    at,
    by_type,
    each,
    either,
    every,
    examples,
    given,
    is_everywhere,
    is_given,
    items,
    must,
    must_not,
    when,
)

ACCOUNT, VAULT = "azure-native:storage:StorageAccount", "azure-native:keyvault:Vault"
REGISTRY, COSMOS = "azure-native:containerregistry:Registry", "azure-native:cosmosdb:DatabaseAccount"
RULE_SET = "azure-native:eventhub:NamespaceNetworkRuleSet"
EKS, AKS = "aws:eks/cluster:Cluster", "azure-native:containerservice:ManagedCluster"
SUBNET, ECS = "aws:ec2/subnet:Subnet", "aws:ecs/service:Service"
INSTANCE, INTERFACE = "aws:ec2/instance:Instance", "azure-native:network:NetworkInterface"
SCHEDULE, EIP = "aws:scheduler/schedule:Schedule", "aws:ec2/eip:Eip"
GROUP = "azure-native:containerinstance:ContainerGroup"

_CLOSED = must("publicNetworkAccess", "Disabled", "SecuredByPerimeter")


def _denies(path: str, closed: Check = _CLOSED) -> Check:
    """By default nobody, or nobody at all from outside."""
    return either(must(f"{path}.defaultAction", "Deny"), closed)


_INNER = must("properties.publicNetworkAccess", "Disabled")
FIREWALLS = {
    ACCOUNT: _denies("networkRuleSet"),
    VAULT: _denies("properties.networkAcls", _INNER),
    "azure-native:keyvault:ManagedHsm": _denies("properties.networkAcls", _INNER),
    REGISTRY: _denies("networkRuleSet"),
    "azure-native:cognitiveservices:Account": _denies("properties.networkAcls", _INNER),
    RULE_SET: must("defaultAction", "Deny"),
    "azure-native:servicebus:NamespaceNetworkRuleSet": must("defaultAction", "Deny"),
    COSMOS: either(_CLOSED, must("isVirtualNetworkFilterEnabled", True), given("ipRules")),
    "azure-native:search:Service": either(must("publicNetworkAccess", "disabled"), given("networkRuleSet.ipRules")),
    "azure-native:machinelearningservices:Workspace": _CLOSED,
    "azure-native:datafactory:Factory": _CLOSED,
}


def _bounded(path: str) -> Check:
    """The public end is for a few addresses, none of them the whole internet."""

    def check(resource: Resource) -> str | None:
        allowed = items(at(resource.props, path))
        wide = not allowed or any(is_everywhere(cidr) for cidr in allowed)
        return f"`{path}` is for everybody" if wide else None

    return check


_AKS_ACCESS = "apiServerAccessProfile"
APIS = {
    EKS: either(must("vpcConfig.endpointPublicAccess", False), _bounded("vpcConfig.publicAccessCidrs")),
    AKS: either(
        must(f"{_AKS_ACCESS}.enablePrivateCluster", True),
        must("publicNetworkAccess", "Disabled"),
        _bounded(f"{_AKS_ACCESS}.authorizedIPRanges"),
    ),
}

_ASSIGNED = must_not("associatePublicIpAddress", True)
_BINDS = every(absent("instance"), absent("networkInterface"))
_VMSS = "virtualMachineProfile.networkProfile.networkInterfaceConfigurations"
ADDRESSES = {
    INSTANCE: _ASSIGNED,
    "aws:ec2/launchConfiguration:LaunchConfiguration": _ASSIGNED,
    "aws:ec2/launchTemplate:LaunchTemplate": each("networkInterfaces", _ASSIGNED),
    "aws:ec2/eipAssociation:EipAssociation": every(absent("instanceId"), absent("networkInterfaceId")),
    EIP: _BINDS,
    SUBNET: must_not("mapPublicIpOnLaunch", True),
    ECS: must_not("networkConfiguration.assignPublicIp", True),
    SCHEDULE: must_not("target.ecsParameters.networkConfiguration.assignPublicIp", True),
    "aws:cloudwatch/eventTarget:EventTarget": must_not("ecsTarget.networkConfiguration.assignPublicIp", True),
    "aws:sagemaker/notebookInstance:NotebookInstance": must("directInternetAccess", "Disabled"),
    INTERFACE: each("ipConfigurations", absent("publicIPAddress")),
    "azure-native:compute:VirtualMachineScaleSet": each(
        _VMSS, each("ipConfigurations", absent("publicIPAddressConfiguration"))
    ),
    "azure-native:databricks:Workspace": must("parameters.enableNoPublicIp.value", True),
    GROUP: when(lambda r: is_given(r.props, "ipAddress"), must("ipAddress.type", "Private")),
}

OPEN_FIREWALL = Rule(
    id="PUB-04",
    name="open-service-firewall",
    severity="high",
    what="A managed service answers every network that nobody refused",
    why="A leaked key or token then works from anywhere.",
    fix="Set `defaultAction: Deny`, or `publicNetworkAccess: Disabled` and a private endpoint.",
    refs=("CKV_AZURE_35", "CKV_AZURE_109", "CKV_AZURE_139", "CKV_AZURE_101", "ASB NS-2"),
    reads=tuple(FIREWALLS),
    violated=by_type(FIREWALLS),
    passes=(
        *examples(ACCOUNT, {"networkRuleSet": {"defaultAction": "Deny"}}, {"publicNetworkAccess": "Disabled"}),
        *examples(ACCOUNT, {"networkRuleSet": {"defaultAction": "Deny"}, "publicNetworkAccess": UNKNOWN}),
        *examples(VAULT, {"properties": {"networkAcls": {"defaultAction": "Deny"}, "tenantId": UNKNOWN}}),
        *examples(RULE_SET, {"defaultAction": "Deny"}),
        *examples(COSMOS, {"isVirtualNetworkFilterEnabled": True}),
    ),
    fails=(
        *examples(ACCOUNT, {}, {"networkRuleSet": {"defaultAction": "Allow"}}, {"publicNetworkAccess": "Enabled"}),
        *examples(VAULT, {}, {"properties": {"networkAcls": {"defaultAction": "Allow"}, "tenantId": UNKNOWN}}),
        *examples(REGISTRY, {"sku": {"name": "Basic"}}),
        *examples(RULE_SET, {"defaultAction": "Allow"}),
        *examples(COSMOS, {}),
        *examples("azure-native:search:Service", {"publicNetworkAccess": "enabled"}),
    ),
    misses=(
        "a namespace of Event Hubs or Service Bus without a rule set",
        "what `bypass` lets in: Azure's own services",
    ),
)

PUBLIC_API = Rule(
    id="PUB-05",
    name="public-cluster-api",
    severity="high",
    what="Everybody on the internet may knock at a cluster's Kubernetes API",
    why="Who reaches the API can try stolen credentials and new holes on it.",
    fix="Set `endpointPublicAccess: false` (on Azure `enablePrivateCluster`), or name the few ranges that may.",
    refs=("CKV_AWS_38", "CKV_AWS_39", "CKV_AZURE_6", "CKV_AZURE_115", "FSBP EKS.1", "ASB NS-2"),
    reads=tuple(APIS),
    violated=by_type(APIS),
    passes=(
        *examples(
            EKS,
            {"vpcConfig": {"endpointPublicAccess": False, "subnetIds": UNKNOWN}},
            {"vpcConfig": {"publicAccessCidrs": ["198.51.100.0/24"]}},
        ),
        *examples(AKS, {"apiServerAccessProfile": {"enablePrivateCluster": True}}),
        *examples(AKS, {"apiServerAccessProfile": {"authorizedIPRanges": ["198.51.100.0/24"]}}),
    ),
    fails=(
        *examples(
            EKS,
            {},
            {"vpcConfig": {"endpointPublicAccess": True, "subnetIds": UNKNOWN}},
            {"vpcConfig": {"publicAccessCidrs": ["198.51.100.0/24", "0.0.0.0/0"]}},
        ),
        *examples(AKS, {}, {"apiServerAccessProfile": {"authorizedIPRanges": ["0.0.0.0/0"]}}),
    ),
    misses=("the API of a cluster that is there already, which no stack declares",),
)

PUBLIC_ADDRESS = Rule(
    id="PUB-06",
    name="public-compute-address",
    severity="high",
    what="A machine, a task or a subnet gets addresses on the internet",
    why="An address on the internet is found and tried within minutes.",
    fix="Set `assignPublicIp` (`associatePublicIpAddress`, `mapPublicIpOnLaunch`) to false; go out by a NAT gateway.",
    refs=("CKV_AWS_88", "CKV_AWS_130", "CKV_AWS_333", "CKV_AZURE_119", "FSBP EC2.9", "FSBP EC2.15", "FSBP ECS.2"),
    reads=tuple(ADDRESSES),
    violated=by_type(ADDRESSES),
    passes=(
        *examples(SUBNET, {"mapPublicIpOnLaunch": False}, {"vpcId": UNKNOWN}),
        *examples(ECS, {"networkConfiguration": {"assignPublicIp": False, "subnets": UNKNOWN}}, {}),
        *examples(SCHEDULE, {"target": {"ecsParameters": {"networkConfiguration": {"assignPublicIp": False}}}}),
        *examples(EIP, {"domain": "vpc"}),
        *examples(INTERFACE, {"ipConfigurations": [{"name": "a", "subnet": UNKNOWN}]}),
        *examples(GROUP, {"ipAddress": {"type": "Private"}}, {}),
    ),
    fails=(
        *examples(SUBNET, {"mapPublicIpOnLaunch": True}),
        *examples(ECS, {"networkConfiguration": {"assignPublicIp": True, "subnets": UNKNOWN}}),
        *examples(SCHEDULE, {"target": {"ecsParameters": {"networkConfiguration": {"assignPublicIp": True}}}}),
        *examples(INSTANCE, {"associatePublicIpAddress": True}),
        *examples(EIP, {"instance": UNKNOWN}),
        *examples(
            "aws:ec2/launchTemplate:LaunchTemplate", {"networkInterfaces": [{"associatePublicIpAddress": "true"}]}
        ),
        *examples(INTERFACE, {"ipConfigurations": [{"publicIPAddress": {"id": UNKNOWN}}]}),
        *examples("azure-native:databricks:Workspace", {}),
        *examples(GROUP, {"ipAddress": {"type": "Public", "ports": []}}),
    ),
    misses=("a machine in a subnet that is brought along and gives addresses by itself",),
)
