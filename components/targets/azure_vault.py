"""The Key Vault of a stack: closed, opened by roles alone, what was deleted can be had back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

RECOVERABLE = 7
RECOVERABLE_PROTECTED = 90
"""Days in which a deleted vault or blob can be had back (the limits of Key Vault)."""


@dataclass(frozen=True, kw_only=True)
class Vault:
    """Where secrets are kept. `owned` is the vault that this stack makes, with which its secrets go."""

    name: pulumi.Input[str]
    group: pulumi.Input[str]
    ready: list[pulumi.Resource]
    owned: pulumi.Resource | None = None


def own_vault(
    group: pulumi.Input[str],
    location: str,
    *,
    tenant: pulumi.Input[str],
    deployers: Sequence[str],
    days: int,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> keyvault.Vault:
    """A vault of the stack's own; `deployers` are addresses outside its network that it lets in."""
    properties = keyvault.VaultPropertiesArgs(
        tenant_id=tenant,
        sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
        enable_rbac_authorization=True,
        enable_soft_delete=True,
        enable_purge_protection=True,
        soft_delete_retention_in_days=days,
        public_network_access="Enabled" if deployers else "Disabled",
        network_acls=keyvault.NetworkRuleSetArgs(
            default_action="Deny",
            bypass="AzureServices",  # the resource manager, by which Pulumi writes secrets
            ip_rules=[keyvault.IPRuleArgs(value=address) for address in deployers],
        ),
    )
    return keyvault.Vault(
        "vault", resource_group_name=group, location=location, properties=properties, tags=tags, opts=options
    )
