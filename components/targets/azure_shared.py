"""What the products of a stack on Azure share, made once or brought along: group, network, environment, vault, logs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import app, authorization, keyvault, managedidentity, monitor, operationalinsights, resources

from components.base import Component
from components.errors import UserError
from components.targets import StackSettings
from components.targets.azure_network import GIVEN, Network
from components.targets.azure_size import CONSUMPTION, DEDICATED
from components.targets.containers import Containers

LOG_DAYS = 30
NODES = 10
"""The most machines that a dedicated profile grows to."""
RECOVERABLE = 7
RECOVERABLE_PROTECTED = 90
"""Days in which a deleted vault or blob can be had back (the limits of Key Vault)."""

KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""Roles by id (learn.microsoft.com, "Azure built-in roles")."""

LONGEST: Mapping[str, int] = {
    "account": 24,
    "app": 32,
    "container": 63,
    "endpoint": 64,
    "environment": 32,
    "group": 90,
    "guard": 80,
    "identity": 128,
    "job": 32,
    "link": 80,
    "network": 64,
    "server": 63,
    "workspace": 63,
}
"""Characters of a name (learn.microsoft.com, "Naming rules and restrictions for Azure resources")."""

ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/.+/(?P<name>[^/]+)", re.IGNORECASE)


def named(kind: str, scope: str, origin: str) -> str:
    """A legal name: small letters, digits and single dashes (a storage account: no dash), eight digits of a hash.

    The hash is of `scope` (tenant and stack) and `origin`: some names are unique in the world, and `a--b-c` is not
    `a-b--c`. Key Vault and its secrets have no name here: deleted ones keep theirs, so the provider makes a new one.
    """
    digest = hashlib.sha256(f"{scope}/{origin}".encode()).hexdigest()[:8]
    dash = "" if kind == "account" else "-"
    readable = re.sub(r"[^a-z0-9]+", dash, origin.lower())
    return f"{readable[: LONGEST[kind] - len(dash + digest)].rstrip('-')}{dash}{digest}"


