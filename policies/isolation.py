"""Rules on what keeps a container apart from its machine and from its neighbours."""

from __future__ import annotations

from typing import Any

from policies.pods import (
    DOCKER,
    KUBERNETES,
    MAIN,
    MISSES,
    PODS,
    TASK,
    Container,
    a_container,
    a_pod,
    a_run,
    a_task,
    an_app,
    each_container,
    pod_spec,
)
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import at, every, items, word

_VOLUME = "kubernetes:core/v1:PersistentVolume"
_ON_FARGATE = "ECS: Fargate takes no such setting"
ON_AZURE = "Container Apps, which have no such setting"


def _on(*names: str, pod: bool = False) -> Any:
    """One of these settings is on in the container, or in what holds it."""

    def check(container: Container) -> str | None:
        holder = container.pod if pod else container.props
        found = next((name for name in names if word(at(holder, name)) == "true"), None)
        return f"`{found}`" if found else None

    return check


def _host(resource: Resource) -> str | None:
    pod = pod_spec(resource)
    if pod is not None:
        return next((f"`{key}`" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key) is True), None)
    if resource.type in (TASK, DOCKER):
        for key in ("networkMode", "pidMode", "ipcMode", "usernsMode"):
            if resource.props.get(key) == "host":
                return f"`{key}`"
    return None


def _host_port(container: Container) -> str | None:
    ports = (port for port in items(container.props.get("ports")) if isinstance(port, dict))
    return "`hostPort`" if any(float(port.get("hostPort") or 0) > 0 for port in ports) else None


def _host_path(resource: Resource) -> str | None:
    if resource.type == _VOLUME:
        return next((f"`spec.{key}`" for key in ("hostPath", "local") if at(resource.props, f"spec.{key}")), None)
    pod = pod_spec(resource)
    if pod is None and resource.type not in (TASK, DOCKER):
        return None
    for number, volume in enumerate(items((resource.props if pod is None else pod).get("volumes")), start=1):
        if isinstance(volume, dict) and volume.get("hostPath"):
            return f"volume {number}"
    return None


def _bound(resource: Resource) -> str | None:
    if resource.type == DOCKER:
        for number, mount in enumerate(items(resource.props.get("mounts")), start=1):
            if isinstance(mount, dict) and mount.get("type") == "bind":
                return f"mount {number}"
    return None


def _escalates(container: Container) -> str | None:
    said = "`allowPrivilegeEscalation` is not off"
    return None if at(container.props, "securityContext.allowPrivilegeEscalation") is False else said


def options(container: Container) -> list[str]:
    """Docker's security options, `a=b` or `a`."""
    return [str(option).replace(":", "=") for option in items(container.props.get("securityOpts"))]


def _gains(container: Container) -> str | None:
    found = {"no-new-privileges", "no-new-privileges=true"} & set(options(container))
    return None if found else "`securityOpts` lacks no-new-privileges"


PRIVILEGED = Rule(
    id="CTR-01",
    name="privileged-container",
    severity="critical",
    what="A container has every right on its machine",
    why="Whoever breaks into a privileged container owns the node and all that runs on it.",
    fix="Take `privileged` out; add the one capability that is needed.",
    refs=("CKV_K8S_16", "FSBP:ECS.4", "PSS:baseline"),
    reads=PODS,
    violated=each_container(
        kubernetes=_on("securityContext.privileged", "securityContext.windowsOptions.hostProcess"),
        ecs=_on("privileged"),
        docker=_on("privileged"),
    ),
    passes=(a_pod(), a_run(), a_task(), a_container(), an_app(), example(TASK, {"containerDefinitions": "[]"})),
    fails=(
        a_pod({"privileged": True}),
        a_pod(initContainers=[{"name": "init", "securityContext": {"privileged": True}}]),
        a_pod(containers=[UNKNOWN, {"name": "b", "securityContext": {"privileged": True}}]),
        a_run({"privileged": True}),
        a_task({"privileged": True}),
        a_container(privileged=True),
    ),
    misses=MISSES,
)

HOST_NAMESPACE = Rule(
    id="CTR-02",
    name="shared-host-namespace",
    severity="critical",
    what="A container shares its machine's network, processes or memory",
    why="It reads its neighbours' traffic and processes, past every network policy.",
    fix="Drop hostNetwork, hostPID, hostIPC and hostPort (`host` in a mode); a Service gives a pod its address.",
    refs=("CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19", "CKV_K8S_26", "FSBP:ECS.3", "FSBP:ECS.17"),
    reads=PODS,
    violated=every(_host, each_container(kubernetes=_host_port)),
    passes=(a_pod(hostNetwork=False), a_task(networkMode="awsvpc"), a_container(networkMode="none"), a_run()),
    fails=(
        a_pod(hostNetwork=True),
        a_pod(hostPID=True),
        a_run(hostIPC=True),
        a_pod(containers=[{**MAIN, "ports": [{"containerPort": 80.0, "hostPort": 80.0}]}]),
        a_task(networkMode="host"),
        a_task(pidMode="host"),
        a_container(ipcMode="host"),
    ),
    misses=(*MISSES, "published ports of Docker containers (PUB-08)"),
)

HOST_PATH = Rule(
    id="CTR-03",
    name="host-path-volume",
    severity="critical",
    what="A container sees a directory of its machine",
    why="The machine's files hold every pod's secrets, and the container engine's socket is root on it.",
    fix="Use an empty directory, a volume of its own, or a bucket.",
    refs=("CKV_K8S_27", "PSS:baseline"),
    reads=(*PODS, _VOLUME),
    violated=every(_host_path, _bound),
    passes=(
        a_pod(volumes=[{"name": "data", "emptyDir": {}}]),
        a_task(volumes=[{"name": "data"}]),
        a_container(volumes=[{"containerPath": "/data", "volumeName": "data"}], mounts=[{"type": "volume"}]),
        example(_VOLUME, {"spec": {"csi": {"driver": "ebs.csi.aws.com"}}}),
    ),
    fails=(
        a_pod(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
        a_run(volumes=[UNKNOWN, {"name": "x", "hostPath": {"path": "/var/run/docker.sock"}}]),
        a_task(volumes=[{"name": "x", "hostPath": "/etc"}]),
        a_container(volumes=[{"containerPath": "/x", "hostPath": "/var/run/docker.sock"}]),
        a_container(mounts=[{"type": "bind", "source": "/etc", "target": "/x"}]),
        example(_VOLUME, {"spec": {"hostPath": {"path": "/data"}}}),
    ),
    misses=MISSES,
)

PRIVILEGE_ESCALATION = Rule(
    id="CTR-04",
    name="privilege-escalation",
    severity="high",
    what="A program may gain more rights than it was started with",
    fix="Set `allowPrivilegeEscalation: false`; on Docker `securityOpts: [no-new-privileges:true]`.",
    refs=("CKV_K8S_20", "PSS:restricted"),
    reads=(*KUBERNETES, DOCKER),
    violated=each_container(kubernetes=_escalates, docker=_gains),
    passes=(a_pod(), a_run(), a_container(), a_container(securityOpts=[], start=False)),
    fails=(
        a_pod({"allowPrivilegeEscalation": None}),
        a_run({"allowPrivilegeEscalation": True}),
        a_container(securityOpts=[]),
    ),
    misses=(*MISSES, _ON_FARGATE, ON_AZURE),
)
