"""What a pod on Kubernetes consists of, within the `restricted` Pod Security Standard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes import core, meta

from components.primitives import SIZES, Endpoint, Size
from components.targets.containers import DATA, FILES, USER

TMP, SECRETS = "/tmp", "/secrets"
LABEL = re.compile(r"[^A-Za-z0-9._-]")
STOP_SECONDS = 30
"""How long a program may take to end when it is asked to; also Kubernetes' own default."""


def label(text: str) -> str:
    """A value that Kubernetes takes as a label: 63 characters of `[A-Za-z0-9._-]`, letters or digits at both ends."""
    return LABEL.sub("_", text)[:63].strip("._-")


def file_key(path: str) -> str:
    """A path as a key of a ConfigMap."""
    return LABEL.sub("_", path.replace("/", "__"))


def from_secret(secret: core.v1.Secret) -> core.v1.EnvVarSourceArgs:
    """An environment variable's value, read from a Secret by the kubelet."""
    reference = core.v1.SecretKeySelectorArgs(name=secret.metadata.name, key="value")
    return core.v1.EnvVarSourceArgs(secret_key_ref=reference)


@dataclass(frozen=True, kw_only=True)
class Program:
    """One container; it writes to /tmp and to the mounts alone."""

    image: str
    command: Sequence[pulumi.Input[str]]
    size: Size
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, core.v1.Secret] = field(default_factory=dict)
    files: core.v1.ConfigMap | None = None
    paths: Sequence[str] = ()
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    probe: core.v1.ProbeArgs | None = None
    claim: pulumi.Input[str] | None = None
    """The volume behind its data directory; without one it ends with the pod."""
    brought: bool = False
    """Whether a StatefulSet brings that volume."""
    opened: core.v1.Secret | None = None
    """A Secret as a file, for a program that takes its password from one."""
    stop: Sequence[str] = ()
    """The command that asks its first process to end, before a SIGTERM does; it handles signals itself."""

    def container(self, name: str, suffix: str) -> core.v1.ContainerArgs:
        """The container; `suffix` tells its volumes from those of others in the pod."""
        capacity = SIZES[self.size]
        # The memory is reserved whole, so that no neighbour's need ends the pod; CPU above half a share is taken when
        # idle.
        resources = core.v1.ResourceRequirementsArgs(
            requests={"cpu": f"{int(capacity.cpu * 500)}m", "memory": f"{capacity.memory}Mi"},
            limits={"cpu": f"{int(capacity.cpu * 1000)}m", "memory": f"{capacity.memory}Mi"},
        )
        variables = [core.v1.EnvVarArgs(name="HOME", value=DATA)]
        variables += [core.v1.EnvVarArgs(name=key, value=value) for key, value in self.environment.items()]
        variables += [core.v1.EnvVarArgs(name=key, value_from=from_secret(kept)) for key, kept in self.secrets.items()]
        mounts = [
            core.v1.VolumeMountArgs(name=f"tmp{suffix}", mount_path=TMP),
            core.v1.VolumeMountArgs(name=f"data{suffix}", mount_path=DATA),
        ]
        if self.opened is not None:
            mounts.append(core.v1.VolumeMountArgs(name=f"secrets{suffix}", mount_path=SECRETS, read_only=True))
        if self.files is not None:
            mounts.append(core.v1.VolumeMountArgs(name=f"files{suffix}", mount_path=FILES, read_only=True))
        stop = core.v1.LifecycleHandlerArgs(exec_=core.v1.ExecActionArgs(command=list(self.stop)))
        return core.v1.ContainerArgs(
            name=name,
            image=self.image,
            command=list(self.command),
            env=variables,
            ports=[
                core.v1.ContainerPortArgs(name=port_name(key), container_port=endpoint.port)
                for key, endpoint in self.endpoints.items()
            ],
            readiness_probe=self.probe,
            lifecycle=core.v1.LifecycleArgs(pre_stop=stop) if self.stop else None,
            resources=resources,
            volume_mounts=mounts,
            security_context=core.v1.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
            ),
        )

    def volumes(self, suffix: str) -> list[core.v1.VolumeArgs]:
        """What its mounts name."""
        made = [core.v1.VolumeArgs(name=f"tmp{suffix}", empty_dir=core.v1.EmptyDirVolumeSourceArgs())]
        if self.claim is not None:
            source = core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=self.claim)
            made.append(core.v1.VolumeArgs(name=f"data{suffix}", persistent_volume_claim=source))
        elif not self.brought:
            made.append(core.v1.VolumeArgs(name=f"data{suffix}", empty_dir=core.v1.EmptyDirVolumeSourceArgs()))
        if self.opened is not None:
            kept = core.v1.SecretVolumeSourceArgs(secret_name=self.opened.metadata.name, default_mode=0o440)
            made.append(core.v1.VolumeArgs(name=f"secrets{suffix}", secret=kept))
        if self.files is not None:
            items = [core.v1.KeyToPathArgs(key=file_key(path), path=path) for path in self.paths]
            content = core.v1.ConfigMapVolumeSourceArgs(name=self.files.metadata.name, items=items)
            made.append(core.v1.VolumeArgs(name=f"files{suffix}", config_map=content))
        return made


def template(
    labels: Mapping[str, str], program: Program, *, first: Mapping[str, Program] | None = None, restart: str = "Always"
) -> core.v1.PodTemplateSpecArgs:
    """A pod that talks to no Kubernetes API: the programs of `first` by name, one after the other, then `program`."""
    before = [(f"-{number}", name, one) for number, (name, one) in enumerate((first or {}).items(), start=1)]
    volumes = program.volumes("")
    for suffix, _, one in before:
        volumes += one.volumes(suffix)
    pod = core.v1.PodSpecArgs(
        containers=[program.container("main", "")],
        init_containers=[one.container(name, suffix) for suffix, name, one in before] or None,
        volumes=volumes,
        restart_policy=restart,
        automount_service_account_token=False,
        enable_service_links=False,
        # The first process of a namespace ends by no SIGTERM that it does not handle: here that is the pause container.
        share_process_namespace=not program.stop,
        termination_grace_period_seconds=STOP_SECONDS,
        security_context=core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
    )
    return core.v1.PodTemplateSpecArgs(metadata=meta.v1.ObjectMetaArgs(labels=dict(labels)), spec=pod)


def probe(endpoint: Endpoint) -> core.v1.ProbeArgs:
    """Asks an endpoint over HTTP, or connects to it."""
    if endpoint.health:
        asked = core.v1.HTTPGetActionArgs(path=endpoint.health, port=endpoint.port)
        return core.v1.ProbeArgs(http_get=asked, period_seconds=5, timeout_seconds=4)
    return core.v1.ProbeArgs(tcp_socket=core.v1.TCPSocketActionArgs(port=endpoint.port), period_seconds=5)


def port_name(name: str) -> str:
    """A port's name: at most 15 characters (Kubernetes: IANA service names)."""
    return name[:15].strip("-")


def claim_spec(gibibytes: int) -> core.v1.PersistentVolumeClaimSpecArgs:
    """A volume for one pod, of the cluster's default storage class."""
    wanted = core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{gibibytes}Gi"})
    return core.v1.PersistentVolumeClaimSpecArgs(access_modes=["ReadWriteOnce"], resources=wanted)
