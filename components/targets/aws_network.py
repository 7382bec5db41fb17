"""The network that all products of a stack on AWS share: private subnets, one way out, names inside."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

POSTGRES = 5432
ZONES = ("a", "b")
"""A database needs two availability zones (RDS: DB subnet groups)."""


class Network:
    """A VPC with private subnets, one NAT gateway, the security groups of workloads and databases, and a DNS zone."""

    def __init__(self, stack: str, region: str, tags: dict[str, str], options: pulumi.ResourceOptions) -> None:
        self.ready: list[pulumi.Resource] = []
        """What must be there before a workload starts: its ways to the outside and to its database."""
        self.vpc = aws.ec2.Vpc(
            "network",
            cidr_block="10.0.0.0/16",
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=tags,
            opts=options,
        )
        gateway = aws.ec2.InternetGateway("gateway", vpc_id=self.vpc.id, tags=tags, opts=options)
        public = self._subnet("public", "10.0.0.0/24", f"{region}{ZONES[0]}", tags, options)
        way_out = aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        self._route("public", way_out, public, tags, options)
        address = aws.ec2.Eip("nat", domain="vpc", tags=tags, opts=options)
        nat = aws.ec2.NatGateway("nat", subnet_id=public.id, allocation_id=address.id, tags=tags, opts=options)
        self.private = []
        for number, zone in enumerate(ZONES, start=1):
            subnet = self._subnet(f"private-{zone}", f"10.0.{number}.0/24", f"{region}{zone}", tags, options)
            outwards = aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
            self._route(f"private-{zone}", outwards, subnet, tags, options)
            self.private.append(subnet.id)
        self.workloads = aws.ec2.SecurityGroup(
            "workloads", vpc_id=self.vpc.id, description="Services and jobs of this stack", tags=tags, opts=options
        )
        self.databases = aws.ec2.SecurityGroup(
            "databases", vpc_id=self.vpc.id, description="Databases of this stack", tags=tags, opts=options
        )
        out = aws.vpc.SecurityGroupEgressRule(
            "workloads-out",
            security_group_id=self.workloads.id,
            description="Images, packages and sources are fetched from outside",
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            tags=tags,
            opts=options,
        )
        between = aws.vpc.SecurityGroupIngressRule(
            "workloads-in",
            security_group_id=self.workloads.id,
            description="Services of this stack talk to each other",
            ip_protocol="tcp",
            from_port=1024,
            to_port=65535,
            referenced_security_group_id=self.workloads.id,
            tags=tags,
            opts=options,
        )
        inwards = aws.vpc.SecurityGroupIngressRule(
            "databases-in",
            security_group_id=self.databases.id,
            description="PostgreSQL from services and jobs of this stack",
            ip_protocol="tcp",
            from_port=POSTGRES,
            to_port=POSTGRES,
            referenced_security_group_id=self.workloads.id,
            tags=tags,
            opts=options,
        )
        self.ready += [out, between, inwards]
        self.domain = f"{stack}.internal"
        self.names = aws.servicediscovery.PrivateDnsNamespace(
            "names", name=self.domain, vpc=self.vpc.id, description="Services of this stack", tags=tags, opts=options
        )
        self.subnets = aws.rds.SubnetGroup("databases", subnet_ids=self.private, tags=tags, opts=options)

    def _subnet(
        self, name: str, cidr: str, zone: str, tags: dict[str, str], options: pulumi.ResourceOptions
    ) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            name,
            vpc_id=self.vpc.id,
            cidr_block=cidr,
            availability_zone=zone,
            map_public_ip_on_launch=False,
            tags=tags,
            opts=options,
        )

    def _route(
        self,
        name: str,
        route: aws.ec2.RouteTableRouteArgs,
        subnet: aws.ec2.Subnet,
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> None:
        table = aws.ec2.RouteTable(name, vpc_id=self.vpc.id, routes=[route], tags=tags, opts=options)
        self.ready.append(
            aws.ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=options)
        )
