"""Who may open a connection to whom on AWS: a security group of its own for each service, job and database.

What somebody `uses` gives one rule at the used thing's group, for its port, from his group, and the same outwards. Two
kinds of callers are too many for that (a group takes 60 rules): the members of a cluster, and those who open a page
through a load balancer. They carry a second group, which is let in as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.port import Port, Protocol
from components.primitives import Endpoint
from components.targets.aws_balancer import Balancer
from components.targets.aws_network import GATEWAY, Network, range_of

HTTPS, POSTGRES = 443, 5432
HIGH = (1024, 65535)
"""Ports that programs take without asking for one."""
CLUSTERS: Mapping[Protocol, tuple[int, int] | None] = {"dask": None, "spark": HIGH}
"""Protocols whose callers call each other: by the ports of their own endpoints of the protocol, or by any of a span.

Dask's scheduler and workers fetch results from workers; Spark's driver and executors listen where they like.
"""
NAME, DESCRIPTION = 100, 255
MEMBERS = "members"
OUT = "outside"

Uses = Iterable[Component[Any, Any] | Port]
Span = tuple[int, int]


@dataclass(frozen=True)
class Door:
    """Where a component is let in: a group and a port; `callers` is the group of those who are let in as one."""

    owner: Component[Any, Any]
    group: aws.ec2.SecurityGroup
    port: int
    protocol: Protocol = "sql"
    callers: aws.ec2.SecurityGroup | None = None
    ready: Sequence[pulumi.Resource] = ()
    """What lets the callers in."""


class Reach:
    """The security groups of a stack and the rules between them."""

    def __init__(
        self,
        network: Network,
        values: Mapping[str, Any],
        neighbours: Mapping[str, Mapping[str, Any]],
        physical: Callable[[Component[Any, Any], int], str],
        under: Callable[[Component[Any, Any]], pulumi.ResourceOptions],
    ) -> None:
        self.network, self.values, self.neighbours = network, values, neighbours
        self.physical, self.under = physical, under
        self.doors: dict[str, dict[str, Door]] = {}
        """The doors of each component, by its name and its endpoints'."""
        self.addresses: dict[int, tuple[pulumi.Input[Any], Door]] = {}
        """The door behind an address, by the address's identity: a port is handed on, its address stays the same."""
        self.rules: dict[tuple[str, str, Span], list[pulumi.Resource]] = {}

    def database(self, owner: Component[Any, Any]) -> aws.ec2.SecurityGroup:
        """The group of a database: whoever uses it is let in, and the networks that the stack's settings name."""
        group = self._group(owner, "Database")
        self.doors[owner.name] = {"sql": Door(owner, group, POSTGRES)}
        for number, cidr in enumerate(self.values.get("readers", [])):
            aws.vpc.SecurityGroupIngressRule(
                owner.child(f"from-reader-{number}"),
                security_group_id=group.id,
                description="PostgreSQL from a network of meshwright:readers",
                ip_protocol="tcp",
                from_port=POSTGRES,
                to_port=POSTGRES,
                cidr_ipv4=cidr,
                tags=owner.context.tags.as_map(),
                opts=self.under(owner),
            )
        return group

    def workload(
        self, owner: Component[Any, Any], uses: Uses, endpoints: Mapping[str, Endpoint], registry: int
    ) -> tuple[list[aws.ec2.SecurityGroup], list[pulumi.Resource]]:
        """The groups of a service or a job, and the rules that must be there before it starts.

        Its images, secrets, logs, objects and sources come over HTTPS from addresses of the whole internet: endpoints
        of AWS's services inside the network would be paid by the hour.
        """
        group = self._group(owner, "Service" if endpoints else "Job")
        rules = [
            self._outwards(owner, owner.name, group, port, GATEWAY, "Images, secrets, logs, objects and sources")
            for port in sorted({HTTPS, registry})
        ]
        asked = [door for used in uses for door in self._behind(used)]
        stacks = {used.stack for used in uses if isinstance(used, Port) and used.protocol == "sql" and used.stack}
        groups = list(dict.fromkeys([group, *(door.callers for door in asked if door.callers is not None)]))
        own = {endpoint.protocol for endpoint in endpoints.values()}
        # What a program hands to a cluster runs on the cluster's members, and uses there what the program uses.
        clusters = [door for door in asked if door.protocol in CLUSTERS and door.protocol not in own]
        hands = [(door.owner, door.owner.child(MEMBERS), door.callers) for door in clusters]
        for caller, name, from_ in [(owner, owner.name, group), *hands]:
            assert from_ is not None
            for door in asked:
                if door.callers is None:
                    rules += self._let(caller, name, from_, door.owner.name, door.group, door.port)
            for stack in sorted(stacks):
                what = f"PostgreSQL of stack {stack}"
                theirs = range_of(stack, self.values, self.neighbours) or self.network.vpc.cidr_block
                rules.append(self._outwards(caller, name, from_, POSTGRES, theirs, what, stack))
        for door in asked:
            rules += [*door.ready, *self._joined(door, endpoints)]
        heads = CLUSTERS.keys() - {door.protocol for door in asked}
        self.doors[owner.name] = {
            key: self._head(owner, group, endpoint)
            if endpoint.protocol in heads
            else Door(owner, group, endpoint.port, endpoint.protocol)
            for key, endpoint in endpoints.items()
        }
        return groups, rules

    def publish(self, owner: Component[Any, Any], key: str, balancer: Balancer) -> list[pulumi.Resource]:
        """A load balancer stands before an endpoint and alone may open it; whoever uses the endpoint goes there."""
        door = self.doors[owner.name].pop(key)
        if balancer.callers is not None:
            through = Door(owner, balancer.group, HTTPS, "http", balancer.callers, balancer.ready)
            self.doors[owner.name][key] = through
        return self._let(owner, owner.child(balancer.name), balancer.group, owner.name, door.group, door.port)

    def answers(self, address: Mapping[str, pulumi.Input[Any]], owner: Component[Any, Any], key: str) -> None:
        """Remember which door an address leads to."""
        if (door := self.doors[owner.name].get(key)) is not None:
            self.addresses |= {id(part): (part, door) for part in address.values()}

    def _group(self, owner: Component[Any, Any], kind: str, part: str = "") -> aws.ec2.SecurityGroup:
        name = owner.child(part) if part else owner.name
        return aws.ec2.SecurityGroup(
            name,
            # A name of AWS may not begin with `sg-`, as a stack's may.
            name_prefix=f"mesh-{self.physical(owner, NAME)}{f'-{part}' if part else ''}-",
            vpc_id=self.network.vpc.id,
            description=f"{kind} {name}",
            tags=owner.context.tags.as_map(),
            opts=self.under(owner),
        )

    def _head(self, owner: Component[Any, Any], group: aws.ec2.SecurityGroup, endpoint: Endpoint) -> Door:
        """The door of a cluster's head, which uses no other of its kind; its callers are the cluster's members."""
        members, name = self._group(owner, "Cluster", MEMBERS), owner.child(MEMBERS)
        ready = self._let(owner, name, members, owner.name, group, endpoint.port)
        span = CLUSTERS[endpoint.protocol]
        if span is not None:
            ready += self._let(owner, name, members, name, members, *span)
        return Door(owner, group, endpoint.port, endpoint.protocol, members, ready)

    def _joined(self, door: Door, endpoints: Mapping[str, Endpoint]) -> list[pulumi.Resource]:
        """A member's own endpoints are open to the head of its cluster and to the other members."""
        made: list[pulumi.Resource] = []
        if door.callers is None:
            return made
        for endpoint in endpoints.values():
            if endpoint.protocol == door.protocol and endpoint.protocol in CLUSTERS:
                head, members = door.owner.name, door.owner.child(MEMBERS)
                made += self._let(door.owner, head, door.group, members, door.callers, endpoint.port)
                if CLUSTERS[endpoint.protocol] is None:
                    made += self._let(door.owner, members, door.callers, members, door.callers, endpoint.port)
        return made

    def _behind(self, used: Component[Any, Any] | Port) -> Sequence[Door]:
        if isinstance(used, Component):
            return [*self.doors.get(used.name, {}).values()]
        known = [self.addresses[id(part)][1] for part in used.address.values() if id(part) in self.addresses]
        if known:
            return known[:1]
        return [*self.doors.get(used.behind.name, {}).values()] if used.behind is not None else []

    def _outwards(
        self,
        owner: Component[Any, Any],
        caller: str,
        group: aws.ec2.SecurityGroup,
        port: int,
        cidr: pulumi.Input[str],
        what: str,
        whom: str = OUT,
    ) -> pulumi.Resource:
        """A group may call addresses outside of the stack's own groups."""
        if (caller, whom, (port, port)) not in self.rules:
            rule = aws.vpc.SecurityGroupEgressRule(
                f"{caller}--to-{whom}-{port}",
                security_group_id=group.id,
                description=what,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=cidr,
                tags=owner.context.tags.as_map(),
                opts=self.under(owner),
            )
            self.rules[caller, whom, (port, port)] = [rule]
        return self.rules[caller, whom, (port, port)][0]

    def _let(
        self,
        owner: Component[Any, Any],
        caller: str,
        from_: aws.ec2.SecurityGroup,
        called: str,
        to: aws.ec2.SecurityGroup,
        first: int,
        last: int = 0,
    ) -> list[pulumi.Resource]:
        """One group may call another: a rule where it goes out and one where it comes in, made once."""
        span = (first, last or first)
        if (caller, called, span) not in self.rules:
            name = f"{caller}--to-{called}-{first}" + (f"-{last}" if last else "")
            ports: dict[str, Any] = {"ip_protocol": "tcp", "from_port": span[0], "to_port": span[1]}
            kept: dict[str, Any] = {"tags": owner.context.tags.as_map(), "opts": self.under(owner)}
            self.rules[caller, called, span] = [
                aws.vpc.SecurityGroupIngressRule(
                    name,
                    security_group_id=to.id,
                    description=f"Used by {caller}"[:DESCRIPTION],
                    referenced_security_group_id=from_.id,
                    **ports,
                    **kept,
                ),
                aws.vpc.SecurityGroupEgressRule(
                    name,
                    security_group_id=from_.id,
                    description=f"Uses {called}"[:DESCRIPTION],
                    referenced_security_group_id=to.id,
                    **ports,
                    **kept,
                ),
            ]
        return list(self.rules[caller, called, span])
