"""Rules on what firewalls let through: ports for administrators and data, and rules that nobody explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    Check,
    at,
    by_type,
    examples,
    first,
    is_everywhere,
    items,
    within,
)

GROUP, GROUP_RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS, EGRESS = (f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule" for way in ("Ingress", "Egress"))
NSG, NSG_RULE = "azure-native:network:NetworkSecurityGroup", "azure-native:network:SecurityRule"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

PORTS: Mapping[int, str] = {
    22: "SSH",
    2375: "Docker",
    2376: "Docker",
    2379: "etcd",
    3389: "RDP",
    5985: "WinRM",
    5986: "WinRM",
    6443: "the Kubernetes API",
    10250: "kubelet",
    1433: "SQL Server",
    1521: "Oracle",
    3306: "MySQL",
    5432: "PostgreSQL",
    5439: "Redshift",
    6379: "Redis",
    9042: "Cassandra",
    9092: "Kafka",
    9094: "Kafka",
    9200: "OpenSearch",
    11211: "Memcached",
    27017: "MongoDB",
    4040: "Spark's pages",
    6066: "Spark's REST",
    7077: "Spark",
    18080: "Spark's history",
    8786: "Dask",
    8787: "Dask's pages",
    8088: "Superset",
    8888: "Jupyter",
}
"""Ports behind which somebody takes commands or hands out data: the defaults of each program's own documentation."""
_ANYBODY = ("*", "internet", "any", "0.0.0.0")
_UNTOLD = ("", "managed by pulumi", "managed by terraform")


def _sensitive(low: Any, high: Any) -> str | None:
    """The first of the sensitive ports in a span, by its name."""
    return next((f"{port} ({name})" for port, name in PORTS.items() if within(port, low, high)), None)


def _opens(rule: Mapping[str, Any], protocol: str, ranges: tuple[str, ...]) -> str | None:
    """What an AWS rule opens to the whole internet."""
    if not any(is_everywhere(cidr) for name in ranges for cidr in items(rule.get(name))):
        return None
    if str(rule.get(protocol)).lower() in ("-1", "all"):
        return "all ports"
    if str(rule.get(protocol)).lower() in ("icmp", "icmpv6", "1", "58"):
        return None
    return _sensitive(rule.get("fromPort"), rule.get("toPort"))


_BLOCKS, _CIDRS = ("cidrBlocks", "ipv6CidrBlocks"), ("cidrIpv4", "cidrIpv6")


def _inline(resource: Resource) -> str | None:
    opened = first(items(resource.props.get("ingress")), lambda rule: _opens(rule, "protocol", _BLOCKS))
    return f"`ingress` opens {opened} to everybody" if opened else None


def _single(resource: Resource) -> str | None:
    if resource.props.get("type") != "ingress":
        return None
    opened = _opens(resource.props, "protocol", _BLOCKS)
    return f"{opened} open to everybody" if opened else None


def _split(resource: Resource) -> str | None:
    opened = _opens(resource.props, "ipProtocol", _CIDRS)
    return f"{opened} open to everybody" if opened else None


def _azure_rules(resource: Resource) -> Iterator[Mapping[str, Any]]:
    rules = items(resource.props.get("securityRules")) if resource.type == NSG else [resource.props]
    return (rule for rule in rules if isinstance(rule, Mapping))


def _azure(resource: Resource) -> str | None:
    opened = first(_azure_rules(resource), _azure_opens)
    return f"{opened} open to everybody" if opened else None


def _azure_opens(rule: Mapping[str, Any]) -> str | None:
    if str(rule.get("access")).lower() != "allow" or str(rule.get("direction")).lower() != "inbound":
        return None
    sources = [*items(rule.get("sourceAddressPrefix")), *items(rule.get("sourceAddressPrefixes"))]
    if not any(_anybody(source) for source in sources):
        return None
    spans = [*items(rule.get("destinationPortRange")), *items(rule.get("destinationPortRanges"))]
    bounds = [str(span).partition("-") for span in spans]
    return first(bounds, lambda bound: _sensitive(bound[0], bound[2]))


def _anybody(source: Any) -> bool:
    return str(source).lower() in _ANYBODY or is_everywhere(source)


