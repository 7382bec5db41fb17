"""Rules on firewalls of managed services whose ranges let nearly everybody in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import Check, at, by_type, examples, items

PG_FIREWALL, SQL_FIREWALL = "azure-native:dbforpostgresql:FirewallRule", "azure-native:sql:FirewallRule"
COSMOS, ACCOUNT = "azure-native:cosmosdb:DatabaseAccount", "azure-native:storage:StorageAccount"
VAULT, REDIS = "azure-native:keyvault:Vault", "azure-native:redis:FirewallRule"
WIDEST = 2**24
"""Addresses in a firewall rule's span: as many as a /8 are no network of one's own any more."""


def _span(low: str, high: str) -> Check:
    def check(resource: Resource) -> str | None:
        first, last = str(resource.props.get(low) or ""), str(resource.props.get(high) or "")
        if first == last == "0.0.0.0":
            return "0.0.0.0 stands for everything inside Azure, of every customer"
        size = int(ipaddress.ip_address(last)) - int(ipaddress.ip_address(first))
        return f"`{low}` to `{high}` is too wide" if size + 1 >= WIDEST else None

    return check


def _ranges(path: str, key: str) -> Check:
    def check(resource: Resource) -> str | None:
        for entry in items(at(resource.props, path)):
            text = str(entry.get(key) or "")
            if text == "0.0.0.0" or _wide(text):
                return f"`{path}` is too wide"
        return None

    return check


def _wide(text: str) -> bool:
    """Whether a range is as wide as a /8; one address is not."""
    prefix = re.fullmatch(r"[\d.]+/(\d+)", text)
    return prefix is not None and int(prefix[1]) <= 8


_IPS = _span("startIpAddress", "endIpAddress")
FIREWALLS: Mapping[str, Check] = {
    PG_FIREWALL: _IPS,
    "azure-native:dbforpostgresql:SingleServerFirewallRule": _IPS,
    "azure-native:dbformysql:FirewallRule": _IPS,
    "azure-native:dbformysql:SingleServerFirewallRule": _IPS,
    "azure-native:dbformariadb:FirewallRule": _IPS,
    SQL_FIREWALL: _IPS,
    "azure-native:synapse:IpFirewallRule": _IPS,
    REDIS: _span("startIP", "endIP"),
    COSMOS: _ranges("ipRules", "ipAddressOrRange"),
    ACCOUNT: _ranges("networkRuleSet.ipRules", "iPAddressOrRange"),
    VAULT: _ranges("properties.networkAcls.ipRules", "value"),
    "azure-native:containerregistry:Registry": _ranges("networkRuleSet.ipRules", "iPAddressOrRange"),
}

ALL_IN = Rule(
    id="NET-03",
    name="allow-all-firewall-rule",
    severity="critical",
    what="A service's firewall lets in all of Azure or most of the internet",
    why="0.0.0.0 is no address there: it stands for every machine that any customer runs in Azure.",
    fix="Take the rule out and use a private endpoint, or name the few addresses that may.",
    refs=("CKV2_AZURE_19", "CKV_AZURE_11", "ASB NS-2"),
    reads=tuple(FIREWALLS),
    violated=by_type(FIREWALLS),
    passes=(
        *examples(PG_FIREWALL, {"startIpAddress": "198.51.100.7", "endIpAddress": "198.51.100.9"}),
        *examples(ACCOUNT, {"networkRuleSet": {"ipRules": [{"iPAddressOrRange": "198.51.100.0/24"}]}}, {}),
        *examples(
            VAULT, {"properties": {"networkAcls": {"ipRules": [{"value": "198.51.100.7"}]}, "tenantId": UNKNOWN}}
        ),
    ),
    fails=(
        *examples(
            PG_FIREWALL,
            {"startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255", "serverName": UNKNOWN},
            {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"},
            {"startIpAddress": "1.0.0.0", "endIpAddress": "126.255.255.255"},
        ),
        *examples(SQL_FIREWALL, {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}),
        *examples(REDIS, {"startIP": "0.0.0.0", "endIP": "255.255.255.255"}),
        *examples(COSMOS, {"ipRules": [{"ipAddressOrRange": "0.0.0.0"}]}),
        *examples(ACCOUNT, {"networkRuleSet": {"ipRules": [{"iPAddressOrRange": "0.0.0.0/0"}]}}),
        *examples(VAULT, {"properties": {"networkAcls": {"ipRules": [{"value": "0.0.0.0/0"}]}}}),
    ),
    misses=("many narrow rules that are wide together",),
)
