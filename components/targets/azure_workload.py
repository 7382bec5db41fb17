"""What every workload of a stack on Azure is given: its place, an identity of its own, and the secrets it may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_azure_native import keyvault, managedidentity

from components import mesh
from components.base import Component
from components.primitives import Secret, SecretOutputs
from components.targets import StackSettings, implements
from components.targets.azure_container import Place, Workload, secret_name
from components.targets.azure_roles import KEY_VAULT_SECRETS_USER, role_assignment
from components.targets.azure_shared import Shared


class Workloads(Shared):
    """Knows the vault's secret of each Secret."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.secrets: dict[str, keyvault.Secret] = {}
        """The vault's secret of each Secret component, by name."""

    @implements(Secret)
    def key_vault_secret(self, secret: Secret) -> SecretOutputs:
        tags, value = secret.context.tags.as_map(), secret.args.value
        if value is None:
            value = mesh.SecretValue(secret.name, {"length": secret.args.length, "tags": tags}, secret.below()).value
        self.secrets[secret.name] = keyvault.Secret(
            secret.name,
            vault_name=self.vault.name,
            resource_group_name=self.vault.group,
            properties=keyvault.SecretPropertiesArgs(value=value, content_type="text/plain"),
            tags=tags,
            opts=self.under(secret, deleted_with=self.vault.owned),
        )
        return SecretOutputs(value=value)

    def place(self, owner: Component[Any, Any], ready: Sequence[pulumi.Resource] = ()) -> Place:
        """Where an app or a job of a component goes, and what must be there before it."""
        return Place(
            group=self.group,
            region=self.region,
            environment=self.environment,
            tags=owner.context.tags.as_map(),
            options=self.under(owner, depends_on=[*ready]),
        )

    def identity(self, owner: Component[Any, Any]) -> managedidentity.UserAssignedIdentity:
        """The identity of a component's own container."""
        return managedidentity.UserAssignedIdentity(
            owner.name,
            resource_name_=self.physical(owner, "identity"),
            resource_group_name=self.group,
            location=self.region,
            tags=owner.context.tags.as_map(),
            opts=self.under(owner),
        )

    def workload(
        self,
        owner: Component[Any, Any],
        identity: managedidentity.UserAssignedIdentity,
        secrets: Mapping[str, Secret],
        **parts: Any,
    ) -> Workload:
        """What an app or a job consists of; its identity may read its own secrets in the vault and nothing else."""
        kept = {key: self.secrets[secret.name] for key, secret in secrets.items()}
        readable = {secret.name: (key, self.secrets[secret.name]) for key, secret in secrets.items()}
        grants = [
            role_assignment(
                owner.child(f"reads-{secret_name(key)}"), identity, KEY_VAULT_SECRETS_USER, found.id, self.under(owner)
            )
            for key, found in readable.values()
        ]
        return Workload(
            identity=identity,
            images=self.images,
            registry=str(self.settings.values["registry"]),
            secrets=kept,
            ready=[*grants, *self.vault.ready] if grants else [],
            **parts,
        )
