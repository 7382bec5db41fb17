"""A PostgreSQL flexible server as each of ours is: inside the network, over TLS, backed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pulumi
from pulumi_azure_native import dbforpostgresql

from components.primitives import DatabaseArgs
from components.targets.azure_size import disk, instance

BACKUP_DAYS = 7
BACKUP_DAYS_PROTECTED = 35
"""The most that Azure keeps."""


def flexible_server(
    name: str,
    physical: str,
    args: DatabaseArgs,
    group: pulumi.Input[str],
    location: str,
    *,
    subnet: pulumi.Input[str],
    zone: tuple[pulumi.Input[str], Sequence[pulumi.Resource]],
    tenant: pulumi.Input[str],
    administrator: tuple[str, pulumi.Input[str]],
    protected: bool,
    logged: Callable[[pulumi.Output[str]], None],
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
    kept: pulumi.ResourceOptions,
    adopts: str | None = None,
) -> pulumi.Output[str]:
    """A server with one database; its address, known once the database is there.

    `adopts` is the resource id of a server that is there already: it keeps its name. `protected` gives it a standby in
    another zone and backups in another region, within the same geography.
    """
    tier, machine = instance(args.size, standby=protected)
    server = dbforpostgresql.Server(
        name,
        server_name=adopts.rpartition("/")[2] if adopts else physical,
        resource_group_name=group,
        location=location,
        version=args.version,
        create_mode="Create",
        sku=dbforpostgresql.SkuArgs(name=machine, tier=tier),
        storage=dbforpostgresql.StorageArgs(storage_size_gb=disk(args.storage), auto_grow="Enabled"),
        network=dbforpostgresql.NetworkArgs(
            delegated_subnet_resource_id=subnet,
            private_dns_zone_arm_resource_id=zone[0],
            public_network_access="Disabled",
        ),
        auth_config=dbforpostgresql.AuthConfigArgs(
            active_directory_auth="Enabled", password_auth="Enabled", tenant_id=tenant
        ),
        administrator_login=administrator[0],
        administrator_login_password=administrator[1],
        backup=dbforpostgresql.BackupArgs(
            backup_retention_days=BACKUP_DAYS_PROTECTED if protected else BACKUP_DAYS,
            geo_redundant_backup="Enabled" if protected else "Disabled",
        ),
        high_availability=dbforpostgresql.HighAvailabilityArgs(mode="ZoneRedundant" if protected else "Disabled"),
        tags=tags,
        opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[*zone[1]], import_=adopts)),
    )
    logged(server.id)
    # One after the other: a server refuses a change while it makes another.
    forced = dbforpostgresql.Configuration(
        name,
        configuration_name="require_secure_transport",
        server_name=server.name,
        resource_group_name=group,
        source="user-override",
        value="on",
        opts=options,
    )
    made = dbforpostgresql.Database(
        name,
        database_name=args.name,
        server_name=server.name,
        resource_group_name=group,
        charset="UTF8",
        collation="en_US.utf8",
        opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[forced])),
    )
    # The address joins the database, so that whoever reads it waits for both.
    return pulumi.Output.all(server.fully_qualified_domain_name, made.id).apply(lambda known: str(known[0]))
