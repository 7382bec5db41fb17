"""Who reaches whom on target aws, by the security groups alone: exactly where `uses` says so, on the used ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from components.errors import UserError
from components.port import Port
from components.primitives import Endpoint
from components.targets.aws_network import range_of
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import Recorded
from tests.conftest import LittleMesh
from tests.stacks.test_snapshots import VALUES
from tests.targets.recorded import NAME, Graph

GIVEN = {"target": "aws", **VALUES["aws"]}
TLS = {"certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/a", "publicDomain": "mesh.example.org"}
STACKS = ("weather-dev", "flights-dev")
"""Their products are of all four templates."""
PORTS = (22, 80, 443, 1023, 1024, 5432, 7077, 7078, 8080, 8081, 8088, 8786, 8787, 8788, 40000, 65535)
DATABASE = 5432

stacks = pytest.mark.parametrize("stack", STACKS)


@dataclass
class Rules:
    """The security groups of a graph: who is in which, and what their rules let through."""

    graph: list[Recorded]
    groups: dict[str, list[str]] = field(default_factory=dict)
    """By the name of a service, job, database or load balancer."""

    def __post_init__(self) -> None:
        for resource in self.graph:
            inputs, kind = resource.inputs, resource.type.split(":")[-1]
            if kind == "Service" and "networkConfiguration" in inputs:
                self.groups[resource.name] = inputs["networkConfiguration"]["securityGroups"]
            elif kind in ("JobRun", "LoadBalancer") and "securityGroups" in inputs:
                self.groups[resource.name] = inputs["securityGroups"]
            elif kind == "Instance":
                self.groups[resource.name] = inputs["vpcSecurityGroupIds"]

    def rules(self, direction: str, name: str, port: int) -> list[Mapping[str, Any]]:
        """Those of somebody's groups that are about a port."""
        kind = f":SecurityGroup{direction}Rule"
        found = [rule.inputs for rule in self.graph if rule.type.endswith(kind)]
        assert all(rule["ipProtocol"] == "tcp" for rule in found)
        mine = [rule for rule in found if rule["securityGroupId"] in self.groups[name]]
        return [rule for rule in mine if rule["fromPort"] <= port <= rule["toPort"]]

    def reaches(self, one: str, other: str, port: int) -> bool:
        """Whether a connection gets out of one's groups and into the other's."""
        out = [
            rule
            for rule in self.rules("Egress", one, port)
            if "cidrIpv4" in rule or rule["referencedSecurityGroupId"] in self.groups[other]
        ]
        let_in = [
            rule
            for rule in self.rules("Ingress", other, port)
            if rule.get("referencedSecurityGroupId") in self.groups[one]
        ]
        return bool(out and let_in)

    def from_address(self, name: str, port: int, address: str) -> bool:
        """Whether somebody at an address gets in."""
        ranges = [rule["cidrIpv4"] for rule in self.rules("Ingress", name, port) if "cidrIpv4" in rule]
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in ranges)


def used(graph: list[Recorded]) -> set[tuple[str, str, int]]:
    """(who, whom, port) as `uses` says, and as the members of a cluster need it to be one."""
    args = {each.name: each.inputs["args"] for each in graph if each.type in ("mesh:data:Service", "mesh:data:Job")}
    databases = {each.name for each in graph if each.type == "mesh:data:Database"}
    found: set[tuple[str, str, int]] = set()
    members: dict[tuple[str, str], set[str]] = {}
    for name, own in args.items():
        for entry in own.get("uses", []):
            other = entry.get("component") or entry.get("behind", "")
            if other in databases:
                found.add((name, other, DATABASE))
            for endpoint in args.get(other, {}).get("endpoints", {}).values():
                if entry.get("port", endpoint["protocol"]) == endpoint["protocol"]:
                    found.add((name, other, endpoint["port"]))
                    if endpoint["protocol"] in ("dask", "spark"):
                        members.setdefault((other, endpoint["protocol"]), set()).add(name)
    for (head, protocol), names in members.items():
        own = {name: args[name].get("endpoints", {}).values() for name in names}
        ports = {endpoint["port"] for name in names for endpoint in own[name] if endpoint["protocol"] == protocol}
        between = set(range(1024, 65536)) if protocol == "spark" else ports
        found |= {(head, name, port) for name in names for port in ports}
        found |= {(one, other, port) for one in names for other in names for port in between if one != other}
        # What a client hands to a cluster runs there: its databases are the members' too.
        clients = {name for name in names if not own[name]}
        handed = {(whom, port) for who, whom, port in found if who in clients and whom in databases}
        found |= {(name, whom, port) for name in names for whom, port in handed}
    return found


