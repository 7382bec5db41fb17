"""What each kind of Azure is billed by; free grants and traffic are not counted (prices/README.md: what is assumed)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from policies.prices_own import GIB, amount
from policies.prices_units import (
    DEFAULT_STORAGE,
    HOURS,
    LOGS,
    OPERATIONS,
    OUTWARDS,
    Amounts,
    Quantities,
    each_hour,
    each_month,
    number,
    text,
)

CONSUMPTION = "Consumption"


def _database(props: Mapping[str, Any]) -> Amounts:
    """Machine and disk, both twice where a standby is kept. Backups as large as the disk are free."""
    standby = (props.get("highAvailability") or {}).get("mode") not in (None, "Disabled")
    times = Decimal(2 if standby else 1)
    size = number((props.get("storage") or {}).get("storageSizeGB"))
    return {f"postgres:{text((props.get('sku') or {}).get('name'))}": HOURS * times, "postgres-storage": size * times}


def _app(props: Mapping[str, Any]) -> Amounts:
    """Its containers at the rate of a busy app, as many as run when nobody is; or at that of its own machines."""
    template = props.get("template") or {}
    instances = number((template.get("scale") or {}).get("minReplicas", 1))
    profile = props.get("workloadProfileName") or CONSUMPTION
    kind = "" if profile == CONSUMPTION else "dedicated-"
    amounts = {f"{kind}cpu": Decimal(0), f"{kind}memory": Decimal(0)}
    for container in template.get("containers") or ():
        resources = container.get("resources") or {}
        amounts[f"{kind}cpu"] += number(resources.get("cpu")) * instances * HOURS
        amounts[f"{kind}memory"] += amount(resources.get("memory")) / GIB * instances * HOURS
    if not all(amounts.values()):
        raise ValueError("no container")
    return amounts


QUANTITIES: Mapping[str, Quantities] = {
    "azure-native:app:ContainerApp": _app,
    "azure-native:dbforpostgresql:Server": _database,
    "azure-native:keyvault:Vault": each_month("operations", OPERATIONS),
    "azure-native:network:NatGateway": lambda _: {"nat": HOURS, "nat-data": OUTWARDS},
    "azure-native:network:PrivateEndpoint": each_hour("endpoint"),
    "azure-native:network:PublicIPAddress": each_hour("address"),
    "azure-native:operationalinsights:Workspace": each_month("logs", LOGS),
    "azure-native:privatedns:PrivateZone": each_month("zone"),
    "azure-native:storage:StorageAccount": lambda props: {
        f"objects:{text((props.get('sku') or {}).get('name'))}": DEFAULT_STORAGE
    },
}

FREE = frozenset(
    {
        f"azure-native:{kind}"
        for kind in (
            "app:Job",  # its runs are counted where they are started (mesh:index:JobRun)
            "app:ManagedEnvironment",  # its machines are counted by the apps on them
            "authorization:RoleAssignment",
            "dbforpostgresql:Configuration",
            "dbforpostgresql:Database",
            "dbforpostgresql:FirewallRule",
            "keyvault:Secret",
            "managedidentity:UserAssignedIdentity",
            "monitor:DiagnosticSetting",
            "network:NetworkSecurityGroup",
            "network:PrivateDnsZoneGroup",
            "network:Subnet",
            "network:VirtualNetwork",
            "privatedns:VirtualNetworkLink",
            "privatedns:PrivateRecordSet",
            "resources:ResourceGroup",
            "storage:Blob",
            "storage:BlobContainer",
            "storage:BlobServiceProperties",
            "storage:ManagementPolicy",
        )
    }
)
