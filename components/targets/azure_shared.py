"""What the products of a stack on Azure share, made once or brought along: group, network, environment, vault, logs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import managedidentity, monitor, operationalinsights, resources

from components.base import Component
from components.errors import UserError
from components.targets import StackSettings
from components.targets.azure_environment import own_environment
from components.targets.azure_names import ID, named
from components.targets.azure_network import GIVEN, Network
from components.targets.azure_roles import ACR_PULL, role_assignment
from components.targets.azure_vault import RECOVERABLE, RECOVERABLE_PROTECTED, Vault, own_vault
from components.targets.containers import Containers

LOG_DAYS = 30


def without_type_aliases(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    """Drop the SDK's versioned tokens, which our stacks never had: about 1 ms of CPU each, 20 to 100 a resource."""
    kept = [alias for alias in args.opts.aliases or () if not versioned(alias)]
    args.opts.aliases = kept
    return pulumi.ResourceTransformationResult(props=args.props, opts=args.opts)


def versioned(alias: Any) -> bool:
    """Whether an alias only says that a resource may have had an older type."""
    return isinstance(alias, pulumi.Alias) and isinstance(alias.type_, str) and not isinstance(alias.name, str)


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
        self.public = values.get("public", False)
        """Whether the stack's environment has an address on the internet."""
        if not isinstance(self.public, bool):
            what = f"`meshwright:public` of stack {settings.stack} is neither true nor false: {self.public}"
            raise UserError(what, hint=f"pulumi config set meshwright:public true -s {settings.stack}")
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
            role_assignment("images", made, ACR_PULL, str(registry), self.shared)
        return made

    @cached_property
    def subscription(self) -> pulumi.Output[str]:
        """The subscription that everything is made in, read from what was made."""
        return self.images.id.apply(lambda own: str(own).split("/")[2])

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
        """The id of the Container Apps environment."""
        if given := self.settings.values.get("environmentId"):
            return str(given)
        made = own_environment(
            self.shared_name("environment", "apps"),
            self.group,
            self.region,
            subnet=self.network.subnet("apps"),
            public=self.public,
            zones=self.settings.protected,
            tags=self.shared_tags,
            options=self.shared,
        )
        self.logged("environment", made.id, "allLogs", self.shared)
        return made.id

    @cached_property
    def vault(self) -> Vault:
        if given := ID.fullmatch(str(self.settings.values.get("vaultId", ""))):
            return Vault(name=given["name"], group=given["group"], ready=[])
        made = own_vault(
            self.group,
            self.region,
            tenant=self.images.tenant_id,
            deployers=[str(address) for address in self.settings.values.get("deployers") or ()],
            days=RECOVERABLE_PROTECTED if self.settings.protected else RECOVERABLE,
            tags=self.shared_tags,
            options=self.shared,
        )
        self.logged("vault", made.id, "audit", self.shared)
        zone = self.network.zone("privatelink.vaultcore.azure.net", "vaultZoneId")
        name = self.shared_name("endpoint", "vault")
        ready = self.network.endpoint("vault", name, made.id, "vault", zone, self.shared_tags, self.shared)
        return Vault(name=made.name, group=self.group, ready=ready, owned=made)
