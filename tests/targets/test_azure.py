"""Target azure: private, encrypted, tagged, every name legal."""

from __future__ import annotations

import re

import pytest

from components.targets.azure_names import LONGEST, named
from stacks.recording import Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph, tagged

VALUES = {"target": "azure", "region": "westeurope", "registry": "example.azurecr.io/mesh/"}
UNTAGGED = (  # Azure has no tags for these
    "authorization:RoleAssignment",
    "dbforpostgresql:Configuration",
    "dbforpostgresql:Database",
    "monitor:DiagnosticSetting",
    "network:PrivateDnsZoneGroup",
    "storage:BlobContainer",
    "storage:BlobServiceProperties",
    "storage:ManagementPolicy",
)
GROUP = "/subscriptions/0000/resourceGroups/landing/providers"


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def made(graph: Graph) -> list[Recorded]:
    """What Azure makes."""
    return [resource for resource in graph.resources if resource.type.startswith("azure-native:")]


def test_the_database_is_private_over_tls_and_backed_up(graph: Graph) -> None:
    server = graph.named("Server", "--results")
    wanted = {
        "version": "17",
        "sku": {"name": "Standard_B2s", "tier": "Burstable"},
        "storage": {"storageSizeGB": 32, "autoGrow": "Enabled"},
        "backup": {"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"},
    }
    assert server.inputs | wanted == server.inputs
    assert re.fullmatch(r"\$\{mesh:index:SecretValue::.*--admin#value\}", server.inputs["administratorLoginPassword"])
    assert server.inputs["network"]["publicNetworkAccess"] == "Disabled"
    assert server.inputs["network"]["delegatedSubnetResourceId"].endswith("/subnets/databases")
    assert server.inputs["authConfig"]["activeDirectoryAuth"] == "Enabled"
    forced = graph.named("Configuration", "--results").inputs
    assert (forced["configurationName"], forced["value"]) == ("require_secure_transport", "on")
    assert not server.protect
    # A name in a zone that the network does not ask yet would not be found.
    assert any("VirtualNetworkLink" in dependency for dependency in server.dependencies)


def test_prod_is_protected_and_has_a_standby(little: LittleMesh) -> None:
    graph = Graph(little, VALUES, "prod")
    server = graph.named("Server", "--results")
    assert server.inputs["highAvailability"]["mode"] == "ZoneRedundant"
    assert server.inputs["backup"] == {"backupRetentionDays": 35, "geoRedundantBackup": "Enabled"}
    assert server.inputs["sku"]["tier"] == "GeneralPurpose"
    kept = [server, graph.named("Database", "--results"), graph.named("StorageAccount", "--files")]
    assert all(resource.protect for resource in [*kept, graph.named("BlobContainer", "--files--objects")])
    assert graph.named("StorageAccount", "--files").inputs["sku"] == {"name": "Standard_ZRS"}
    assert graph.of("ManagedEnvironment")[0].inputs["zoneRedundant"] is True
    assert graph.of("Vault")[0].inputs["properties"]["softDeleteRetentionInDays"] == 90


def test_databases_and_endpoints_let_in_the_stacks_own_workloads_alone(graph: Graph) -> None:
    for name, port in (("databases", "5432"), ("endpoints", "443")):
        rules = graph.named("NetworkSecurityGroup", name).inputs["securityRules"]
        allowed = [rule for rule in rules if rule["access"] == "Allow"]
        assert {rule["destinationPortRange"] for rule in allowed} == {port}
        assert {rule["sourceAddressPrefix"] for rule in allowed} <= {"10.0.0.0/23", "10.0.2.0/24"}
        assert rules[-1] | {"access": "Deny", "sourceAddressPrefix": "VirtualNetwork", "protocol": "*"} == rules[-1]


def test_everything_that_takes_tags_has_the_six(graph: Graph) -> None:
    for resource in made(graph):
        if resource.type.removeprefix("azure-native:") not in UNTAGGED:
            assert tagged(resource.inputs["tags"]), resource.type
        else:
            assert "tags" not in resource.inputs
    assert tagged(graph.of("JobRun")[0].inputs["tags"])


def test_everything_is_made_by_the_stacks_own_provider(graph: Graph) -> None:
    assert {resource.provider for resource in made(graph)} == {"pulumi:providers:azure-native::azure"}
    assert {r.inputs["location"] for r in made(graph) if "location" in r.inputs} == {"westeurope", "Global"}


@pytest.mark.parametrize(
    ("kind", "key", "rule"),
    [
        ("StorageAccount", "accountName", "[a-z0-9]{3,24}"),
        ("BlobContainer", "containerName", "[a-z0-9](-?[a-z0-9]){2,62}"),
        ("Server", "serverName", "[a-z0-9](-?[a-z0-9]){2,62}"),
        ("ContainerApp", "containerAppName", "[a-z](-?[a-z0-9]){1,31}"),
        ("Job", "jobName", "[a-z](-?[a-z0-9]){1,31}"),
        ("ManagedEnvironment", "environmentName", "[a-z](-?[a-z0-9]){1,31}"),
        ("UserAssignedIdentity", "resourceName", "[a-z0-9][a-z0-9-]{2,127}"),
        ("ResourceGroup", "resourceGroupName", "[a-z0-9][a-z0-9-]{0,88}[a-z0-9]"),
        ("PrivateEndpoint", "privateEndpointName", "[a-z0-9][a-z0-9-]{0,62}[a-z0-9]"),
        ("Workspace", "workspaceName", "[a-z0-9][a-z0-9-]{2,61}[a-z0-9]"),
    ],
)
def test_physical_names_are_legal_and_apart(graph: Graph, kind: str, key: str, rule: str) -> None:
    names = [resource.inputs[key] for resource in graph.of(kind) if resource.inputs[key] != "keys"]
    assert names
    assert all(re.fullmatch(rule, name) and len(name) <= 90 for name in names)
    if kind != "BlobContainer":
        assert len(set(names)) == len(names)


def test_names_differ_by_stack_and_by_place() -> None:
    for kind, longest in LONGEST.items():
        one = named(kind, "acme/sales-dev", "a--b-c" + "x" * 200)
        assert len(one) <= longest
        assert one != named(kind, "acme/sales-prod", "a--b-c" + "x" * 200)
        assert named(kind, "acme/sales-dev", "a--b-c") != named(kind, "acme/sales-dev", "a-b--c")
