"""What a stack on Azure shares, or brings along."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.errors import UserError
from components.targets.azure_shared import without_type_aliases
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph
from tests.targets.test_azure import GROUP, VALUES, made
from tests.targets.test_azure_container import workloads

NETWORK = {
    "vnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub",
    "subnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/apps",
    "databaseSubnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/postgres",
    "endpointSubnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/endpoints",
}


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def test_the_vault_is_closed_and_keeps_what_was_deleted(little: LittleMesh, graph: Graph) -> None:
    (vault,) = graph.of("Vault")
    wanted = {"enableRbacAuthorization": True, "enablePurgeProtection": True, "publicNetworkAccess": "Disabled"}
    assert vault.inputs["properties"] | wanted == vault.inputs["properties"]
    # Deleted ones keep their names: a fixed one could not be made again.
    assert "vaultName" not in vault.inputs
    assert not [secret for secret in graph.of("Secret") if "secretName" in secret.inputs]
    (open_one,) = Graph(little, {**VALUES, "deployers": ["198.51.100.7"]}).of("Vault")
    acls = open_one.inputs["properties"]["networkAcls"]
    assert acls == {"bypass": "AzureServices", "defaultAction": "Deny", "ipRules": [{"value": "198.51.100.7"}]}


def test_the_shared_parts_are_made_once(graph: Graph) -> None:
    for kind in ("ResourceGroup", "VirtualNetwork", "ManagedEnvironment", "Vault", "Workspace"):
        assert len(graph.of(kind)) == 1
    assert sorted(zone.inputs["privateZoneName"] for zone in graph.of("PrivateZone")) == [
        "privatelink.blob.core.windows.net",
        "privatelink.vaultcore.azure.net",
        "sales-dev.private.postgres.database.azure.com",
    ]
    assert graph.of("Workspace")[0].inputs["retentionInDays"] == 30


def test_what_is_there_is_used(little: LittleMesh) -> None:
    given = {
        **NETWORK,
        "resourceGroup": "analytics",
        "environmentId": f"{GROUP}/Microsoft.App/managedEnvironments/shared",
        "vaultId": f"{GROUP}/Microsoft.KeyVault/vaults/team-vault",
        "databaseZoneId": f"{GROUP}/Microsoft.Network/privateDnsZones/x.postgres.database.azure.com",
        "blobZoneId": f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net",
    }
    graph = Graph(little, {**VALUES, **given})
    for kind in (
        "ResourceGroup",
        "VirtualNetwork",
        "ManagedEnvironment",
        "Vault",
        "PrivateZone",
        "NetworkSecurityGroup",
    ):
        assert not graph.of(kind), kind
    of_secrets = {(s.inputs["vaultName"], s.inputs["resourceGroupName"]) for s in graph.of("Secret")}
    assert of_secrets == {("team-vault", "landing")}
    assert {resource.inputs["environmentId"] for resource in workloads(graph)} == {given["environmentId"]}
    server = graph.named("Server", "--results").inputs
    assert server["network"]["delegatedSubnetResourceId"] == NETWORK["databaseSubnetId"]
    assert server["resourceGroupName"] == "analytics"
    assert {end.inputs["subnet"]["id"] for end in graph.of("PrivateEndpoint")} == {NETWORK["endpointSubnetId"]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"vnetId": "hub"}, "`meshwright:vnetId` of stack sales-dev is no resource id: hub"),
        ({"public": "yes"}, "`meshwright:public` of stack sales-dev is neither true nor false: yes"),
        ({"deployers": "198.51.100.7"}, "`meshwright:deployers` of stack sales-dev is no list of addresses"),
        ({"vnetId": NETWORK["vnetId"]}, "brings its network along without `meshwright:subnetId`"),
        ({"subnetId": NETWORK["subnetId"]}, "brings `meshwright:subnetId` along without `meshwright:vnetId`"),
        (
            {"environmentId": f"{GROUP}/Microsoft.App/managedEnvironments/shared"},
            "brings `meshwright:environmentId` along without `meshwright:vnetId`",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    little: LittleMesh, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        Graph(little, {**VALUES, **given})
    assert sentence in caught.value.text()
    assert caught.value.hint


def test_a_stack_without_its_region_is_refused(little: LittleMesh) -> None:
    with pytest.raises(UserError, match="target azure needs `meshwright:region`"):
        Graph(little, {"target": "azure", "registry": "x"})


def test_versioned_tokens_are_dropped_and_aliases_of_ours_stay() -> None:
    ours = pulumi.Alias(name="before")
    aliases = [pulumi.Alias(type_="azure-native:app/v20220301:ContainerApp"), ours]
    opts = pulumi.ResourceOptions(aliases=aliases)
    given: Any = type("Args", (), {"props": {}, "opts": opts})
    assert without_type_aliases(given).opts.aliases == [ours]


def test_no_resource_pays_for_the_sdks_aliases(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    chained: list[Any] = []
    monkeypatch.setattr(pulumi.resource, "collapse_alias_to_urn", lambda alias, *_: chained.append(alias))
    graph = Graph(little, VALUES)
    assert len(made(graph)) > 50
    assert not chained
