"""Rules on the rights inside a container: its user, its capabilities, its files, its place."""

from __future__ import annotations

from typing import Any

from policies.isolation import ON_AZURE, options
from policies.pods import (
    DEPLOYMENT,
    DOCKER,
    KUBERNETES,
    MAIN,
    MISSES,
    RUN,
    SAFE,
    TASK,
    Container,
    a_container,
    a_pod,
    a_run,
    a_task,
    containers,
    each_container,
    is_root,
    pod_spec,
)
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import at, every, items

_HARMLESS = ("NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE")


def _root_pod(container: Container) -> str | None:
    user = container.setting("runAsUser")
    if user is None:
        return None if container.setting("runAsNonRoot") is True else "neither `runAsNonRoot` nor `runAsUser`"
    return "`runAsUser` is root" if is_root(user) else None


def _root_user(container: Container) -> str | None:
    return "`user` is root, or the image's own" if is_root(container.props.get("user")) else None


def _root_task(container: Container) -> str | None:
    return None if _prepares(container) else _root_user(container)


def _prepares(container: Container) -> bool:
    """Whether an ECS container ends before the others begin: Fargate gives a task's empty volumes to root."""
    if container.props.get("essential") is not False:
        return False
    others = containers(Resource(type=TASK, props=container.pod))
    waits = [wait for other in others for wait in items(other.props.get("dependsOn"))]
    named = [wait for wait in waits if wait.get("containerName") == container.name]
    return bool(named) and all(wait.get("condition") in ("SUCCESS", "COMPLETE") for wait in named)


def _keeps(path: str) -> Any:
    def check(container: Container) -> str | None:
        dropped = {str(name).upper() for name in items(at(container.props, path))}
        return None if "ALL" in dropped else f"`{path}` lacks ALL"

    return check


def _adds(path: str) -> Any:
    def check(container: Container) -> str | None:
        for name in items(at(container.props, path)):
            if str(name).upper() not in _HARMLESS:
                return f"`{path}`"
        return None

    return check


def _unfiltered(container: Container) -> str | None:
    profile = container.setting("seccompProfile") or {}
    return None if profile.get("type") in ("RuntimeDefault", "Localhost") else "no `seccompProfile`"


