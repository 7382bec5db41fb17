"""What a Container App and a Container Apps job consist of: their container, their identity, the secrets they read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_azure_native import app, keyvault, managedidentity

from components.primitives import SIZES, Endpoint, Schedule, Size, program
from components.targets.azure_schedule import distances, utc
from components.targets.azure_size import placed
from components.targets.containers import DATA, FILES, Places

START = program("container_start.py")
BUNDLE, BUNDLE_FOLDER = "files", "/bundle"
HEAD = "files"
"""The first line of a bundle."""
FAILURES = 10
"""The most that a probe may fail (Container Apps API)."""
BUSY = 70
"""Percent of its vCPU at which a service is given one more instance."""
WEB = ("http", "s3")
"""Protocols over HTTP: the environment's own certificate serves them."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an app or a job goes."""

    group: pulumi.Input[str]
    region: str
    environment: pulumi.Input[str]
    tags: dict[str, str]
    options: pulumi.ResourceOptions


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What an app and a job have in common."""

    image: str
    command: Sequence[pulumi.Input[str]]
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, keyvault.Secret]
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    size: Size
    identity: managedidentity.UserAssignedIdentity
    """Its own."""
    images: managedidentity.UserAssignedIdentity
    """The one that pulls images."""
    registry: str
    start_seconds: int = 0
    maximum: int = 1
    """The most instances when it is busy."""
    acts: bool = False
    """Whether the program itself takes its identity; else it is there for references to the vault alone."""
    ready: Sequence[pulumi.Resource] = ()
    """What must be there before it can read its secrets."""

    @property
    def places(self) -> Places:
        return Places(self.endpoints)

    @property
    def profile(self) -> str:
        return placed(SIZES[self.size])[0]

    @property
    def bundle(self) -> pulumi.Output[str] | None:
        """The files as one text: they are a secret's value, which is how Container Apps mounts a file."""
        if not self.files:
            return None
        return pulumi.Output.concat(f"{HEAD}\n", pulumi.Output.json_dumps(self.places.fill_all(self.files)))

    def identities(self) -> app.ManagedServiceIdentityArgs:
        return app.ManagedServiceIdentityArgs(
            type="UserAssigned", user_assigned_identities=[self.identity.id, self.images.id]
        )

    def lifecycles(self) -> list[app.IdentitySettingsArgs]:
        """No program gets a token for an identity that is there for references and images."""
        own = "Main" if self.acts else "None"
        return [
            app.IdentitySettingsArgs(identity=self.identity.id, lifecycle=own),
            app.IdentitySettingsArgs(identity=self.images.id, lifecycle="None"),
        ]

    def registries(self) -> list[app.RegistryCredentialsArgs]:
        """Azure's own registry takes an identity; any other is read without."""
        server = self.registry.split("/")[0]
        if not server.endswith(".azurecr.io"):
            return []
        return [app.RegistryCredentialsArgs(server=server, identity=self.images.id)]

    def secret_values(self) -> list[app.SecretArgs]:
        found = [
            app.SecretArgs(name=secret_name(key), key_vault_url=address(kept), identity=self.identity.id)
            for key, kept in self.secrets.items()
        ]
        if self.bundle is not None:
            found.append(app.SecretArgs(name="files", value=self.bundle))
        return found

    def starting(self, command: Sequence[pulumi.Input[str]], *, asks: bool = False) -> list[pulumi.Input[str]]:
        """A command of this workload, with what lays out its files and asks for the hour before it."""
        first: list[pulumi.Input[str]] = ["python", "-c", START] if self.files or asks else []
        return [*first, *(self.places.fill(word) for word in command)]

    def content(self) -> pulumi.Output[str]:
        """What changes with anything that the container is started with."""
        variables = [part for pair in self.environment.items() for part in pair]
        kept = [part for key, secret in self.secrets.items() for part in (key, address(secret))]
        parts = [self.image, self.size, self.bundle or "", *self.command, "", *variables, "", *kept]
        return pulumi.Output.all(*parts).apply(digest)

    def container(self, schedule: Schedule | None = None) -> app.ContainerArgs:
        """The one container; with a schedule whose hours are not UTC's it looks at the clock first."""
        variables: dict[str, pulumi.Input[str]] = {"HOME": DATA, **self.places.fill_all(self.environment)}
        if self.bundle is not None:
            variables |= {"BUNDLE": f"{BUNDLE_FOLDER}/{BUNDLE}", "FILES": FILES}
        asks = schedule is not None and distances(schedule.timezone) != {0}
        if schedule is not None and asks:
            variables |= {"CRON": schedule.cron, "ZONE": schedule.timezone, "TRIGGER": utc(schedule)}
        if self.bundle is not None or self.secrets:
            # Changed files or secrets alone would restart nothing.
            parts = [self.bundle or "", *(address(kept) for kept in self.secrets.values())]
            variables["CONTENT"] = pulumi.Output.all(*parts).apply(digest)
        env = [app.EnvironmentVarArgs(name=key, value=value) for key, value in variables.items()]
        env += [app.EnvironmentVarArgs(name=key, secret_ref=secret_name(key)) for key in self.secrets]
        _, cpu, memory = placed(SIZES[self.size])
        return app.ContainerArgs(
            name="main",
            image=self.image,
            command=self.starting(self.command, asks=asks),
            env=env,
            resources=app.ContainerResourcesArgs(cpu=cpu, memory=memory),
            probes=self.probes() or None,
            volume_mounts=[
                app.VolumeMountArgs(volume_name=name, mount_path=path) for name, path in self.folders().items()
            ],
        )

    def folders(self) -> dict[str, str]:
        """Where volumes are mounted."""
        return {"data": DATA} | ({"files": FILES, "bundle": BUNDLE_FOLDER} if self.files else {})

    def volumes(self) -> list[app.VolumeArgs]:
        """Scratch space that ends with the container, and the bundle."""
        item = app.SecretVolumeItemArgs(secret_ref="files", path=BUNDLE)
        return [
            app.VolumeArgs(name=name, storage_type="Secret", secrets=[item])
            if name == "bundle"
            else app.VolumeArgs(name=name, storage_type="EmptyDir")
            for name in self.folders()
        ]

    def probes(self) -> list[app.ContainerAppProbeArgs]:
        """The first endpoint is asked over HTTP, or connected to: until it has started, and from then on."""
        if not self.endpoints:
            return []
        first = next(iter(self.endpoints.values()))
        http = app.ContainerAppProbeHttpGetArgs(path=first.health, port=first.port) if first.health else None
        tcp = app.ContainerAppProbeTcpSocketArgs(port=first.port) if not first.health else None
        patience = {"Startup": (math.ceil(self.start_seconds / FAILURES) or 1, FAILURES), "Readiness": (5, 3)}
        return [
            app.ContainerAppProbeArgs(
                type=kind,
                http_get=http,
                tcp_socket=tcp,
                period_seconds=seconds,
                timeout_seconds=5,
                failure_threshold=failures,
            )
            for kind, (seconds, failures) in {**patience, "Liveness": (30, FAILURES)}.items()
        ]

    def ingress(self) -> app.IngressArgs | None:
        """The first endpoint is the app's own, over TLS where it is a web protocol.

        Inside the environment alone, unless that endpoint is public.
        """
        if not self.endpoints:
            return None
        first, *more = self.endpoints.values()
        web = first.protocol in WEB
        return app.IngressArgs(
            external=first.public,
            target_port=first.port,
            exposed_port=None if web else first.port,
            transport="http" if web else "tcp",
            allow_insecure=False,
            additional_port_mappings=[
                app.IngressPortMappingArgs(external=False, target_port=other.port, exposed_port=other.port)
                for other in more
            ],
        )

    def scale(self) -> app.ScaleArgs:
        """One instance; more of them while they are busy, where that is allowed."""
        busy = app.CustomScaleRuleArgs(type="cpu", metadata={"type": "Utilization", "value": str(BUSY)})
        rules = [app.ScaleRuleArgs(name="busy", custom=busy)] if self.maximum > 1 else None
        return app.ScaleArgs(min_replicas=1, max_replicas=self.maximum, rules=rules)

    def container_app(self, name: str, physical: str, place: Place) -> app.ContainerApp:
        """What runs until it is removed; the next revision starts before the last one ends."""
        return app.ContainerApp(
            name,
            container_app_name=physical,
            resource_group_name=place.group,
            location=place.region,
            environment_id=place.environment,
            workload_profile_name=self.profile,
            identity=self.identities(),
            configuration=app.ConfigurationArgs(
                active_revisions_mode="Single",
                identity_settings=self.lifecycles(),
                ingress=self.ingress(),
                registries=self.registries(),
                secrets=self.secret_values(),
            ),
            template=app.TemplateArgs(
                containers=[self.container()],
                scale=self.scale(),
                volumes=self.volumes(),
            ),
            tags=place.tags,
            opts=self.after(place.options),
        )

    def container_job(
        self, name: str, physical: str, place: Place, seconds: int, schedule: Schedule | None = None
    ) -> app.Job:
        """A job that somebody starts, or the platform by a schedule."""
        once = {"parallelism": 1, "replica_completion_count": 1}
        if schedule is None:
            trigger: dict[str, Any] = {"manual_trigger_config": app.JobConfigurationManualTriggerConfigArgs(**once)}
        else:
            timed = app.JobConfigurationScheduleTriggerConfigArgs(cron_expression=utc(schedule), **once)
            trigger = {"schedule_trigger_config": timed}
        return app.Job(
            name,
            job_name=physical,
            resource_group_name=place.group,
            location=place.region,
            environment_id=place.environment,
            workload_profile_name=self.profile,
            identity=self.identities(),
            configuration=app.JobConfigurationArgs(
                trigger_type="Schedule" if schedule else "Manual",
                replica_timeout=seconds,
                replica_retry_limit=0,
                identity_settings=self.lifecycles(),
                registries=self.registries(),
                secrets=self.secret_values(),
                **trigger,
            ),
            template=app.JobTemplateArgs(containers=[self.container(schedule)], volumes=self.volumes()),
            tags=place.tags,
            opts=self.after(place.options),
        )

    def after(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """The same options, waiting for the rights that the container starts with."""
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[*self.ready]))


def web_address(running: app.ContainerApp) -> pulumi.Output[str]:
    """Where an app answers over TLS, known once it runs; it stands beside its secrets and is none."""
    return pulumi.Output.unsecret(pulumi.Output.concat("https://", running.configuration.ingress.fqdn))


def secret_name(variable: str) -> str:
    """An environment variable as the name of a secret: small letters, digits, dashes."""
    return variable.lower().replace("_", "-")


def address(kept: keyvault.Secret) -> pulumi.Output[str]:
    """Where a secret's present value is: a changed one has another address."""
    return pulumi.Output.unsecret(kept.properties.secret_uri_with_version)


def digest(parts: Sequence[str]) -> str:
    """What changes with any of the parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
