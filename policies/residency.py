"""Rules on where data lies: only in the regions that `policies/levels.yaml` allows; without a list, anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from policies.levels import Allowed, Allowing, allowed
from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import at, items
from policies.unknown import guarded

_PROVIDERS = ("pulumi:providers:aws", "pulumi:providers:azure-native")
_RUN = "mesh:index:JobRun"
_PLACEMENT = "mesh:index:Placement"
_ARN = re.compile(r"arn:[\w\-]+:[\w\-]+:([a-z]{2}(?:-[a-z]+)+-\d):")
_NOWHERE = ("", "global", "aws-global", "unknown")
"""What a service says that lies in no region."""

_TWINS = """
westeurope northeurope, francecentral francesouth, germanywestcentral germanynorth, norwayeast norwaywest,
swedencentral swedensouth, switzerlandnorth switzerlandwest, uksouth ukwest, eastus westus, eastus2 centralus,
northcentralus southcentralus, westus2 westcentralus, canadacentral canadaeast, southeastasia eastasia,
australiaeast australiasoutheast, japaneast japanwest, koreacentral koreasouth, centralindia southindia,
southafricanorth southafricawest, uaenorth uaecentral
"""
_PAIRS = {"westus3": "eastus", "brazilsouth": "southcentralus", "brazilsoutheast": "brazilsouth"}
"""Where Azure keeps a geo-redundant copy (learn.microsoft.com, "Azure region pairs")."""
for _one, _other in (twins.split() for twins in _TWINS.split(",")):
    _PAIRS |= {_one: _other, _other: _one}

_REPLICAS = {
    "aws:dynamodb/table:Table": "replicas.regionName",
    "aws:dynamodb/globalTable:GlobalTable": "replicas.regionName",
    "aws:secretsmanager/secret:Secret": "replicas.region",
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": "replicationConfiguration.rules.destinations.region",
    "azure-native:cosmosdb:DatabaseAccount": "locations.locationName",
    "azure-native:compute:GalleryImageVersion": "publishingProfile.targetRegions.name",
    "azure-native:containerregistry:Replication": "location",
    "azure-native:apimanagement:ApiManagementService": "additionalLocations.location",
}
_COPIES = {
    "aws:backup/plan:Plan": "rules.copyActions.destinationVaultArn",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": "sourceDbInstanceArn",
    "aws:rds/snapshotCopy:SnapshotCopy": "destinationRegion",
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": "destinationRegion",
    "aws:redshift/snapshotCopy:SnapshotCopy": "destinationRegion",
    "aws:ebs/snapshotCopy:SnapshotCopy": "sourceRegion",
}
_SERVERS = ("azure-native:dbforpostgresql:Server", "azure-native:dbformysql:Server")
_STORAGE = "azure-native:storage:StorageAccount"
_DATABASE = "azure-native:sql:Database"


def _is_allowed(region: str, regions: tuple[str, ...]) -> bool:
    name = region.lower().replace(" ", "")
    return name in _NOWHERE or any(fnmatchcase(name, pattern.lower()) for pattern in regions)


def _along(value: Any, path: str) -> Iterator[str]:
    """The texts at the end of a path, through lists."""
    if not path:
        if isinstance(value, str):
            yield value
        return
    key, _, rest = path.partition(".")
    for item in items(value):
        if isinstance(item, dict):
            for found in items(item.get(key)):
                yield from _along(found, rest)


def _region(resource: Resource) -> str | None:
    regions = allowed(resource).regions
    if regions is None:
        return None
    for key in ("region", "location"):
        found = resource.props.get(key)
        if isinstance(found, str) and not _is_allowed(found, regions):
            return f"`{key}` is `{found}`"
    return None


def _elsewhere(table: dict[str, str], resource: Resource) -> str | None:
    """The first region on the way to a replica that is not allowed."""
    regions, path = allowed(resource).regions, table.get(resource.type, "")
    if regions is None or not path:
        return None
    for text in _along(resource.props, path):
        arn = _ARN.match(text)
        region = arn[1] if arn else text
        if (arn or not text.startswith("arn:")) and not _is_allowed(region, regions):
            return f"`{path}` names `{region}`"
    return None


def _replicated(resource: Resource) -> str | None:
    return _elsewhere(_REPLICAS, resource)


def _copied(resource: Resource) -> str | None:
    regions = allowed(resource).regions
    if regions is None or not _is_geo(resource):
        return _elsewhere(_COPIES, resource)
    location = str(resource.props.get("location") or "").lower().replace(" ", "")
    pair = _PAIRS.get(location)
    if pair is None:
        return f"nobody knows where the copy of `{location}` lies" if location else None
    return None if _is_allowed(pair, regions) else f"the copy lies in `{pair}`"


def _is_geo(resource: Resource) -> bool:
    if resource.type in _SERVERS:
        return bool(at(resource.props, "backup.geoRedundantBackup") == "Enabled")
    if resource.type == _STORAGE:
        return "GRS" in str(at(resource.props, "sku.name") or "") or "GZRS" in str(at(resource.props, "sku.name") or "")
    return resource.type == _DATABASE and resource.props.get("requestedBackupStorageRedundancy") in (
        None,
        "Geo",
        "GeoZone",
    )


def _within(regions: tuple[str, ...] | None, kind: str, props: dict[str, Any]) -> Resource:
    return Allowing(type=kind, props=guarded(props), allowed=Allowed(regions=regions), environment="prod")


def _plan(region: str) -> dict[str, Any]:
    vault = f"arn:aws:backup:{region}:123456789012:backup-vault:x"
    return {"rules": [{"copyActions": [{"destinationVaultArn": vault}]}]}


_EUROPE = ("eu-*", "westeurope", "northeurope")
_TABLE = "aws:dynamodb/table:Table"
_VM = "aws:ec2/instance:Instance"

OUTSIDE_REGION = Rule(
    id="GOV-03",
    name="region-not-allowed",
    severity="critical",
    what="Something is made in a region that this environment does not allow",
    why="Where data lies decides which law holds for it.",
    fix="Choose an allowed region, or add one to `allowed` in policies/levels.yaml with the owner's consent.",
    refs=("GDPR Art. 44", "ASB:DP-1"),
    reads=("aws:*", "azure-native:*", *_PROVIDERS, _RUN, _PLACEMENT),
    violated=_region,
    passes=(
        _within(None, "pulumi:providers:aws", {"region": "us-east-1"}),
        _within(_EUROPE, "pulumi:providers:aws", {"region": "eu-west-1"}),
        _within(_EUROPE, _STORAGE, {"location": "West Europe"}),
        _within(_EUROPE, "azure-native:privatedns:PrivateZone", {"location": "Global"}),
        _within(_EUROPE, _VM, {"region": "eu-central-1"}),
        _within(_EUROPE, _VM, {}),
        _within(None, _VM, {"region": UNKNOWN}),
    ),
    fails=(
        _within(_EUROPE, "pulumi:providers:aws", {"region": "us-east-1"}),
        _within(_EUROPE, "pulumi:providers:azure-native", {"location": "eastus"}),
        _within(_EUROPE, _STORAGE, {"location": "East US"}),
        _within(_EUROPE, _VM, {"region": "us-east-1"}),
        _within(_EUROPE, _RUN, {"executor": "ecs", "region": "us-east-1"}),
    ),
    misses=("a region that comes from the environment of whoever deploys", "clusters and registries of one's own"),
)

OUTSIDE_REPLICA = Rule(
    id="GOV-04",
    name="replica-outside-allowed-regions",
    severity="critical",
    what="Data is replicated to a region that this environment does not allow",
    fix="Take the replica out, or add its region to `allowed` in policies/levels.yaml with the owner's consent.",
    refs=("GDPR Art. 44", "ASB:DP-1"),
    reads=tuple(_REPLICAS),
    violated=_replicated,
    passes=(
        _within(None, _TABLE, {"replicas": [{"regionName": "us-east-1"}]}),
        _within(_EUROPE, _TABLE, {"replicas": [{"regionName": "eu-central-1"}]}),
        _within(_EUROPE, _TABLE, {}),
        _within(_EUROPE, "azure-native:cosmosdb:DatabaseAccount", {"locations": [{"locationName": "North Europe"}]}),
    ),
    fails=(
        _within(_EUROPE, _TABLE, {"replicas": [{"regionName": "eu-central-1"}, {"regionName": "us-east-1"}]}),
        _within(_EUROPE, "aws:secretsmanager/secret:Secret", {"replicas": [{"region": "us-east-1"}]}),
        _within(_EUROPE, "azure-native:cosmosdb:DatabaseAccount", {"locations": [{"locationName": "East US"}]}),
        _within(
            _EUROPE,
            "aws:ecr/replicationConfiguration:ReplicationConfiguration",
            {"replicationConfiguration": {"rules": [{"destinations": [{"region": "us-east-1"}]}]}},
        ),
    ),
    misses=("replication of buckets, whose ARN names no region", "replicas that are servers of their own (GOV-03)"),
)

OUTSIDE_COPY = Rule(
    id="BAK-07",
    name="backup-outside-allowed-regions",
    severity="high",
    what="A backup is kept in a region that this environment does not allow",
    fix="Keep copies in the region (`geoRedundantBackup: Disabled`, a ZRS sku), or allow the other one.",
    refs=("GDPR Art. 44", "ASB:BR-1"),
    reads=(*_COPIES, *_SERVERS, _STORAGE, _DATABASE),
    violated=_copied,
    passes=(
        _within(None, _SERVERS[0], {"location": "westeurope", "backup": {"geoRedundantBackup": "Enabled"}}),
        _within(_EUROPE, _SERVERS[0], {"location": "westeurope", "backup": {"geoRedundantBackup": "Enabled"}}),
        _within(("norwayeast",), _SERVERS[0], {"location": "norwayeast", "backup": {"geoRedundantBackup": "Disabled"}}),
        _within(_EUROPE, _STORAGE, {"location": "westeurope", "sku": {"name": "Standard_ZRS"}}),
        _within(
            _EUROPE,
            "aws:backup/plan:Plan",
            {
                "rules": [
                    {"copyActions": [{"destinationVaultArn": "arn:aws:backup:eu-west-1:123456789012:backup-vault:x"}]}
                ]
            },
        ),
    ),
    fails=(
        _within(("westeurope",), _SERVERS[0], {"location": "westeurope", "backup": {"geoRedundantBackup": "Enabled"}}),
        _within(("swedencentral",), _STORAGE, {"location": "swedencentral", "sku": {"name": "Standard_RAGRS"}}),
        _within(("*",), _STORAGE, {"location": "atlantis", "sku": {"name": "Standard_GRS"}}),
        _within(("westeurope",), _DATABASE, {"location": "westeurope"}),
        _within(
            _EUROPE,
            "aws:backup/plan:Plan",
            {
                "rules": [
                    {"copyActions": [{"destinationVaultArn": "arn:aws:backup:us-east-1:123456789012:backup-vault:x"}]}
                ]
            },
        ),
        _within(_EUROPE, "aws:rds/snapshotCopy:SnapshotCopy", {"destinationRegion": "us-east-1"}),
    ),
    misses=("copies that a vault makes by itself", "what somebody downloads"),
)
