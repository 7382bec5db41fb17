"""Services on AWS: as many as the load needs, shown over TLS where the stack's settings allow it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.errors import UserError
from components.primitives import Endpoint
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph
from tests.targets.test_aws import VALUES

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/a"
TLS = {**VALUES, "certificateArn": CERTIFICATE, "publicDomain": "mesh.example.org"}
PUBLIC = {"web": Endpoint(protocol="http", port=8088, health="/login/", public=True)}
INSIDE = {"web": Endpoint(protocol="http", port=8088, health="/login/")}


def of(made: list[Recorded], kind: str, name: str = "") -> Recorded:
    """The one resource of a type (and of a name)."""
    (found,) = [each for each in made if each.type.endswith(f":{kind}") and name in ("", each.name)]
    return found


def built(little: LittleMesh, values: dict[str, Any], environment: str = "dev", **args: Any) -> list[Recorded]:
    return Graph(little, values, environment).service(**args)


def running(made: list[Recorded]) -> Recorded:
    (found,) = [each for each in made if each.type == "aws:ecs/service:Service"]
    return found


def test_one_instance_stays_one(little: LittleMesh) -> None:
    made = built(little, VALUES)
    assert not [each for each in made if ":appautoscaling/" in each.type]
    assert running(made).inputs["desiredCount"] == 1


def test_a_busy_service_grows_to_its_maximum(little: LittleMesh) -> None:
    made = built(little, VALUES, maximum=5)
    target, policy = of(made, "Target"), of(made, "Policy")
    cluster, service = "sales-dev", running(made).inputs["name"]
    wanted = {"minCapacity": 1, "maxCapacity": 5, "resourceId": f"service/{cluster}/{service}"}
    assert target.inputs | wanted == target.inputs
    assert "aws:ecs/service:Service::" + f"{NAME}--extra" in target.dependencies
    told = policy.inputs["targetTrackingScalingPolicyConfiguration"]
    assert told["targetValue"] == 70
    assert told["predefinedMetricSpecification"] == {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}


def test_a_service_that_keeps_files_is_refused(little: LittleMesh) -> None:
    with pytest.raises(UserError, match="keeps files of its own, and a Fargate task loses its own with its end"):
        Graph(little, VALUES).kept()


@pytest.mark.parametrize(
    ("values", "endpoints", "sentence"),
    [
        (VALUES, PUBLIC, r"has no certificate for it(.|\n)*meshwright:certificateArn(.|\n)*meshwright:publicDomain"),
        (TLS, {"rpc": Endpoint(protocol="dask", port=8786, public=True)}, "speaks dask: only http can be"),
        (
            {**TLS, "vpcId": "vpc-1", "privateSubnetIds": ["subnet-1", "subnet-2"]},
            PUBLIC,
            r"brings no public subnets along(.|\n)*meshwright:publicSubnetIds",
        ),
    ],
)
def test_what_cannot_be_public_is_refused(
    little: LittleMesh, values: dict[str, Any], endpoints: dict[str, Endpoint], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        built(little, values, endpoints=endpoints)


def test_a_public_page_is_shown_over_tls(little: LittleMesh) -> None:
    made = built(little, TLS, endpoints=PUBLIC, start_seconds=120)
    balancer = of(made, "LoadBalancer")
    wanted = {"internal": False, "dropInvalidHeaderFields": True, "enableDeletionProtection": False}
    assert balancer.inputs | wanted == balancer.inputs
    assert balancer.inputs["subnets"] == [f"${{aws:ec2/subnet:Subnet::{name}#id}}" for name in ("public", "public-b")]
    tls, plain = of(made, "Listener", "public-tls"), of(made, "Listener", "public-plain")
    assert (tls.inputs["port"], tls.inputs["protocol"]) == (443, "HTTPS")
    assert tls.inputs["certificateArn"] == CERTIFICATE
    assert tls.inputs["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert tls.inputs["defaultActions"][0]["fixedResponse"]["statusCode"] == "404"
    assert plain.inputs["defaultActions"][0]["redirect"] == {
        "port": "443",
        "protocol": "HTTPS",
        "statusCode": "HTTP_301",
    }
    targets, rule = of(made, "TargetGroup"), of(made, "ListenerRule")
    assert (targets.inputs["targetType"], targets.inputs["port"]) == ("ip", 8088)
    assert targets.inputs["healthCheck"] == {"path": "/login/", "matcher": "200-399"}
    (host,) = rule.inputs["conditions"][0]["hostHeader"]["values"]
    assert re.fullmatch(r"[a-z0-9-]{1,63}\.mesh\.example\.org", host)
    service = running(made)
    (joined,) = service.inputs["loadBalancers"]
    assert joined["targetGroupArn"] == f"${{{targets.type}::{targets.name}#arn}}"
    assert (joined["containerName"], joined["containerPort"]) == ("main", 8088)
    assert service.inputs["healthCheckGracePeriodSeconds"] == 120
    # A target group that no listener knows takes no task.
    assert f"{rule.type}::{rule.name}" in service.dependencies
    assert "serviceRegistries" not in service.inputs
    assert not [each for each in made if each.type.startswith("aws:servicediscovery/service")]


def test_a_page_of_prod_cannot_be_deleted_by_mistake(little: LittleMesh) -> None:
    assert of(built(little, TLS, "prod", endpoints=PUBLIC), "LoadBalancer").inputs["enableDeletionProtection"] is True


def test_a_page_for_the_inside_is_shown_over_tls_too(little: LittleMesh) -> None:
    endpoints = {**INSIDE, "rpc": Endpoint(protocol="dask", port=8786)}
    made = built(little, TLS, endpoints=endpoints)
    balancer = of(made, "LoadBalancer")
    assert balancer.inputs["internal"] is True
    assert balancer.inputs["subnets"] == [f"${{aws:ec2/subnet:Subnet::private-{zone}#id}}" for zone in "ab"]
    # What is no page is found by its name, as ever.
    assert running(made).inputs["serviceRegistries"]


def test_without_a_certificate_names_are_inside_alone(little: LittleMesh) -> None:
    made = built(little, VALUES, endpoints=INSIDE)
    assert not [each for each in made if each.type.startswith("aws:lb/")]
    assert running(made).inputs["serviceRegistries"]


def test_pages_of_one_service_have_names_of_their_own(little: LittleMesh) -> None:
    endpoints = {**PUBLIC, "more": Endpoint(protocol="http", port=8089, public=True)}
    made = built(little, {**TLS, "zoneId": "Z1"}, endpoints=endpoints)
    rules = [each.inputs for each in made if each.type.endswith(":ListenerRule")]
    hosts = {rule["conditions"][0]["hostHeader"]["values"][0] for rule in rules}
    groups = {each.inputs["name"] for each in made if each.type.endswith(":TargetGroup")}
    records = [each.inputs for each in made if each.type.endswith(":Record")]
    assert len(hosts) == len(groups) == 2
    assert all(len(name) <= 32 and not name.endswith("-") for name in groups)
    assert {record["name"] for record in records} == hosts
    assert {record["zoneId"] for record in records} == {"Z1"}


def test_the_address_of_a_page_is_its_host() -> None:
    graph = Program(Domain("flights-dev"), {**TLS, "registry": "registry.example.org"}).recorded()
    (rule,) = [each for each in graph if each.name == "departures--bi--web--web" and each.type.endswith("ListenerRule")]
    (host,) = rule.inputs["conditions"][0]["hostHeader"]["values"]
    task = of(graph, "TaskDefinition", "departures--bi--dashboard-delays").inputs["containerDefinitions"]
    environment = {each["name"]: each.get("value") for each in json.loads(task)[1]["environment"]}
    assert environment["SUPERSET_URL"] == f"https://{host}"