def _policy(resource: Resource) -> str | None:
    """Addresses alone: a rule for all pods of the cluster is NET-06's."""
    opened = first(items(at(resource.props, "spec.ingress")), _policy_opens)
    return f"{opened} open to everybody" if opened else None


def _policy_opens(rule: Mapping[str, Any]) -> str | None:
    if not any(is_everywhere(at(peer, "ipBlock.cidr")) for peer in items(rule.get("from"))):
        return None
    ports = [(port.get("port"), port.get("endPort")) for port in items(rule.get("ports"))] or [(None, None)]
    numbers = [(low, high) for low, high in ports if not isinstance(low, str) or low.isdigit()]
    return first(numbers, lambda span: _sensitive(*span))


PORT_RULES: Mapping[str, Check] = {
    GROUP: _inline,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _inline,
    GROUP_RULE: _single,
    INGRESS: _split,
    NSG: _azure,
    NSG_RULE: _azure,
    POLICY: _policy,
}


def _untold(text: Any) -> bool:
    return str(text or "").strip().lower() in _UNTOLD


def _unexplained_group(resource: Resource) -> str | None:
    if _untold(resource.props.get("description")):
        return "`description` is not given"
    for way in ("ingress", "egress"):
        for rule in items(resource.props.get(way)):
            if _untold(rule.get("description")):
                return f"a rule of `{way}` has no `description`"
    wide = any(_all_out(rule, "protocol", _BLOCKS) for rule in items(resource.props.get("egress")))
    return "`egress` lets everything out" if wide else None


def _all_out(rule: Mapping[str, Any], protocol: str, ranges: tuple[str, ...]) -> bool:
    everything = str(rule.get(protocol)).lower() in ("-1", "all")
    return everything and any(is_everywhere(cidr) for name in ranges for cidr in items(rule.get(name)))


def _unexplained_rule(resource: Resource) -> str | None:
    return "`description` is not given" if _untold(resource.props.get("description")) else None


def _unexplained_way_out(resource: Resource) -> str | None:
    if resource.type == GROUP_RULE:
        wide = resource.props.get("type") == "egress" and _all_out(resource.props, "protocol", _BLOCKS)
    else:
        wide = _all_out(resource.props, "ipProtocol", _CIDRS)
    return _unexplained_rule(resource) or ("everything is let out" if wide else None)


def _unexplained_azure(resource: Resource) -> str | None:
    return "`description` is not given" if any(_untold(r.get("description")) for r in _azure_rules(resource)) else None


EXPLAINED: Mapping[str, Check] = {
    GROUP: _unexplained_group,
    GROUP_RULE: _unexplained_way_out,
    INGRESS: _unexplained_rule,
    EGRESS: _unexplained_way_out,
    NSG: _unexplained_azure,
    NSG_RULE: _unexplained_azure,
}

EVERYWHERE = {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "tcp", "description": "x"}
_NSG = {"access": "Allow", "direction": "Inbound", "sourceAddressPrefix": "*", "description": "x"}


