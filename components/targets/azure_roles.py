"""Roles on Azure: one for an identity, on one thing."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization, managedidentity

KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""Roles by id (learn.microsoft.com, "Azure built-in roles")."""


def role_assignment(
    name: str,
    identity: managedidentity.UserAssignedIdentity,
    role: str,
    scope: pulumi.Input[str],
    options: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """One role for an identity, on one thing."""
    # The identity's own address: that of the stack's shared parts would wait for what asks for this.
    subscription = identity.id.apply(lambda own: str(own).split("/")[2])
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return authorization.RoleAssignment(
        name,
        principal_id=identity.principal_id,
        principal_type="ServicePrincipal",
        role_definition_id=pulumi.Output.concat("/subscriptions/", subscription, definition),
        scope=scope,
        opts=options,
    )
