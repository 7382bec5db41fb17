"""Containers on Azure: apps and jobs, what they are told, and who gets in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.errors import UserError
from components.primitives import SIZES, Capacity, Endpoint
from components.targets.azure_size import DISKS, INSTANCES, disk, instance, placed
from stacks.recording import COMPUTED, SECRET, Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph, texts
from tests.targets.test_azure import GROUP, VALUES


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def workloads(graph: Graph) -> list[Recorded]:
    """Apps and jobs."""
    return [*graph.of("ContainerApp"), *graph.of("Job")]


def container(resource: Recorded) -> dict[str, Any]:
    """The one container of an app or a job."""
    (only,) = resource.inputs["template"]["containers"]
    found: dict[str, Any] = only
    return found


def variables(resource: Recorded) -> dict[str, str]:
    """The plain variables of its container."""
    return {entry["name"]: entry["value"] for entry in container(resource)["env"] if "value" in entry}


def files(resource: Recorded) -> dict[str, str]:
    """The files of an app or a job."""
    (text,) = [s["value"] for s in resource.inputs["configuration"].get("secrets", []) if s["name"] == "files"]
    found: dict[str, str] = json.loads(text.split("\n", 1)[1])
    return found


def test_secrets_reach_a_container_by_reference(graph: Graph) -> None:
    for resource in workloads(graph):
        assert SECRET not in list(texts(resource.inputs)), resource.name
        configuration = resource.inputs["configuration"]
        for secret in configuration.get("secrets", []):
            if secret["name"] != "files":
                assert secret["keyVaultUrl"].endswith("#properties.secretUriWithVersion}")
                assert "value" not in secret
        given = {entry["name"] for entry in container(resource)["env"] if "secretRef" in entry}
        assert all(name.endswith(("PASSWORD", "SECRET_KEY", "SECRET_ACCESS_KEY")) for name in given)
    train = graph.named("Job", "--work--run")
    given = {entry["name"] for entry in container(train)["env"] if "secretRef" in entry}
    assert given == {"TARGET_PASSWORD", "CLUSTER_PASSWORD", "BUCKET_SECRET_KEY"}


def test_no_program_gets_a_token_that_it_does_not_need(graph: Graph) -> None:
    for resource in workloads(graph):
        own, images = resource.inputs["configuration"]["identitySettings"]
        assert images["lifecycle"] == "None"
        gateway = container(resource)["command"][0] == "versitygw"
        assert own["lifecycle"] == ("Main" if gateway else "None")
        assert own["identity"] != images["identity"]


def test_a_workload_starts_when_it_may_read_its_secrets(graph: Graph) -> None:
    job, run = graph.named("Job", "--work--run"), graph.named("JobRun", "--work--run")
    waits = [dependency for dependency in job.dependencies if "RoleAssignment" in dependency]
    assert len(waits) == 3
    assert any("PrivateDnsZoneGroup::vault" in dependency for dependency in job.dependencies)
    assert run.inputs | {"executor": "containerapps", "container": "main", "timeoutSeconds": 1800} == run.inputs
    assert f"azure-native:app:Job::{job.name}" in run.dependencies
    gateway = graph.named("ContainerApp", "--files")
    assert any("PrivateDnsZoneGroup" in dependency and "--files" in dependency for dependency in gateway.dependencies)


def test_nothing_is_open_to_the_outside(graph: Graph) -> None:
    for app in graph.of("ContainerApp"):
        ingress = app.inputs["configuration"]["ingress"]
        assert ingress["external"] is False and ingress["allowInsecure"] is False
        assert not [port for port in ingress.get("additionalPortMappings", []) if port["external"]]
    (environment,) = graph.of("ManagedEnvironment")
    assert environment.inputs["vnetConfiguration"]["internal"] is True
    assert environment.inputs["publicNetworkAccess"] == "Disabled"


def test_the_first_endpoint_is_the_apps_own(graph: Graph) -> None:
    scheduler = graph.named("ContainerApp", "--scheduler").inputs["configuration"]["ingress"]
    assert (scheduler["transport"], scheduler["targetPort"], scheduler["exposedPort"]) == ("tcp", 8786, 8786)
    assert [port["targetPort"] for port in scheduler["additionalPortMappings"]] == [8787]
    gateway = graph.named("ContainerApp", "--files").inputs["configuration"]["ingress"]
    assert gateway["transport"] == "http" and "exposedPort" not in gateway


def test_images_come_from_the_registry_by_an_identity_of_their_own(little: LittleMesh, graph: Graph) -> None:
    for resource in workloads(graph):
        assert container(resource)["image"].startswith("example.azurecr.io/mesh/")
        (registry,) = resource.inputs["configuration"]["registries"]
        assert registry["server"] == "example.azurecr.io" and "UserAssignedIdentity::images" in registry["identity"]
    assert not [right for right in graph.of("RoleAssignment") if right.name == "images"]
    registry_id = f"{GROUP}/Microsoft.ContainerRegistry/registries/example"
    pulls = Graph(little, {**VALUES, "registryId": registry_id}).named("RoleAssignment", "images")
    assert pulls.inputs["scope"] == registry_id
    elsewhere = Graph(little, {**VALUES, "registry": "registry.example.org"})
    assert not [r for r in workloads(elsewhere) if r.inputs["configuration"].get("registries")]


def test_sizes_are_what_container_apps_sells(graph: Graph) -> None:
    assert {size: placed(capacity) for size, capacity in SIZES.items()} == {
        "small": ("Consumption", 0.5, "1Gi"),
        "medium": ("Consumption", 2, "4Gi"),
        "large": ("D4", 4, "16Gi"),
    }
    assert graph.named("ContainerApp", "--scheduler").inputs["workloadProfileName"] == "D4"
    profiles = graph.of("ManagedEnvironment")[0].inputs["workloadProfiles"]
    assert profiles == [
        {"name": "Consumption", "workloadProfileType": "Consumption"},
        {"name": "D4", "workloadProfileType": "D4", "minimumCount": 0, "maximumCount": 10},
    ]
    assert {app.inputs["template"]["scale"]["maxReplicas"] for app in graph.of("ContainerApp")} == {1}
    with pytest.raises(UserError, match="no workload profile of target azure has 64 vCPU and 1024 MiB"):
        placed(Capacity(64, 1024))


def test_disks_and_machines_are_what_postgresql_sells() -> None:
    assert set(INSTANCES) == set(SIZES)
    assert (disk(1), disk(32), disk(33), disk(20000)) == (32, 32, 64, 32767)
    assert instance("small", standby=True) == ("GeneralPurpose", "Standard_D2ds_v5")
    assert instance("large", standby=True) == INSTANCES["large"]
    with pytest.raises(UserError, match=f"at most {DISKS[-1]} GiB, not 40000"):
        disk(40000)


def test_placeholders_are_filled_and_other_braces_stay(graph: Graph) -> None:
    scheduler = container(graph.named("ContainerApp", "--scheduler"))["command"]
    assert scheduler[:2] == ["python", "-c"] and "0.0.0.0:8787" in scheduler
    assert scheduler[4].startswith("/files/")
    for resource in workloads(graph):
        assert not [
            text for text in [*container(resource)["command"][3:], *variables(resource).values()] if "{{" in text
        ]
    assert files(graph.named("Job", "--work--run"))["fit.py"] == "print('{{not a placeholder}}')\n"


def test_changed_files_or_secrets_give_a_new_revision(graph: Graph) -> None:
    for resource in workloads(graph):
        assert variables(resource)["CONTENT"] == COMPUTED  # their hash, once the secrets' addresses are known


def web(public: bool) -> dict[str, Endpoint]:
    return {"web": Endpoint(protocol="http", port=8000, health="/", public=public)}


def app_of(made: list[Recorded]) -> dict[str, Any]:
    """The inputs of the one more service."""
    (found,) = [each.inputs for each in made if each.type.endswith(":ContainerApp")]
    return found


def test_a_public_endpoint_alone_is_open_to_the_internet_over_tls(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "public": True})
    assert {each.inputs["configuration"]["ingress"]["external"] for each in graph.of("ContainerApp")} == {False}
    (environment,) = graph.of("ManagedEnvironment")
    assert environment.inputs["vnetConfiguration"]["internal"] is False
    assert environment.inputs["publicNetworkAccess"] == "Enabled"
    rules = graph.named("NetworkSecurityGroup", "apps").inputs["securityRules"]
    assert {(rule["sourceAddressPrefix"], rule["destinationPortRange"]) for rule in rules} == {
        ("Internet", "443"),
        ("Internet", "31443"),
    }
    ingress = app_of(graph.service(endpoints=web(public=True)))["configuration"]["ingress"]
    assert ingress | {"external": True, "allowInsecure": False, "transport": "http"} == ingress
    assert app_of(graph.service(endpoints=web(public=False)))["configuration"]["ingress"]["external"] is False


DASK = Endpoint(protocol="dask", port=8786, public=True)


@pytest.mark.parametrize(
    ("settings", "endpoints", "sentence"),
    [
        ({}, web(public=True), "the environment of stack sales-dev has no address on the internet"),
        ({"public": True}, {"nodes": DASK}, "`nodes` of .* can't be public on azure"),
        ({"public": True}, {**web(public=False), "more": web(public=True)["web"]}, "`more` of .* can't be public"),
    ],
)
def test_what_can_not_be_public_is_refused(
    little: LittleMesh, settings: dict[str, Any], endpoints: dict[str, Endpoint], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        Graph(little, {**VALUES, **settings}).service(endpoints=endpoints)
    assert caught.value.hint


def test_a_service_grows_when_it_is_busy_up_to_its_maximum(graph: Graph) -> None:
    scale = app_of(graph.service(maximum=5))["template"]["scale"]
    assert (scale["minReplicas"], scale["maxReplicas"]) == (1, 5)
    assert scale["rules"] == [
        {"name": "busy", "custom": {"type": "cpu", "metadata": {"type": "Utilization", "value": "70"}}}
    ]
    assert app_of(graph.service())["template"]["scale"] == {"minReplicas": 1, "maxReplicas": 1}


def test_a_service_that_keeps_files_is_refused(graph: Graph) -> None:
    with pytest.raises(UserError, match=r"keeps files over restarts .*which a service on azure can't"):
        graph.kept()


def test_who_shows_a_jobs_lines_knows_what_to_mask(graph: Graph) -> None:
    run = graph.named("JobRun", "--work--run").inputs
    assert run["secrets"].keys() == {"TARGET_PASSWORD", "CLUSTER_PASSWORD", "BUCKET_SECRET_KEY"}