@cache
def rules(stack: str) -> Rules:
    return Rules(Program(Domain(stack), GIVEN).recorded())


@stacks
def test_everybody_reaches_exactly_what_he_uses(stack: str) -> None:
    found = rules(stack)
    wanted = {each for each in used(found.graph) if each[2] in PORTS}
    names = list(found.groups)
    reached = {
        (one, other, port)
        for one in names
        for other in names
        for port in PORTS
        if one != other and found.reaches(one, other, port)
    }
    assert len(wanted) > 3
    assert reached == wanted


@stacks
def test_nobody_is_reached_from_outside(stack: str) -> None:
    found = rules(stack)
    for name in found.groups:
        for port in PORTS:
            assert not found.from_address(name, port, "198.51.100.7")
            assert not found.from_address(name, port, "10.0.1.7")


@stacks
def test_every_workload_and_database_has_a_group_of_its_own(stack: str) -> None:
    found = rules(stack)
    first = [groups[0] for groups in found.groups.values()]
    assert len(set(first)) == len(first)
    assert all(len(groups) <= 5 for groups in found.groups.values())  # a network interface takes five


@stacks
def test_outside_the_stack_there_is_https_alone(stack: str) -> None:
    for rule in rules(stack).graph:
        if rule.type.endswith(":SecurityGroupEgressRule") and rule.inputs.get("cidrIpv4") == "0.0.0.0/0":
            assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (443, 443)
    databases = [name for name in rules(stack).groups if not rules(stack).rules("Egress", name, 443)]
    assert databases == [each.name for each in rules(stack).graph if each.type.endswith(":Instance")]


def test_a_workload_starts_when_its_rules_are_there() -> None:
    graph = rules("flights-dev").graph
    names = {f"{rule.type}::{rule.name}" for rule in graph if rule.type.startswith("aws:vpc/securityGroup")}
    starts = [each for each in graph if each.type in ("mesh:index:JobRun", "aws:ecs/service:Service")]
    for start in starts:
        mine = {name for name in names if name.split("::")[1].startswith(f"{start.name}--to-")}
        assert mine & start.dependencies == mine - {
            # A head's rules to its members come with the members.
            name
            for name in mine
            if "--members-" in name
        }


def test_a_registry_with_a_port_of_its_own_is_reached(little: LittleMesh) -> None:
    graph = Graph(little, {**GIVEN, "registry": "registry.example.org:5000/mesh"})
    out = {rule.inputs["fromPort"] for rule in graph.of("SecurityGroupEgressRule") if "cidrIpv4" in rule.inputs}
    assert out == {443, 5000}


def test_networks_that_the_settings_name_read_databases_and_nothing_else(little: LittleMesh) -> None:
    found = Rules(Graph(little, {**GIVEN, "readers": ["10.8.0.0/16"]}).resources)
    for name in found.groups:
        database = name == f"{NAME}--results"
        assert found.from_address(name, DATABASE, "10.8.1.1") is database
        assert not found.from_address(name, DATABASE, "10.9.1.1")
        assert not found.from_address(name, 443, "10.8.1.1")


