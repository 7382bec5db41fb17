"""What a container on Docker consists of: hardened, with its files and secrets laid beside it before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pulumi
import pulumi_docker as docker

from components.base import Component
from components.errors import UserError
from components.names import shortened
from components.port import Port
from components.primitives import SIZES, Endpoint, Size, Software, program
from components.targets.containers import DATA, EVERYWHERE, FILES, USER, Places
from components.targets.machine import Machine
from components.targets.seaweedfs import SeaweedFS

SECRETS = "/run/secrets"
OPEN = f'for file in {SECRETS}/*; do text=$(cat "$file"; echo .); export "${{file##*/}}=${{text%?}}"; done; exec "$@"'
"""Makes environment variables of the files: `docker inspect` shows what is given as variables."""
NAME_LIMIT = 63
"""A container's name is its DNS name on its networks (RFC 1035, a label)."""
INTERVAL, RETRIES = "5s", 3
STOP_SECONDS = 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one container runs. Secrets are files under SECRETS, and variables too where `opens` says so."""

    software: Software
    command: Sequence[pulumi.Input[str]]
    size: Size
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    opens: bool = True
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    start_seconds: int = 60
    storage: int = 0
    """GiB for a data directory that outlives it; 0: it ends with it. Docker sets no limit, the estimate counts it."""
    stop_signal: str = "SIGTERM"
    networks: Sequence[pulumi.Input[str]] = ()
    authentication: str = "password"


class Daemon(SeaweedFS, Machine):
    """Makes containers and volumes of one Docker daemon, on the stack's network."""

    @cached_property
    def provider(self) -> docker.Provider | None:
        """None leaves it to DOCKER_HOST, or to the `docker:` keys of the stack's configuration."""
        host = self.settings.values.get("dockerHost")
        return docker.Provider("docker", host=str(host)) if host else None

    @cached_property
    def network(self) -> pulumi.Input[str]:
        """The stack's own, or one that was brought along."""
        given = self.settings.values.get("network")
        if given:
            return str(given)
        labels = [docker.NetworkLabelArgs(label=k, value=v) for k, v in self.settings.shared_tags().as_map().items()]
        # A network can't be labelled anew without taking every container off it.
        options = pulumi.ResourceOptions(provider=self.provider, ignore_changes=["labels"])
        made = docker.Network("network", name=network_of(self.settings.stack), labels=labels, opts=options)
        return made.name

    def networks(self, uses: Sequence[Component[Any, Any] | Port]) -> list[pulumi.Input[str]]:
        """The stack's network, then that of each other stack on Docker whose ports are used."""
        stacks = dict.fromkeys(used.stack for used in uses if isinstance(used, Port) and used.stack)
        found: dict[str, None] = {}
        for stack in stacks:
            settings = self.settings.neighbours.get(stack, {})
            if settings.get("target", self.name) == self.name:
                found[str(settings.get("network") or network_of(stack))] = None
        own = self.settings.values.get("network")
        return [self.network, *(name for name in found if name != own)]

    @cached_property
    def images(self) -> dict[str, docker.RemoteImage]:
        """Those of the stack, by reference."""
        return {}

    def pulled(self, software: Software) -> docker.RemoteImage:
        """A software's image on the daemon's machine; the same for all of the stack that run it."""
        reference = self.image_of(software)
        if reference not in self.images:
            options = pulumi.ResourceOptions(provider=self.provider, delete_before_replace=True)
            self.images[reference] = docker.RemoteImage(software.name, name=reference, keep_locally=True, opts=options)
        return self.images[reference]

    def under(self, component: Component[Any, Any], **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource of this daemon under a component."""
        return component.below(provider=self.provider, **options)

    def physical(self, component: Component[Any, Any]) -> str:
        """A component's name on the daemon, which it shares with other stacks."""
        return shortened(f"{self.settings.stack}--{component.origin}", NAME_LIMIT)

    def places(self, component: Component[Any, Any], endpoints: Mapping[str, Endpoint], networks: int) -> Places:
        """A program listens under its own name, which is what it tells others too; on several networks, on all."""
        return Places(endpoints, self.physical(component) if networks == 1 else EVERYWHERE)

    def container(self, owner: Component[Any, Any], load: Workload) -> docker.Container:
        """One container; known once it is healthy."""
        name, image, capacity = self.physical(owner), self.pulled(load.software), SIZES[load.size]
        variables = {"HOME": DATA, **load.environment}
        beside = self.beside(owner, load, image)
        kept = self.kept(owner, load.storage) if load.storage else None
        volumes = [docker.ContainerVolumeArgs(container_path=DATA, volume_name=kept)]
        if beside is not None:
            volumes.append(docker.ContainerVolumeArgs(from_container=pulumi.Output.concat(beside.id, ":ro")))
        starts = ["sh", "-c", OPEN, "sh"] if load.opens and load.secrets else []
        return docker.Container(
            owner.name,
            name=name,
            hostname=name,
            image=image.image_id,
            command=[*starts, *load.command],
            envs=[pulumi.Output.concat(key, "=", value) for key, value in sorted(variables.items())],
            user=f"{USER}:{USER}",
            init=True,
            read_only=True,
            tmpfs={"/tmp": "exec,mode=1777"},  # Java unpacks its libraries there
            volumes=volumes,
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges:true"],
            memory=capacity.memory,
            memory_swap=capacity.memory,
            cpus=f"{capacity.cpu:g}",
            restart="unless-stopped",
            stop_signal=load.stop_signal,
            stop_timeout=STOP_SECONDS,
            destroy_grace_seconds=STOP_SECONDS,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in load.networks],
            ports=self.published(owner, load),
            healthcheck=healthcheck(name, load) if load.endpoints else None,
            wait=bool(load.endpoints),
            wait_timeout=load.start_seconds,
            labels=labels(owner),
            opts=self.under(owner, delete_before_replace=True),
        )

    def beside(self, owner: Component[Any, Any], load: Workload, image: docker.RemoteImage) -> docker.Container | None:
        """A container that never starts: its volumes hold the files and secrets of the one that does.

        The provider uploads through the root of a container's file system, which a read-only one refuses.
        """
        uploads = [
            # The provider takes no empty content.
            docker.ContainerUploadArgs(file=f"{FILES}/{path}", content=text or "\n", permissions="0444")
            for path, text in load.files.items()
        ]
        uploads += [
            docker.ContainerUploadArgs(
                file=f"{SECRETS}/{key}", content=value, owner=str(USER), group=str(USER), permissions="0400"
            )
            for key, value in load.secrets.items()
        ]
        if not uploads:
            return None
        folders = [FILES] * bool(load.files) + [SECRETS] * bool(load.secrets)
        return docker.Container(
            owner.child("contents"),
            name=f"{self.physical(owner)}.contents",
            image=image.image_id,
            command=["true"],
            start=False,
            must_run=False,
            network_mode="none",
            volumes=[docker.ContainerVolumeArgs(container_path=folder) for folder in folders],
            uploads=uploads,
            labels=labels(owner),
            opts=self.under(owner, delete_before_replace=True),
        )

    def kept(self, owner: Component[Any, Any], gibibytes: int) -> pulumi.Output[str]:
        """The name of a volume that nothing ever replaces."""
        said = {**owner.context.tags.as_map(), "storage-gib": str(gibibytes)}
        made = docker.Volume(
            owner.name,
            name=self.physical(owner),
            labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in said.items()],
            # The provider would make a new volume for a changed label: a product's new owner must not cost its data.
            opts=self.under(owner, protect=self.settings.protected, ignore_changes=["labels", "driver", "driverOpts"]),
        )
        return made.name

    def published(self, owner: Component[Any, Any], load: Workload) -> list[docker.ContainerPortArgs] | None:
        """Nothing, unless the stack's configuration says `publish: true`: then free ports of this machine."""
        if not self.settings.values.get("publish"):
            return None
        bind = str(self.settings.values.get("bind") or LOOPBACK[0])
        if bind not in LOOPBACK and load.authentication == "none":
            raise UserError(
                f"`bind: {bind}` opens `{owner.name}` to other machines, and it asks nobody who he is",
                hint="take `meshwright:bind` or `meshwright:publish` out of the stack's configuration",
            )
        return [docker.ContainerPortArgs(internal=endpoint.port, ip=bind) for endpoint in load.endpoints.values()]


def network_of(stack: str) -> str:
    """The network that a stack makes."""
    return f"mesh-{stack}"


def labels(owner: Component[Any, Any]) -> list[docker.ContainerLabelArgs]:
    """The component's tags."""
    return [docker.ContainerLabelArgs(label=key, value=value) for key, value in owner.context.tags.as_map().items()]


def healthcheck(host: str, load: Workload) -> docker.ContainerHealthcheckArgs:
    """Asks every endpoint, under the name that others use."""
    asked = [f"{endpoint.port}{endpoint.health}" for endpoint in load.endpoints.values()]
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", "python", "-I", "-S", "-c", program("container_probe.py"), host, *asked],
        interval=INTERVAL,
        timeout=INTERVAL,
        start_period=go_duration(load.start_seconds),
        retries=RETRIES,
    )


def go_duration(seconds: int) -> str:
    """As the daemon gives it back (Go, `time.Duration.String`): another writing of the same would be a change."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