def _unconfined(container: Container) -> str | None:
    found = {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"} & set(options(container))
    return "`securityOpts` lifts a filter" if found else None


def _writable(path: str) -> Any:
    return lambda container: None if at(container.props, path) is True else f"`{path}` is not on"


def _nowhere(resource: Resource) -> str | None:
    """A namespace that is not known yet is another resource's name: that is one that was made."""
    if pod_spec(resource) is None:
        return None
    metadata = at(resource.props, "manifest.metadata" if resource.type == RUN else "metadata")
    name = dict.get(metadata, "namespace") if isinstance(metadata, dict) else None
    unsaid = name is not UNKNOWN and name in (None, "", "default")
    return "`metadata.namespace` is default, or not given" if unsaid else None


def _unprobed(resource: Resource) -> str | None:
    if not resource.type.startswith("kubernetes:apps/"):
        return None
    init = len(items(at(pod_spec(resource), "initContainers")))
    for container in list(containers(resource))[: -init or None]:
        if container.props.get("ports") and not container.props.get("readinessProbe"):
            return f"no `readinessProbe` in container `{container.name}`"
    return None


ROOT = Rule(
    id="CTR-05",
    name="root-container",
    severity="high",
    what="A container runs as root",
    fix="Name a user of its own: `runAsNonRoot: true`, or `user: 10001`.",
    refs=("CKV_K8S_23", "CKV_K8S_40", "FSBP:ECS.20", "PSS:restricted"),
    reads=(*KUBERNETES, TASK, DOCKER),
    violated=each_container(kubernetes=_root_pod, ecs=_root_task, docker=_root_user),
    passes=(
        a_pod(),
        a_pod({"runAsNonRoot": None}, securityContext={"runAsNonRoot": True}),
        a_pod({"runAsNonRoot": None, "runAsUser": 10001.0}),
        a_task(),
        a_task(
            {"dependsOn": [{"containerName": "files", "condition": "SUCCESS"}]},
            {"name": "files", "user": "0", "essential": False},
        ),
        a_container(),
    ),
    fails=(
        a_pod({"runAsNonRoot": None}),
        a_pod({"runAsUser": 0.0}),
        a_pod({"runAsNonRoot": False}, securityContext={"runAsNonRoot": True}),
        a_run({"runAsNonRoot": None}),
        a_task({"user": None}),
        a_task({}, {"name": "side", "user": "0", "essential": False}),
        a_container(user="root"),
        a_container(user=None),
    ),
    misses=(
        *MISSES,
        "an ECS container that prepares the task's volumes as root and ends before the others begin: they are root's",
        ON_AZURE,
    ),
)

CAPABILITIES = Rule(
    id="CTR-06",
    name="kept-capabilities",
    severity="high",
    what="A container keeps rights of root that it does not need",
    fix="Drop ALL capabilities; add back the one that is needed.",
    refs=("CKV_K8S_37", "PSS:restricted"),
    reads=(*KUBERNETES, DOCKER),
    violated=each_container(
        kubernetes=_keeps("securityContext.capabilities.drop"), docker=_keeps("capabilities.drops")
    ),
    passes=(a_pod(), a_run(), a_container(), a_container(capabilities={}, start=False)),
    fails=(
        a_pod({"capabilities": None}),
        a_run({"capabilities": {"drop": ["NET_RAW"]}}),
        a_container(capabilities={"adds": ["ALL"]}),
    ),
    misses=(*MISSES, "ECS, where a program without root has none in force", ON_AZURE),
)

UNFILTERED_CALLS = Rule(
    id="CTR-07",
    name="unfiltered-system-calls",
    severity="medium",
    what="A container may make any system call",
    fix="Set `seccompProfile: {type: RuntimeDefault}`; on Docker leave the default profile in force.",
    refs=("CKV_K8S_31", "PSS:restricted"),
    reads=(*KUBERNETES, DOCKER),
    violated=each_container(kubernetes=_unfiltered, docker=_unconfined),
    passes=(
        a_pod(),
        a_pod({"seccompProfile": None}, securityContext={"seccompProfile": SAFE["seccompProfile"]}),
        a_container(),
    ),
    fails=(
        a_pod({"seccompProfile": None}),
        a_run({"seccompProfile": {"type": "Unconfined"}}),
        a_container(securityOpts=["no-new-privileges:true", "seccomp=unconfined"]),
    ),
    misses=(*MISSES, "ECS, which filters by itself", ON_AZURE, "what a Localhost profile lets through"),
)

WRITABLE_ROOT = Rule(
    id="CTR-08",
    name="writable-root-directory",
    severity="medium",
    what="A program may change the software that it consists of",
    fix="Make the root file system read-only; mount an empty directory where the program writes.",
    refs=("CKV_K8S_22", "FSBP:ECS.5"),
    reads=(*KUBERNETES, TASK, DOCKER),
    violated=each_container(
        kubernetes=_writable("securityContext.readOnlyRootFilesystem"),
        ecs=_writable("readonlyRootFilesystem"),
        docker=_writable("readOnly"),
    ),
    passes=(a_pod(), a_run(), a_task(), a_container(), a_container(readOnly=None, start=False)),
    fails=(
        a_pod({"readOnlyRootFilesystem": False}),
        a_run({"readOnlyRootFilesystem": None}),
        a_task({"readonlyRootFilesystem": None}),
        a_container(readOnly=False),
    ),
    misses=(*MISSES, ON_AZURE),
)

ADDED_CAPABILITIES = Rule(
    id="CTR-10",
    name="added-capabilities",
    severity="medium",
    what="A container is given rights of root",
    fix="Take the added capabilities out; only NET_BIND_SERVICE may be added.",
    refs=("CKV_K8S_25", "PSS:restricted"),
    reads=(*KUBERNETES, TASK, DOCKER),
    violated=each_container(
        kubernetes=_adds("securityContext.capabilities.add"),
        ecs=_adds("linuxParameters.capabilities.add"),
        docker=_adds("capabilities.adds"),
    ),
    passes=(
        a_pod({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
        a_run(),
        a_task({"linuxParameters": {"initProcessEnabled": True}}),
        a_container(),
    ),
    fails=(
        a_pod({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        a_run({"capabilities": {"add": [UNKNOWN, "NET_RAW"]}}),
        a_task({"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}}),
        a_container(capabilities={"adds": ["CAP_NET_ADMIN"], "drops": ["ALL"]}),
    ),
    misses=MISSES,
)

NO_PLACE_OR_PROBE = Rule(
    id="CTR-13",
    name="default-namespace-or-no-probe",
    severity="low",
    what="A pod lies in the default namespace, or nobody asks whether it is ready",
    fix="Give `metadata.namespace` (the namespace component does) and a `readinessProbe` to what has ports.",
    refs=("CKV_K8S_21", "CKV_K8S_9"),
    reads=KUBERNETES,
    violated=every(_nowhere, _unprobed),
    passes=(
        a_pod(),
        a_run(),
        a_pod(containers=[{**MAIN, "ports": [{"containerPort": 80.0}], "readinessProbe": {"periodSeconds": 5.0}}]),
        example(DEPLOYMENT, {"metadata": {"namespace": UNKNOWN}, "spec": {}}),
    ),
    fails=(
        example(DEPLOYMENT, {"metadata": {"namespace": "default"}}),
        example(DEPLOYMENT, {}),
        example(RUN, {"executor": "kubernetes", "manifest": {"metadata": {"name": "x"}}}),
        a_pod(containers=[{**MAIN, "ports": [{"containerPort": 80.0}]}]),
    ),
    misses=(*MISSES, "a provider's own namespace, for what names none", "whether the probe asks the right thing"),
)
