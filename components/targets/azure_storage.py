"""A storage account as each of ours is: closed, without keys, every version of a blob kept for a while."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

KEYS = "keys"
"""The container in which a bucket's gateway keeps its readers; no bucket is called so, ours carry a hash."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """One account, the container of a bucket's objects, and that of its readers' keys."""

    account: storage.StorageAccount
    objects: storage.BlobContainer
    keys: storage.BlobContainer


def private_store(
    name: str,
    physical: tuple[str, str],
    group: pulumi.Input[str],
    location: str,
    *,
    protected: bool,
    days: int,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
    kept: pulumi.ResourceOptions,
) -> Store:
    """An account and its containers; `physical` names the account and the objects.

    Deleted and overwritten blobs can be had back for `days`. No hierarchical namespace: with it Azure keeps no
    versions, and folders would show as empty objects. No keys: whoever reads or writes has an identity with a role.
    """
    service = storage.EncryptionServiceArgs(enabled=True, key_type="Account")
    account = storage.StorageAccount(
        name,
        account_name=physical[0],
        resource_group_name=group,
        location=location,
        kind="StorageV2",
        sku=storage.SkuArgs(name="Standard_ZRS" if protected else "Standard_LRS"),
        access_tier=storage.AccessTier.HOT,
        minimum_tls_version="TLS1_2",
        enable_https_traffic_only=True,
        allow_blob_public_access=False,
        allow_shared_key_access=False,
        allow_cross_tenant_replication=False,
        default_to_o_auth_authentication=True,
        is_local_user_enabled=False,
        public_network_access="Disabled",
        network_rule_set=storage.NetworkRuleSetArgs(default_action=storage.DefaultAction.DENY, bypass="None"),
        encryption=storage.EncryptionArgs(
            key_source="Microsoft.Storage",
            require_infrastructure_encryption=True,
            services=storage.EncryptionServicesArgs(blob=service, file=service),
        ),
        tags=tags,
        opts=kept,
    )
    retention = storage.DeleteRetentionPolicyArgs(enabled=True, days=days)
    versions = storage.BlobServiceProperties(
        name,
        account_name=account.name,
        blob_services_name="default",
        resource_group_name=group,
        is_versioning_enabled=True,
        delete_retention_policy=retention,
        container_delete_retention_policy=retention,
        opts=options,
    )
    old = storage.ManagementPolicyVersionArgs(
        delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
    )
    rule = storage.ManagementPolicyRuleArgs(
        name="old-versions",
        type="Lifecycle",
        enabled=True,
        definition=storage.ManagementPolicyDefinitionArgs(
            actions=storage.ManagementPolicyActionArgs(version=old),
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"]),
        ),
    )
    storage.ManagementPolicy(
        name,
        account_name=account.name,
        management_policy_name="default",
        resource_group_name=group,
        policy=storage.ManagementPolicySchemaArgs(rules=[rule]),
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[versions])),
    )
    objects, keys = (
        storage.BlobContainer(
            f"{name}--{part}",
            container_name=container,
            account_name=account.name,
            resource_group_name=group,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions.merge(kept, pulumi.ResourceOptions(depends_on=[versions])),
        )
        for part, container in (("objects", physical[1]), (KEYS, KEYS))
    )
    return Store(account=account, objects=objects, keys=keys)
