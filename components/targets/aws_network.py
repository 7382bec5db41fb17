"""The network that all products of a stack on AWS share: private subnets, one way out, names inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.errors import UserError

RANGE = "10.0.0.0/16"
"""Addresses of a network of the stack's own, where `meshwright:cidr` names no others."""
ZONES = ("a", "b")
"""A database and a load balancer need two availability zones each (RDS: DB subnet groups; ELB: subnets)."""
GATEWAY = "0.0.0.0/0"


class Network:
    """A VPC with private subnets, one NAT gateway and a DNS zone; or the VPC that the stack brings along.

    In a network that is brought along nothing is made but the DNS zone and the databases' subnet group.
    """

    def __init__(
        self, values: Mapping[str, Any], stack: str, region: str, tags: dict[str, str], options: pulumi.ResourceOptions
    ) -> None:
        self.region, self.tags, self.options = region, tags, options
        self.ready: list[pulumi.Resource] = []
        """What must be there before a workload starts: its ways to the outside."""
        self.own = "vpcId" not in values
        if self.own:
            self.range = str(values.get("cidr", RANGE))
            self.vpc = aws.ec2.Vpc(
                "network",
                cidr_block=self.range,
                enable_dns_hostnames=True,
                enable_dns_support=True,
                tags=tags,
                opts=options,
            )
            self._ways()
        else:
            self.vpc = aws.ec2.Vpc.get("network", str(values["vpcId"]), opts=options)
            self.private: list[pulumi.Input[str]] = [str(subnet) for subnet in values["privateSubnetIds"]]
            self.public: list[pulumi.Input[str]] = [str(subnet) for subnet in values.get("publicSubnetIds", [])]
        self.domain = f"{stack}.internal"
        self.names = aws.servicediscovery.PrivateDnsNamespace(
            "names", name=self.domain, vpc=self.vpc.id, description="Services of this stack", tags=tags, opts=options
        )
        self.subnets = aws.rds.SubnetGroup("databases", subnet_ids=self.private, tags=tags, opts=options)

    def _ways(self) -> None:
        """Two public subnets with a gateway, two private ones behind one NAT gateway, and a free way to S3."""
        gateway = aws.ec2.InternetGateway("gateway", vpc_id=self.vpc.id, tags=self.tags, opts=self.options)
        outside = self._table("public", aws.ec2.RouteTableRouteArgs(cidr_block=GATEWAY, gateway_id=gateway.id))
        first, second = (
            self._subnet(name, number, zone, outside)
            for name, number, zone in (("public", 0, ZONES[0]), ("public-b", 3, ZONES[1]))
        )
        self.public = [first.id, second.id]
        address = aws.ec2.Eip("nat", domain="vpc", tags=self.tags, opts=self.options)
        nat = aws.ec2.NatGateway("nat", subnet_id=first.id, allocation_id=address.id, tags=self.tags, opts=self.options)
        self.private, tables = [], []
        for number, zone in enumerate(ZONES, start=1):
            route = aws.ec2.RouteTableRouteArgs(cidr_block=GATEWAY, nat_gateway_id=nat.id)
            tables.append(self._table(f"private-{zone}", route))
            self.private.append(self._subnet(f"private-{zone}", number, zone, tables[-1]).id)
        # Objects go past the NAT gateway, which is paid by the gigabyte.
        self.ready.append(
            aws.ec2.VpcEndpoint(
                "objects",
                vpc_id=self.vpc.id,
                service_name=f"com.amazonaws.{self.region}.s3",
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id for table in tables],
                tags=self.tags,
                opts=self.options,
            )
        )

    def _table(self, name: str, route: aws.ec2.RouteTableRouteArgs) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(name, vpc_id=self.vpc.id, routes=[route], tags=self.tags, opts=self.options)

    def _subnet(self, name: str, number: int, zone: str, table: aws.ec2.RouteTable) -> aws.ec2.Subnet:
        """A subnet of 256 addresses, the `number`th of the network, with its route table."""
        made = aws.ec2.Subnet(
            name,
            vpc_id=self.vpc.id,
            cidr_block=part(self.range, number),
            availability_zone=f"{self.region}{zone}",
            map_public_ip_on_launch=False,
            tags=self.tags,
            opts=self.options,
        )
        self.ready.append(
            aws.ec2.RouteTableAssociation(name, subnet_id=made.id, route_table_id=table.id, opts=self.options)
        )
        return made


def part(cidr: str, number: int) -> str:
    """The `number`th /24 of a /16."""
    first, second, *_ = cidr.split(".")
    return f"{first}.{second}.{number}.0/24"


def range_of(stack: str, values: Mapping[str, Any], neighbours: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The addresses of another stack's network, as its stack file has them; none where it is this stack's too."""
    theirs = neighbours.get(stack, {})
    if "vpcId" in theirs and theirs["vpcId"] == values.get("vpcId"):
        return None
    if "vpcId" in theirs and "cidr" not in theirs:
        what = f"stack {stack}, which is read here, does not say what addresses its network has"
        raise UserError(what, hint=f"pulumi config set meshwright:cidr 10.1.0.0/16 -s {stack}")
    found = str(theirs.get("cidr", RANGE))
    if theirs.get("target") == "aws" and "vpcId" not in values and found == str(values.get("cidr", RANGE)):
        what = f"the networks of this stack and of {stack}, which it reads, have the same addresses: {found}"
        hint = "give one another `meshwright:cidr` and join them, or let both bring the same `meshwright:vpcId`"
        raise UserError(what, hint=hint)
    return found
