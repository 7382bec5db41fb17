"""The Container Apps environment of a stack: inside its network, with the machines that sizes may need."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import app

from components.targets.azure_size import CONSUMPTION, DEDICATED

NODES = 10
"""The most machines that a dedicated profile grows to."""


def own_environment(
    name: str,
    group: pulumi.Input[str],
    location: str,
    *,
    subnet: pulumi.Input[str],
    public: bool,
    zones: bool,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> app.ManagedEnvironment:
    """An environment; one that is not `public` is reachable from its network alone.

    A public one has an address on the internet, where those apps alone answer whose ingress is external.
    """
    profiles = [app.WorkloadProfileArgs(name=CONSUMPTION, workload_profile_type=CONSUMPTION)]
    profiles += [
        app.WorkloadProfileArgs(name=profile, workload_profile_type=profile, minimum_count=0, maximum_count=NODES)
        for profile in DEDICATED
    ]
    for profile in profiles:
        profile.enable_fips = None  # the SDK sends its default of what the stable API doesn't know
    return app.ManagedEnvironment(
        "environment",
        environment_name=name,
        resource_group_name=group,
        location=location,
        vnet_configuration=app.VnetConfigurationArgs(internal=not public, infrastructure_subnet_id=subnet),
        workload_profiles=profiles,
        app_logs_configuration=app.AppLogsConfigurationArgs(destination="azure-monitor"),
        public_network_access="Enabled" if public else "Disabled",
        zone_redundant=zones,
        tags=tags,
        opts=options,
    )
