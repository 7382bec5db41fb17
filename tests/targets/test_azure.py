"""Target azure: private, encrypted, tagged; secrets by reference; an identity for each workload, with what it uses."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.errors import UserError
from components.primitives import SIZES, Capacity, Schedule
from components.targets.azure_schedule import distances, utc
from components.targets.azure_shared import (
    KEY_VAULT_SECRETS_USER,
    LONGEST,
    STORAGE_BLOB_DATA_CONTRIBUTOR,
    named,
    without_type_aliases,
)
from components.targets.azure_size import DISKS, INSTANCES, disk, instance, placed
from policies.dispatch import Dispatcher
from policies.levels import current
from policies.rule import Options, Resource, all_rules
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import COMPUTED, SECRET, SYMBOL, Recorded
from tests.conftest import LittleMesh
from tests.evidence.listed import listed
from tests.stacks.test_snapshots import PRODUCTS
from tests.stacks.test_snapshots import VALUES as OF_ALL
from tests.targets.recorded import NAME, Graph, tagged, texts

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
JUDGE = Path(__file__).resolve().parents[3] / "shared" / "evidence" / "azure" / "azure_evidence.py"
UNJUDGED = {  # not in the judge's models; their second source: the SDK's own typed Args, under mypy
    "azure-native:dbforpostgresql:Configuration",
    "azure-native:keyvault:Secret",
    "azure-native:network:PrivateDnsZoneGroup",
    "azure-native:storage:BlobServiceProperties",
}
GROUP = "/subscriptions/0000/resourceGroups/landing/providers"
NETWORK = {
    "vnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub",
    "subnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/apps",
    "databaseSubnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/postgres",
    "endpointSubnetId": f"{GROUP}/Microsoft.Network/virtualNetworks/hub/subnets/endpoints",
}


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def made(graph: Graph) -> list[Recorded]:
    """What Azure makes."""
    return [resource for resource in graph.resources if resource.type.startswith("azure-native:")]


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


def rights(graph: Graph, start: str) -> set[tuple[str, str]]:
    """Role and scope of what the identities of one component have."""
    found = [r for r in graph.of("RoleAssignment") if r.name.startswith(start)]
    return {(r.inputs["roleDefinitionId"].split("/")[-1], r.inputs["scope"].split("::")[-1]) for r in found}


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


def test_every_store_is_closed_without_keys_and_versioned(graph: Graph) -> None:
    accounts = graph.of("StorageAccount")
    assert len(accounts) == 2
    for account in accounts:
        wanted = {
            "kind": "StorageV2",
            "minimumTlsVersion": "TLS1_2",
            "enableHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "publicNetworkAccess": "Disabled",
            "networkRuleSet": {"defaultAction": "Deny", "bypass": "None"},
        }
        assert account.inputs | wanted == account.inputs
    for service in graph.of("BlobServiceProperties"):
        assert service.inputs["isVersioningEnabled"] is True
        assert service.inputs["deleteRetentionPolicy"]["enabled"] is True
    assert {blobs.inputs["publicAccess"] for blobs in graph.of("BlobContainer")} == {"None"}
    assert len([end for end in graph.of("PrivateEndpoint") if end.name != "vault"]) == len(accounts)


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


def test_a_workload_may_read_its_own_secrets_and_nothing_else(graph: Graph) -> None:
    reads = KEY_VAULT_SECRETS_USER
    assert rights(graph, f"{NAME}--work--run") == {
        (reads, f"{NAME}--work--writer--password#id}}"),
        (reads, f"{NAME}--cluster--secret#id}}"),
        (reads, f"{NAME}--files--owner#id}}"),
    }
    assert rights(graph, f"{NAME}--cluster--worker-0") == {(reads, f"{NAME}--cluster--secret#id}}")}
    for right in graph.of("RoleAssignment"):
        assert right.inputs["principalType"] == "ServicePrincipal"
        assert SYMBOL.fullmatch(right.inputs["scope"]) and right.inputs["scope"].endswith("#id}")


def test_only_a_buckets_gateway_has_a_role_on_it(graph: Graph) -> None:
    writes = STORAGE_BLOB_DATA_CONTRIBUTOR
    of_stores = [r for r in graph.of("RoleAssignment") if writes in r.inputs["roleDefinitionId"]]
    assert {r.name for r in of_stores} == {
        f"{NAME}--{bucket}--writes-{part}" for bucket in ("files", "other") for part in ("objects", "keys")
    }
    for right in of_stores:
        bucket, part = right.name.rsplit("--writes-")
        assert right.inputs["scope"].endswith(f"::{bucket}--{part}#id}}")


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


def test_a_granted_reader_gets_a_key_with_its_prefix_and_day(graph: Graph) -> None:
    job = graph.named("Job", "--objects-team-reports--rights")
    assert variables(job) | {"UNTIL": "2027-06-30", "OWNER": "owner"} == variables(job)
    assert variables(job)["KEY"] == f"{NAME}--objects-team-reports"
    assert "gateway_key.py" in files(job)


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


def test_a_schedule_is_a_job_of_its_own_that_keeps_its_time_zone(graph: Graph) -> None:
    once, timed = graph.named("Job", "--work--run"), graph.named("Job", "--work--run--schedule")
    assert once.inputs["configuration"]["triggerType"] == "Manual"
    assert timed.inputs["configuration"]["triggerType"] == "Schedule"
    assert timed.inputs["configuration"]["scheduleTriggerConfig"]["cronExpression"] == "5 4 * * *"
    assert "CRON" not in variables(timed)  # in UTC nothing is to be asked
    assert once.inputs["template"] == timed.inputs["template"]


@pytest.mark.parametrize(
    ("cron", "zone", "wanted"),
    [
        ("0 5 * * *", "UTC", "0 5 * * *"),
        ("0 5 * * 1-5", "America/New_York", "0 9,10 * * *"),
        ("30 0 * * *", "Asia/Kolkata", "0 19 * * *"),
        ("15,45 23 * * *", "Europe/Berlin", "15,45 21,22 * * *"),
    ],
)
def test_a_trigger_is_in_utc_for_every_hour_that_may_be_meant(cron: str, zone: str, wanted: str) -> None:
    assert utc(Schedule(cron=cron, timezone=zone)) == wanted


def test_the_distances_of_a_zone() -> None:
    assert distances("America/New_York") == {-300, -240}
    assert distances("Asia/Kolkata") == {330}


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


@pytest.fixture(scope="module")
def examples() -> list[Recorded]:
    """The products of all four templates, and of a protected environment."""
    found = []
    for stack in [*dict.fromkeys(stack for stack, _ in PRODUCTS.values()), "flights-prod"]:
        found += Program(Domain(stack), {"target": "azure", **OF_ALL["azure"]}).recorded()
    return found


def test_the_vendors_own_models_accept_every_input(examples: list[Recorded]) -> None:
    """Every resource of every template, by a judge outside this repository (level e of the matrix)."""
    if not JUDGE.is_file():
        pytest.skip(f"the judge is not here: {JUDGE.name}")
    spec = importlib.util.spec_from_file_location("azure_evidence", JUDGE)
    assert spec is not None and spec.loader is not None
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    checked, findings, unjudged = 0, [], set()
    for resource in examples:
        if not resource.type.startswith("azure-native:"):
            continue
        found = judge.check(resource.type, unknowns(resource.inputs, judge.UNKNOWN))
        if found is None:
            unjudged.add(resource.type)
            continue
        checked += 1
        findings += [f"{resource.type} {resource.name}: {at} {why}" for at, why in found]
    assert findings == []
    assert checked > 250
    assert unjudged == UNJUDGED
    assert listed("azure.e", {resource.type for resource in examples})


def unknowns(value: Any, mark: str) -> Any:
    """Inputs as the engine has them: what is not known yet is the engine's own mark."""
    if isinstance(value, dict):
        return {key: unknowns(item, mark) for key, item in value.items()}
    if isinstance(value, list):
        return [unknowns(item, mark) for item in value]
    if isinstance(value, str) and (value == SECRET or COMPUTED in value or SYMBOL.search(value)):
        return mark
    return value


def test_every_rule_of_the_policy_pack_is_kept(examples: list[Recorded]) -> None:
    rules = Dispatcher(rules=all_rules(), levels=current())
    for resource in (each for each in examples if each.custom):
        options = Options(protect=resource.protect, parent=resource.parent or "")
        stack = (resource.inputs.get("tags") or {}).get("environment", "")
        seen = Resource(
            type=resource.type, props=resource.inputs, name=resource.name, options=options, environment=stack
        )
        for finding in rules.findings(seen):
            # The rate card has no price of Azure yet.
            assert finding.rule.id == "COST-06", f"{resource.name}: {finding.message}"