def test_a_database_of_another_stack_is_reached_at_its_networks_addresses(little: LittleMesh) -> None:
    theirs = Port(protocol="sql", address={"host": "db"}, stack="weather-dev")
    made = Graph(little, GIVEN).service(uses=(theirs,))
    (rule,) = [each for each in made if each.name.endswith("--to-weather-dev-5432")]
    assert rule.inputs | {"fromPort": 5432, "toPort": 5432, "cidrIpv4": "10.0.0.0/16"} == rule.inputs


@pytest.fixture
def published(little: LittleMesh) -> Rules:
    """The product that has every primitive, with its pages over TLS."""
    return Rules(Graph(little, {**GIVEN, **TLS, "readers": ["10.8.0.0/16"]}).resources)


def test_a_page_is_reached_through_the_load_balancer_alone(published: Rules) -> None:
    scheduler, worker, job = (f"{NAME}--{name}" for name in ("cluster--scheduler", "cluster--worker-0", "work--run"))
    balancer = "internal-balancer"
    assert published.reaches(balancer, scheduler, 8787)
    assert [name for name in published.groups if published.reaches(name, scheduler, 8787)] == [balancer]
    # Workers use the scheduler, its page too; the job has its dask port alone.
    assert published.reaches(worker, balancer, 443)
    assert not published.reaches(job, balancer, 443)
    assert published.reaches(job, scheduler, 8786)
    assert published.from_address(balancer, 443, "10.8.0.1")
    assert not published.from_address(balancer, 443, "198.51.100.7")
    assert not published.reaches(balancer, scheduler, 8786)


def test_the_public_load_balancer_takes_everybody_and_reaches_its_page_alone(little: LittleMesh) -> None:
    graph = Graph(little, {**GIVEN, **TLS})
    pages = {"web": Endpoint(protocol="http", port=8088, public=True), "more": Endpoint(protocol="http", port=8089)}
    made = Rules(graph.service(endpoints=pages))
    assert made.from_address("public-balancer", 443, "198.51.100.7")
    assert made.from_address("public-balancer", 80, "198.51.100.7")
    assert not made.from_address("public-balancer", 8088, "198.51.100.7")
    assert not made.from_address("internal-balancer", 443, "198.51.100.7")
    extra = f"{NAME}--extra"
    reached = {(who, port) for who in made.groups for port in (443, 8088, 8089) if made.reaches(who, extra, port)}
    assert reached == {("public-balancer", 8088), ("internal-balancer", 8089)}
    assert not made.from_address(extra, 8088, "198.51.100.7")


@pytest.mark.parametrize(
    ("mine", "theirs", "sentence"),
    [
        ({}, {"target": "aws"}, "have the same addresses: 10.0.0.0/16"),
        ({"cidr": "10.1.0.0/16"}, {"target": "aws", "cidr": "10.1.0.0/16"}, "have the same addresses: 10.1.0.0/16"),
        ({}, {"target": "aws", "vpcId": "vpc-1"}, "does not say what addresses its network has"),
    ],
)
def test_networks_that_can_never_be_joined_are_refused(
    mine: dict[str, str], theirs: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        range_of("weather-dev", mine, {"weather-dev": theirs})


@pytest.mark.parametrize(
    ("mine", "theirs", "found"),
    [
        ({}, {}, "10.0.0.0/16"),
        ({"cidr": "10.1.0.0/16"}, {"target": "aws"}, "10.0.0.0/16"),
        ({}, {"target": "aws", "vpcId": "vpc-1", "cidr": "10.7.0.0/16"}, "10.7.0.0/16"),
        ({"vpcId": "vpc-1"}, {"target": "aws", "vpcId": "vpc-1"}, None),
    ],
)
def test_where_another_stack_is(mine: dict[str, str], theirs: dict[str, str], found: str | None) -> None:
    assert range_of("weather-dev", mine, {"weather-dev": theirs}) == found
