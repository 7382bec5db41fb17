"""The recording stand-ins, without an engine: outputs told by the SDK's annotations, names kept apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.mesh.values import UNKNOWN
from tests.plugins.clouds import SUBSCRIPTION, Aws, Azure
from tests.plugins.recording import Recording
from tests.plugins.standin import Refusal
from tests.plugins.world import World

APP = {
    "containerAppName": "web",
    "resourceGroupName": "mesh",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": ["/an/identity"]},
    "configuration": {"ingress": {"external": False, "targetPort": 80}},
}
DATABASE = {"identifier": "orders", "instanceClass": "db.t4g.micro"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def app(world: World) -> Recording:
    return Azure("azure-native:app:ContainerApp", world)


@pytest.fixture
def database(world: World) -> Recording:
    return Aws("aws:rds/instance:Instance", world)


def test_outputs_beside_the_inputs_are_told_by_annotations(database: Recording) -> None:
    identity, outputs = database.create(DATABASE)
    assert (identity, outputs["address"], outputs["port"]) == ("orders", "Instance-orders-address", 5432)
    assert outputs["masterUserSecrets"][0]["secretArn"] == "arn:aws:rds:eu-west-1:123456789012:instance/orders"
    assert outputs | DATABASE == outputs


def test_outputs_inside_the_inputs_are_there_and_a_list_may_come_back_as_a_table(app: Recording) -> None:
    identity, outputs = app.create(APP)
    assert identity.startswith(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/mesh/") and identity.endswith("/web")
    assert outputs["configuration"]["ingress"]["fqdn"] == "ContainerApp-web-fqdn"
    assert outputs["identity"]["userAssignedIdentities"].keys() == {"/an/identity"}


def test_in_a_preview_they_are_unknown(app: Recording) -> None:
    foreseen = app.foresee(APP, {})
    assert foreseen["name"] == foreseen["configuration"]["ingress"]["fqdn"] == UNKNOWN
    assert foreseen["configuration"]["ingress"]["targetPort"] == 80


def test_what_is_there_can_be_read_changed_and_removed(world: World, database: Recording) -> None:
    identity, outputs = database.create(DATABASE)
    assert database.read(identity, DATABASE) == outputs
    changed = database.update(identity, {**DATABASE, "allocatedStorage": 40})
    assert changed == {**outputs, "allocatedStorage": 40}
    database.delete(identity, changed)
    assert database.read(identity, DATABASE) is None
    assert world.things() == []
    assert [request["operation"] for request in world.requests] == ["create", "update", "delete"]


def test_a_name_is_not_given_twice_and_one_that_the_cloud_makes_up_is_new(world: World, app: Recording) -> None:
    app.create(APP)
    with pytest.raises(Refusal, match="is there already"):
        app.create(APP)
    vault = Azure("azure-native:keyvault:Vault", world)
    given = {"resourceGroupName": "mesh", "properties": {}}
    assert vault.create(given)[0] != vault.create(given)[0]


def test_what_stands_in_a_thing_of_azure_goes_with_it(world: World) -> None:
    vault, secret = (Azure(f"azure-native:keyvault:{kind}", world) for kind in ("Vault", "Secret"))
    mine, other = (vault.create({"resourceGroupName": "mesh", "vaultName": name})[0] for name in ("mine", "other"))
    for name in ("mine", "other"):
        secret.create({"resourceGroupName": "mesh", "vaultName": name, "secretName": "a"})
    vault.delete(mine, {})
    assert {thing["id"] for thing in world.things()} == {other, f"{other.replace('/Vault/', '/Secret/')}/a"}


def test_what_the_sdk_does_not_know_is_refused(app: Recording) -> None:
    assert list(app.check(APP)) == []
    wrong = {**APP, "configuration": {"ingres": {}}}
    assert [why for _, why in app.check(wrong)] == ["`configuration[0].ingres` is no property of ConfigurationArgs"]
    del wrong["configuration"], wrong["resourceGroupName"]
    assert [why for _, why in app.check(wrong)] == ["`resourceGroupName` is missing"]
    with pytest.raises(Refusal, match="the SDK has no azure-native:app:Nothing"):
        Azure("azure-native:app:Nothing", World(Path()))


@pytest.mark.parametrize(
    ("token", "name", "above"),
    [
        ("network:VirtualNetwork", "virtualNetworkName", ()),
        ("storage:BlobContainer", "containerName", ("accountName",)),
        ("monitor:DiagnosticSetting", "name", ()),
        ("resources:ResourceGroup", "resourceGroupName", ()),
    ],
)
def test_the_name_of_a_thing_is_told_by_its_class(world: World, token: str, name: str, above: tuple[str, ...]) -> None:
    assert Azure(f"azure-native:{token}", world).names == (name, above)