def _from(cidr: str, *ports: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": cidr}}], "ports": list(ports)}]}}


OPEN_PORT = Rule(
    id="NET-01",
    name="sensitive-port-open-to-all",
    severity="critical",
    what="The whole internet may reach a port for administrators, a database, Spark or Dask",
    why="These ports are scanned for all the time, and behind them commands are taken.",
    fix="Name the security group or the few ranges that may; consumers use the product's ports.",
    refs=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AZURE_9", "CKV_AZURE_10", "FSBP EC2.19", "ASB NS-1"),
    reads=tuple(PORT_RULES),
    violated=by_type(PORT_RULES),
    passes=(
        *examples(
            INGRESS,
            {**EVERYWHERE, "fromPort": 443.0, "toPort": 443.0},
            {"referencedSecurityGroupId": UNKNOWN, "ipProtocol": "-1"},
            {"cidrIpv4": "10.0.0.0/8", "ipProtocol": "tcp", "fromPort": 5432.0, "toPort": 5432.0},
            {"cidrIpv4": "0.0.0.0/0", "ipProtocol": "icmp", "fromPort": -1.0, "toPort": -1.0},
        ),
        *examples(GROUP, {"ingress": [{"protocol": "-1", "self": True, "fromPort": 0.0, "toPort": 0.0}]}, {}),
        *examples(GROUP_RULE, {"type": "egress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}),
        *examples(
            NSG,
            {"securityRules": [{**_NSG, "destinationPortRange": "443"}]},
            {"securityRules": [{**_NSG, "destinationPortRange": "*", "access": "Deny"}]},
            {"securityRules": [{**_NSG, "destinationPortRange": "*", "sourceAddressPrefix": "VirtualNetwork"}]},
        ),
        *examples(POLICY, _from("0.0.0.0/0", {"port": 8443.0}), _from("10.0.0.0/8"), {"spec": {"ingress": [{}]}}),
    ),
    fails=(
        *examples(
            INGRESS,
            {**EVERYWHERE, "fromPort": 22.0, "toPort": 22.0, "securityGroupId": UNKNOWN},
            {**EVERYWHERE, "fromPort": 0.0, "toPort": 65535.0},
            {"cidrIpv6": "::/0", "ipProtocol": "-1"},
            {"cidrIpv4": "0.0.0.0/1", "ipProtocol": "tcp", "fromPort": 8786.0, "toPort": 8787.0},
        ),
        *examples(
            GROUP,
            {
                "ingress": [
                    {"protocol": "tcp", "cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"], "fromPort": 5432, "toPort": 5432}
                ]
            },
            {"vpcId": UNKNOWN, "ingress": [{"protocol": "-1", "ipv6CidrBlocks": ["::/0"], "fromPort": 0, "toPort": 0}]},
        ),
        *examples(
            GROUP_RULE,
            {"type": "ingress", "protocol": "tcp", "cidrBlocks": ["0.0.0.0/0"], "fromPort": 7077, "toPort": 7077},
        ),
        *examples(
            NSG,
            {"securityRules": [{**_NSG, "destinationPortRange": "3389"}]},
            {"securityRules": [{**_NSG, "sourceAddressPrefix": "Internet", "destinationPortRanges": ["80", "20-30"]}]},
        ),
        *examples(NSG_RULE, {**_NSG, "destinationPortRange": "*", "networkSecurityGroupName": UNKNOWN}),
        *examples(POLICY, _from("0.0.0.0/0"), _from("::/0", {"port": 8000.0, "endPort": 9000.0})),
    ),
    misses=(
        "a service on another port than its usual one",
        "network access lists, which are stateless and have to let answers in",
        "which of a group's rules counts: one with a better priority may refuse what another allows",
        "a port that a policy gives by name",
    ),
)

UNEXPLAINED_RULE = Rule(
    id="NET-02",
    name="unexplained-rule",
    severity="low",
    what="A firewall rule does not say what it is for, or lets everything out",
    why="Nobody dares to take out a rule of which nobody knows the reason.",
    fix="Write a `description`; let out the ports that are needed.",
    refs=("CKV_AWS_23", "CKV_AWS_382", "ASB NS-1"),
    reads=tuple(EXPLAINED),
    violated=by_type(EXPLAINED),
    passes=(
        *examples(GROUP, {"description": "Database sales", "vpcId": UNKNOWN}),
        *examples(INGRESS, {**EVERYWHERE, "fromPort": 443.0, "toPort": 443.0}),
        *examples(EGRESS, {**EVERYWHERE, "fromPort": 443.0, "toPort": 443.0}),
        *examples(NSG, {"securityRules": [_NSG]}, {}),
    ),
    fails=(
        *examples(
            GROUP,
            {"vpcId": UNKNOWN},
            {"description": "Managed by Pulumi"},
            {"description": "x", "ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443}]},
            {"description": "x", "egress": [{"description": "x", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]},
        ),
        *examples(INGRESS, {"ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}),
        *examples(EGRESS, {**EVERYWHERE, "ipProtocol": "-1"}),
        *examples(GROUP_RULE, {"type": "egress", "description": "x", "protocol": "all", "cidrBlocks": ["0.0.0.0/0"]}),
        *examples(NSG, {"securityRules": [{**_NSG, "description": ""}]}),
    ),
    misses=("whether a description is true", "what Kubernetes' policies and Docker's networks let out"),
)
