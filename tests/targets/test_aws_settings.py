"""What a stack on AWS brings along: used, not made; and a half of it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from components.errors import UserError
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph
from tests.targets.test_aws import VALUES

VPC = {"vpcId": "vpc-1", "privateSubnetIds": ["subnet-1", "subnet-2"]}
MADE = ("Subnet", "InternetGateway", "NatGateway", "Eip", "RouteTable", "RouteTableAssociation", "VpcEndpoint")


def test_a_network_that_is_brought_along_is_used_as_it_is(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, **VPC})
    assert [kind for kind in MADE if graph.of(kind)] == []
    (vpc,) = graph.of("Vpc")  # read, not made: it has no inputs
    assert not {key for key, value in vpc.inputs.items() if value is not None}
    assert graph.of("SubnetGroup")[0].inputs["subnetIds"] == VPC["privateSubnetIds"]
    assert graph.named("JobRun", "--work--run").inputs["subnets"] == VPC["privateSubnetIds"]
    (names,) = graph.of("PrivateDnsNamespace")
    groups = graph.of("SecurityGroup")
    there = f"${{aws:ec2/vpc:Vpc::{vpc.name}#id}}"
    assert names.inputs["vpc"] == there
    assert {group.inputs["vpcId"] for group in groups} == {there}


def test_a_network_of_its_own_has_the_addresses_that_it_is_given(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "cidr": "10.7.0.0/16"})
    assert graph.of("Vpc")[0].inputs["cidrBlock"] == "10.7.0.0/16"
    blocks = {subnet.name: subnet.inputs["cidrBlock"] for subnet in graph.of("Subnet")}
    assert blocks == {
        "public": "10.7.0.0/24",
        "private-a": "10.7.1.0/24",
        "private-b": "10.7.2.0/24",
        "public-b": "10.7.3.0/24",
    }


def test_a_cluster_that_is_brought_along_is_used(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "clusterName": "shared"})
    (cluster,) = graph.of("Cluster")
    assert "tags" not in cluster.inputs
    (scaled,) = [each for each in graph.service(maximum=3) if each.type.endswith("appautoscaling/target:Target")]
    assert scaled.inputs["resourceId"].startswith("service/shared/")
    start = graph.named("RolePolicy", "--work--run--start").inputs["policy"]
    assert "arn:aws:ecs:eu-west-1:*:task/shared/*" in start


def test_a_key_that_is_brought_along_encrypts_everything(little: LittleMesh) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/k"
    graph = Graph(little, {**VALUES, "kmsKeyArn": arn})
    assert not graph.of("Key")
    assert graph.named("Instance", f"{NAME}--results").inputs["kmsKeyId"] == arn
    assert graph.of("LogGroup")[0].inputs["kmsKeyId"] == arn
    assert {secret.inputs["kmsKeyId"] for secret in graph.of("Secret")} == {arn}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"vpcId": "vpc-1"}, "has `meshwright:vpcId` without `meshwright:privateSubnetIds`"),
        ({"privateSubnetIds": ["subnet-1", "subnet-2"]}, "`meshwright:privateSubnetIds` without `meshwright:vpcId`"),
        ({"publicSubnetIds": ["subnet-1", "subnet-2"]}, "`meshwright:publicSubnetIds` without `meshwright:vpcId`"),
        ({"certificateArn": "arn"}, "`meshwright:certificateArn` without `meshwright:publicDomain`"),
        ({"publicDomain": "example.org"}, "`meshwright:publicDomain` without `meshwright:certificateArn`"),
        ({"zoneId": "Z1"}, "`meshwright:zoneId` without `meshwright:publicDomain`"),
        ({"vpcId": "vpc-1", "privateSubnetIds": "subnet-1"}, "`meshwright:privateSubnetIds` of stack .* is no list"),
        ({"vpcId": "vpc-1", "privateSubnetIds": ["subnet-1"]}, "names one subnet\n.*two availability zones"),
        ({"readers": "10.8.0.0/16"}, "`meshwright:readers` of stack sales-dev is no list"),
        ({"cidr": "10.1.0.0/20"}, "`meshwright:cidr` of stack sales-dev is 10.1.0.0/20; .* is a /16"),
    ],
)
def test_a_half_is_refused(little: LittleMesh, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        Graph(little, {**VALUES, **given})
    assert refused.value.hint
