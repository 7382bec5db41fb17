"""What a pod on Kubernetes consists of, within the `restricted` Pod Security Standard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import core, meta

from components.primitives import SIZES, Endpoint, Size
from components.targets.containers import DATA, FILES, USER

TMP = "/tmp"
LABEL = re.compile(r"[^A-Za-z0-9._-]")


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


def template(
    labels: Mapping[str, str],
    *,
    image: str,
    command: Sequence[pulumi.Input[str]],
    size: Size,
    environment: Mapping[str, pulumi.Input[str]] | None = None,
    secrets: Mapping[str, core.v1.Secret] | None = None,
    files: core.v1.ConfigMap | None = None,
    paths: Sequence[str] = (),
    endpoints: Mapping[str, Endpoint] | None = None,
    probe: core.v1.ProbeArgs | None = None,
    volumes: Sequence[core.v1.VolumeArgs] = (),
    mounts: Sequence[core.v1.VolumeMountArgs] = (),
    restart: str = "Always",
) -> core.v1.PodTemplateSpecArgs:
    """A pod of one container; it writes to /tmp and to the mounts alone, and talks to no Kubernetes API."""
    capacity = SIZES[size]
    # The memory is reserved whole, so that no neighbour's need ends the pod; CPU above half a share is taken when idle.
    resources = core.v1.ResourceRequirementsArgs(
        requests={"cpu": f"{int(capacity.cpu * 500)}m", "memory": f"{capacity.memory}Mi"},
        limits={"cpu": f"{int(capacity.cpu * 1000)}m", "memory": f"{capacity.memory}Mi"},
    )
    variables = [core.v1.EnvVarArgs(name="HOME", value=DATA)]
    variables += [core.v1.EnvVarArgs(name=key, value=value) for key, value in (environment or {}).items()]
    variables += [core.v1.EnvVarArgs(name=key, value_from=from_secret(kept)) for key, kept in (secrets or {}).items()]
    all_volumes = [core.v1.VolumeArgs(name="tmp", empty_dir=core.v1.EmptyDirVolumeSourceArgs()), *volumes]
    all_mounts = [core.v1.VolumeMountArgs(name="tmp", mount_path=TMP), *mounts]
    if files is not None:
        items = [core.v1.KeyToPathArgs(key=file_key(path), path=path) for path in paths]
        source = core.v1.ConfigMapVolumeSourceArgs(name=files.metadata.name, items=items)
        all_volumes.append(core.v1.VolumeArgs(name="files", config_map=source))
        all_mounts.append(core.v1.VolumeMountArgs(name="files", mount_path=FILES, read_only=True))
    container = core.v1.ContainerArgs(
        name="main",
        image=image,
        command=list(command),
        env=variables,
        ports=[
            core.v1.ContainerPortArgs(name=port_name(key), container_port=endpoint.port)
            for key, endpoint in (endpoints or {}).items()
        ],
        readiness_probe=probe,
        resources=resources,
        volume_mounts=all_mounts,
        security_context=core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
    )
    pod = core.v1.PodSpecArgs(
        containers=[container],
        volumes=all_volumes,
        restart_policy=restart,
        automount_service_account_token=False,
        enable_service_links=False,
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


def scratch() -> core.v1.VolumeArgs:
    """A data directory that ends with its pod."""
    return core.v1.VolumeArgs(name="data", empty_dir=core.v1.EmptyDirVolumeSourceArgs())


def data() -> core.v1.VolumeMountArgs:
    """Where a pod's data directory is."""
    return core.v1.VolumeMountArgs(name="data", mount_path=DATA)


def claim_spec(gibibytes: int) -> core.v1.PersistentVolumeClaimSpecArgs:
    """A volume for one pod, of the cluster's default storage class."""
    wanted = core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{gibibytes}Gi"})
    return core.v1.PersistentVolumeClaimSpecArgs(access_modes=["ReadWriteOnce"], resources=wanted)