def without_type_aliases(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    """Drop the SDK's versioned tokens, which our stacks never had: about 1 ms of CPU each, 20 to 100 a resource."""
    kept = [alias for alias in args.opts.aliases or () if not versioned(alias)]
    args.opts.aliases = kept
    return pulumi.ResourceTransformationResult(props=args.props, opts=args.opts)


def versioned(alias: Any) -> bool:
    """Whether an alias only says that a resource may have had an older type."""
    return isinstance(alias, pulumi.Alias) and isinstance(alias.type_, str) and not isinstance(alias.name, str)


@dataclass(frozen=True, kw_only=True)
class Vault:
    """Where secrets are kept. `owned` is the vault that this stack makes, with which its secrets go."""

    name: pulumi.Input[str]
    group: pulumi.Input[str]
    ready: list[pulumi.Resource]
    owned: pulumi.Resource | None = None


class Shared(Containers):
    """Makes or takes over what is shared; settings that don't fit together are refused."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.region = str(settings.values["region"])
        values = settings.values
        for setting in ("vnetId", *GIVEN.values(), "environmentId", "vaultId", "registryId"):
            if setting in values and not ID.fullmatch(str(values[setting])):
                what = f"`meshwright:{setting}` of stack {settings.stack} is no resource id: {values[setting]}"
                raise UserError(what, hint="it reads /subscriptions/.../resourceGroups/.../providers/.../NAME")
        if not isinstance(values.get("deployers", []), list):
            what = f"`meshwright:deployers` of stack {settings.stack} is no list of addresses"
            raise UserError(what, hint="write it as [198.51.100.7]")
        needed = [setting for setting in GIVEN.values() if setting != "subnetId" or "environmentId" not in values]
        if "vnetId" in values and (missing := [setting for setting in needed if setting not in values]):
            what = f"stack {settings.stack} brings its network along without `meshwright:{missing[0]}`"
            raise UserError(what, hint="docs/targets/azure.md says which subnets a network needs")
        if "vnetId" not in values and (orphan := [key for key in ("environmentId", *GIVEN.values()) if key in values]):
            what = f"stack {settings.stack} brings `meshwright:{orphan[0]}` along without `meshwright:vnetId`"
            raise UserError(what, hint="add the id of the virtual network that it belongs to")

    def authorised(self) -> None:
        """Entra gives a token for the management API."""
        import logging

        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import CredentialUnavailableError, DefaultAzureCredential

        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # it tells every way it tried, with a traceback
        try:
            DefaultAzureCredential().get_token("https://management.azure.com/.default")
        except (ClientAuthenticationError, CredentialUnavailableError):
            raise UserError(
                "Azure does not let this machine in: no credentials that work were found",
                hint="`az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
            ) from None

    @cached_property
    def provider(self) -> azure.Provider:
        given = self.settings.values.get("subscription")
        return azure.Provider("azure", location=self.region, subscription_id=str(given) if given else None)

    @cached_property
    def shared(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=self.provider, transformations=[without_type_aliases])

    def under(self, component: Component[Any, Any], **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource of this subscription under a component."""
        return component.below(provider=self.provider, transformations=[without_type_aliases], **options)

    @cached_property
    def shared_tags(self) -> dict[str, str]:
        return self.settings.shared_tags().as_map()

    @property
    def scope(self) -> str:
        return f"{self.settings.tenant}/{self.settings.stack}"

    def shared_name(self, kind: str, origin: str) -> str:
        """The name of a shared part; the stack stands in it, as a group may be shared by stacks."""
        return named(kind, self.scope, f"{self.settings.stack}-{origin}")

    def physical(self, component: Component[Any, Any], kind: str) -> str:
        """A component's name on Azure."""
        return named(kind, self.scope, component.origin)

    @cached_property
    def group(self) -> pulumi.Input[str]:
        if given := self.settings.values.get("resourceGroup"):
            return str(given)
        name = self.shared_name("group", "mesh")
        made = resources.ResourceGroup(
            "group", resource_group_name=name, location=self.region, tags=self.shared_tags, opts=self.shared
        )
        return made.name

    @cached_property
    def network(self) -> Network:
        values = self.settings.values
        return Network(values, self.shared_name, self.group, self.region, self.shared_tags, self.shared)

    @cached_property
    def images(self) -> managedidentity.UserAssignedIdentity:
        """Pulls images from the registry `registryId`; without that setting it has no right at all."""
        made = managedidentity.UserAssignedIdentity(
            "images",
            resource_name_=self.shared_name("identity", "images"),
            resource_group_name=self.group,
            location=self.region,
            tags=self.shared_tags,
            opts=self.shared,
        )
        if registry := self.settings.values.get("registryId"):
            self.grant("images", made, ACR_PULL, str(registry), self.shared)
        return made

    @cached_property
    def subscription(self) -> pulumi.Output[str]:
        """The subscription that everything is made in, read from what was made."""
        return self.images.id.apply(lambda own: str(own).split("/")[2])

    def grant(
        self,
        name: str,
        identity: managedidentity.UserAssignedIdentity,
        role: str,
        scope: pulumi.Input[str],
        options: pulumi.ResourceOptions,
        condition: pulumi.Input[str] | None = None,
    ) -> authorization.RoleAssignment:
        """One role for an identity, on one thing."""
        # The identity's own address: `subscription` would wait for `images`, which asks for this.
        subscription = identity.id.apply(lambda own: str(own).split("/")[2])
        definition = f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
        return authorization.RoleAssignment(
            name,
            principal_id=identity.principal_id,
            principal_type="ServicePrincipal",
            role_definition_id=pulumi.Output.concat("/subscriptions/", subscription, definition),
            scope=scope,
            condition=condition,
            condition_version="2.0" if condition is not None else None,
            opts=options,
        )

    @cached_property
    def workspace(self) -> operationalinsights.Workspace:
        return operationalinsights.Workspace(
            "logs",
            workspace_name=self.shared_name("workspace", "logs"),
            resource_group_name=self.group,
            location=self.region,
            sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
            retention_in_days=LOG_DAYS,
            features=operationalinsights.WorkspaceFeaturesArgs(disable_local_auth=True),
            tags=self.shared_tags,
            opts=self.shared,
        )

    def logged(self, name: str, resource: pulumi.Input[str], category: str, options: pulumi.ResourceOptions) -> None:
        """Keep a resource's logs in the stack's workspace: no key is needed for it."""
        monitor.DiagnosticSetting(
            name,
            name="mesh",
            resource_uri=resource,
            workspace_id=self.workspace.id,
            logs=[monitor.DiagnosticsLogSettingsArgs(category_group=category, enabled=True)],
            opts=options,
        )

    @cached_property
    def environment(self) -> pulumi.Input[str]:
        """The id of the Container Apps environment, reachable from its network alone."""
        if given := self.settings.values.get("environmentId"):
            return str(given)
        profiles = [app.WorkloadProfileArgs(name=CONSUMPTION, workload_profile_type=CONSUMPTION)]
        profiles += [
            app.WorkloadProfileArgs(name=name, workload_profile_type=name, minimum_count=0, maximum_count=NODES)
            for name in DEDICATED
        ]
        for profile in profiles:
            profile.enable_fips = None  # the SDK sends its default of what the stable API doesn't know
        made = app.ManagedEnvironment(
            "environment",
            environment_name=self.shared_name("environment", "apps"),
            resource_group_name=self.group,
            location=self.region,
            vnet_configuration=app.VnetConfigurationArgs(
                internal=True, infrastructure_subnet_id=self.network.subnet("apps")
            ),
            workload_profiles=profiles,
            app_logs_configuration=app.AppLogsConfigurationArgs(destination="azure-monitor"),
            public_network_access="Disabled",
            zone_redundant=self.settings.protected,
            tags=self.shared_tags,
            opts=self.shared,
        )
        self.logged("environment", made.id, "allLogs", self.shared)
        return made.id

    @cached_property
    def vault(self) -> Vault:
        if given := ID.fullmatch(str(self.settings.values.get("vaultId", ""))):
            return Vault(name=given["name"], group=given["group"], ready=[])
        deployers = [str(address) for address in self.settings.values.get("deployers") or ()]
        properties = keyvault.VaultPropertiesArgs(
            tenant_id=self.images.tenant_id,
            sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
            enable_rbac_authorization=True,
            enable_soft_delete=True,
            enable_purge_protection=True,
            soft_delete_retention_in_days=RECOVERABLE_PROTECTED if self.settings.protected else RECOVERABLE,
            public_network_access="Enabled" if deployers else "Disabled",
            network_acls=keyvault.NetworkRuleSetArgs(
                default_action="Deny",
                bypass="AzureServices",  # the resource manager, by which Pulumi writes secrets
                ip_rules=[keyvault.IPRuleArgs(value=address) for address in deployers],
            ),
        )
        made = keyvault.Vault(
            "vault",
            resource_group_name=self.group,
            location=self.region,
            properties=properties,
            tags=self.shared_tags,
            opts=self.shared,
        )
        self.logged("vault", made.id, "audit", self.shared)
        zone = self.network.zone("privatelink.vaultcore.azure.net", "vaultZoneId")
        name = self.shared_name("endpoint", "vault")
        ready = self.network.endpoint("vault", name, made.id, "vault", zone, self.shared_tags, self.shared)
        return Vault(name=made.name, group=self.group, ready=ready, owned=made)
