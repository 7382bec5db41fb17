"""The network that all products of a stack on Azure share: three subnets, private names, no address outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi
from pulumi_azure_native import network, privatedns

POSTGRES, HTTPS = 5432, 443
PROXY = 31443
"""Where an environment's proxy listens behind its balancer (learn.microsoft.com, "Securing a virtual network")."""
RANGE = "10.0.0.0/16"
SUBNETS = {"apps": "10.0.0.0/23", "databases": "10.0.2.0/24", "endpoints": "10.0.3.0/24"}
DELEGATED = {"apps": "Microsoft.App/environments", "databases": "Microsoft.DBforPostgreSQL/flexibleServers"}
"""Who alone may place something there (learn.microsoft.com, "Subnet delegation")."""
GIVEN = {"apps": "subnetId", "databases": "databaseSubnetId", "endpoints": "endpointSubnetId"}
"""The settings that bring a network's subnets along, beside `vnetId`."""

Name = Callable[[str, str], str]


class Network:
    """A virtual network of the stack's own, or the one that its configuration brings along."""

    def __init__(
        self,
        settings: Mapping[str, object],
        name: Name,
        group: pulumi.Input[str],
        location: str,
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> None:
        self.settings, self.name, self.group = settings, name, group
        self.location, self.tags, self.options = location, tags, options
        self.zones: dict[str, tuple[pulumi.Input[str], list[pulumi.Resource]]] = {}
        given = settings.get("vnetId")
        self.id: pulumi.Input[str] = str(given) if given else self._made().id

    def subnet(self, which: str) -> pulumi.Input[str]:
        """The resource id of a subnet: apps, databases or endpoints."""
        given = self.settings.get(GIVEN[which])
        return str(given) if given else pulumi.Output.concat(self.id, f"/subnets/{which}")

    def zone(self, zone: str, setting: str) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """A private DNS zone that this network asks, and what must be there before a name is found in it."""
        if given := self.settings.get(setting):
            return str(given), []
        if zone not in self.zones:
            made = privatedns.PrivateZone(
                zone,
                private_zone_name=zone,
                resource_group_name=self.group,
                location="Global",
                tags=self.tags,
                opts=self.options,
            )
            link = privatedns.VirtualNetworkLink(
                zone,
                virtual_network_link_name=self.name("link", "network"),
                private_zone_name=made.name,
                resource_group_name=self.group,
                location="Global",
                registration_enabled=False,
                virtual_network=privatedns.SubResourceArgs(id=self.id),
                tags=self.tags,
                opts=self.options,
            )
            self.zones[zone] = made.id, [link]
        return self.zones[zone]

    def endpoint(
        self,
        name: str,
        physical: str,
        target: pulumi.Input[str],
        kind: str,
        zone: tuple[pulumi.Input[str], list[pulumi.Resource]],
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> list[pulumi.Resource]:
        """A private address of `target`'s part `kind` in this network; what must be there before it is used."""
        zone_id, linked = zone
        connection = network.PrivateLinkServiceConnectionArgs(
            name=kind, private_link_service_id=target, group_ids=[kind]
        )
        made = network.PrivateEndpoint(
            name,
            private_endpoint_name=physical,
            resource_group_name=self.group,
            location=self.location,
            subnet=network.SubnetArgs(id=self.subnet("endpoints")),
            private_link_service_connections=[connection],
            tags=tags,
            opts=options,
        )
        names = network.PrivateDnsZoneGroup(
            name,
            private_dns_zone_group_name="default",
            private_endpoint_name=made.name,
            resource_group_name=self.group,
            private_dns_zone_configs=[network.PrivateDnsZoneConfigArgs(name=kind, private_dns_zone_id=zone_id)],
            opts=options,
        )
        return [*linked, names]

    def _made(self) -> network.VirtualNetwork:
        # Subnets inside the network's own request: Azure refuses two of them at a time.
        return network.VirtualNetwork(
            "network",
            virtual_network_name=self.name("network", "network"),
            resource_group_name=self.group,
            location=self.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[RANGE]),
            subnets=[self._subnet(which) for which in SUBNETS],
            tags=self.tags,
            opts=self.options,
        )

    def _subnet(self, which: str) -> network.SubnetArgs:
        guard = network.NetworkSecurityGroup(
            which,
            network_security_group_name=self.name("guard", which),
            resource_group_name=self.group,
            location=self.location,
            security_rules=_open() if which == "apps" and self.settings.get("public") else RULES[which](),
            tags=self.tags,
            opts=self.options,
        )
        delegation = DELEGATED.get(which)
        return network.SubnetArgs(
            name=which,
            address_prefix=SUBNETS[which],
            delegations=[network.DelegationArgs(name="owner", service_name=delegation)] if delegation else None,
            network_security_group=network.NetworkSecurityGroupArgs(id=guard.id),
            # Without it a private endpoint passes its subnet's rules by.
            private_endpoint_network_policies="Enabled",
        )


def _rule(
    priority: int, name: str, description: str, source: str, target: str, port: str, *, allow: bool = True
) -> network.SecurityRuleArgs:
    """One rule for what comes in."""
    return network.SecurityRuleArgs(
        name=name,
        description=description,
        priority=priority,
        direction="Inbound",
        access="Allow" if allow else "Deny",
        protocol="Tcp" if allow else "*",
        source_address_prefix=source,
        source_port_range="*",
        destination_address_prefix=target,
        destination_port_range=port,
    )


def _closed() -> network.SecurityRuleArgs:
    what = "Nothing else, not even from this network; from outside nothing comes in anyway"
    return _rule(4096, "nothing-else", what, "VirtualNetwork", "*", "*", allow=False)


def _open() -> list[network.SecurityRuleArgs]:
    """From the internet to public apps: HTTPS, and the port on which the environment's own proxy listens for it."""
    what, apps = "Apps with a public endpoint; the environment's proxy lets through to no other", SUBNETS["apps"]
    return [
        _rule(100 + number, f"public-{port}", what, "Internet", apps, str(port))
        for number, port in enumerate((HTTPS, PROXY))
    ]


def _databases() -> list[network.SecurityRuleArgs]:
    apps, own = SUBNETS["apps"], SUBNETS["databases"]
    return [
        _rule(100, "postgres", "PostgreSQL from services and jobs of this stack", apps, own, str(POSTGRES)),
        _rule(110, "standby", "A server and its standby", own, own, str(POSTGRES)),
        _closed(),
    ]


def _endpoints() -> list[network.SecurityRuleArgs]:
    what = "Vault and storage from services and jobs of this stack"
    return [_rule(100, "https", what, SUBNETS["apps"], SUBNETS["endpoints"], str(HTTPS)), _closed()]


RULES: Mapping[str, Callable[[], list[network.SecurityRuleArgs]]] = {
    "apps": list,  # Azure's own: from this network yes, from outside no
    "databases": _databases,
    "endpoints": _endpoints,
}
