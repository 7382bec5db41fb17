"""Containers wherever they are declared: Kubernetes pods, ECS tasks, Container Apps, Docker containers, job runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policies.rule import Resource, example
from policies.shapes import Check, at, items
from policies.unknown import UndeterminedError

Kind = Literal["kubernetes", "ecs", "azure", "docker", "run"]

POD = "kubernetes:core/v1:Pod"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CRON_JOB = "kubernetes:batch/v1:CronJob"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
APP = "azure-native:app:ContainerApp"
DOCKER = "docker:index/container:Container"
RUN = "mesh:index:JobRun"
_TEMPLATED = (
    DEPLOYMENT,
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:apps/v1:ReplicaSet",
    "kubernetes:batch/v1:Job",
)
KUBERNETES = (POD, *_TEMPLATED, CRON_JOB, RUN)
"""What holds a pod; a JobRun does where Kubernetes executes it."""
AZURE = (APP, "azure-native:app:Job")
PODS = (*KUBERNETES, TASK, *AZURE, DOCKER)
MISSES = ("what a Helm chart, an operator's own kind, AWS Batch, Container Instances or Swarm starts",)


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container as its platform writes it. `pod` is what holds it: the pod's spec, or the resource's inputs."""

    kind: Kind
    props: Mapping[str, Any]
    pod: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name among the others; empty if it has none or that is not known."""
        name = dict.get(self.props, "name") if isinstance(self.props, dict) and self.kind != "docker" else ""
        return name if isinstance(name, str) else ""

    def setting(self, key: str) -> Any:
        """A setting of Kubernetes' security context: the container's own, else the pod's."""
        own = at(self.props, f"securityContext.{key}")
        return at(self.pod, f"securityContext.{key}") if own is None else own

    @property
    def idle(self) -> bool:
        """Whether it only holds files and is never started (Docker's `start: false`)."""
        return self.kind == "docker" and self.props.get("start") is False


def pod_spec(resource: Resource) -> Mapping[str, Any] | None:
    """The spec of a Kubernetes pod; nothing for other kinds."""
    kind, holder = resource.type, resource.props
    if kind == RUN:
        if holder.get("executor") != "kubernetes":
            return None
        holder = at(holder, "manifest") or {}
    elif kind not in KUBERNETES:
        return None
    path = {POD: "spec", CRON_JOB: "spec.jobTemplate.spec.template.spec"}.get(kind, "spec.template.spec")
    spec = at(holder, path)
    return spec if isinstance(spec, Mapping) else {}


def containers(resource: Resource) -> Iterator[Container]:
    """Each container, init containers included."""
    props = resource.props
    pod = pod_spec(resource)
    if pod is not None:
        for key in ("containers", "initContainers", "ephemeralContainers"):
            yield from _each("kubernetes", pod.get(key), pod)
    elif resource.type == TASK:
        text = props.get("containerDefinitions")
        yield from _each("ecs", json.loads(text) if isinstance(text, str) else text, props)
    elif resource.type in AZURE:
        template = props.get("template")
        for key in ("containers", "initContainers"):
            yield from _each("azure", at(template, key), props)
    elif resource.type == DOCKER:
        yield Container(kind="docker", props=props, pod=props)
    elif resource.type == RUN and props.get("executor") == "docker":
        yield Container(kind="run", props=props, pod=props)


def _each(kind: Kind, found: Any, pod: Mapping[str, Any]) -> Iterator[Container]:
    for item in items(found):
        if isinstance(item, Mapping):
            yield Container(kind=kind, props=item, pod=pod)


def each_container(**checks: Callable[[Container], str | None]) -> Check:
    """The check of its kind for each container. A sure fault is found beside an unknown value."""

    def judged(resource: Resource) -> str | None:
        undetermined: UndeterminedError | None = None
        try:
            for container in containers(resource):
                check = checks.get(container.kind)
                try:
                    said = check(container) if check and not container.idle else None
                except UndeterminedError as error:
                    undetermined = error
                    continue
                if said:
                    return f"{said} in container `{container.name}`" if container.name else said
        except UndeterminedError as error:
            undetermined = error
        if undetermined is not None:
            raise undetermined
        return None

    return judged


def is_root(user: Any) -> bool:
    """Whether a user is root, as a number or a text like `0:0`; an image's own user counts as root."""
    return user is None or str(user).partition(":")[0].strip() in ("", "0", "0.0", "root")


SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
AMOUNTS = {"cpu": "500m", "memory": "1024Mi"}
MAIN = {
    "name": "main",
    "image": "registry.example.org/app:1.2.3",
    "resources": {"limits": AMOUNTS, "requests": AMOUNTS},
}


def _deployed(context: Mapping[str, Any] | None, pod: Mapping[str, Any]) -> dict[str, Any]:
    container = {**MAIN, "securityContext": {**SAFE, **(context or {})}}
    spec = {"containers": [container], "automountServiceAccountToken": False, **pod}
    return {"metadata": {"namespace": "sales-dev"}, "spec": {"template": {"spec": spec}}}


def a_pod(context: Mapping[str, Any] | None = None, **pod: Any) -> Resource:
    """A Deployment for fixtures: a safe container with these changes of its security context and of the pod."""
    return example(DEPLOYMENT, _deployed(context, pod))


def a_run(context: Mapping[str, Any] | None = None, **pod: Any) -> Resource:
    """The same as a job that Kubernetes executes."""
    limits = {"cpu": 0.5, "memoryMiB": 1024.0}
    return example(RUN, {"executor": "kubernetes", "manifest": _deployed(context, pod), **limits})


def a_task(container: Mapping[str, Any] | None = None, *others: Mapping[str, Any], **task: Any) -> Resource:
    """An ECS task for fixtures, its containers as JSON text."""
    safe = {"name": "main", "image": MAIN["image"], "user": "10001", "readonlyRootFilesystem": True}
    safe["logConfiguration"] = {"logDriver": "awslogs"}
    definitions = json.dumps([{**safe, **(container or {})}, *others])
    return example(TASK, {"containerDefinitions": definitions, "cpu": "512", "memory": "1024", **task})


def an_app(container: Mapping[str, Any] | None = None, **app: Any) -> Resource:
    """A Container App for fixtures."""
    safe = {"name": "main", "image": MAIN["image"], "resources": {"cpu": 0.5, "memory": "1Gi"}}
    return example(APP, {"template": {"containers": [{**safe, **(container or {})}]}, **app})


def a_container(**props: Any) -> Resource:
    """A Docker container for fixtures."""
    safe = {
        "image": MAIN["image"],
        "capabilities": {"drops": ["ALL"]},
        "cpus": "0.5",
        "memory": 1024.0,
        "readOnly": True,
        "securityOpts": ["no-new-privileges:true"],
        "user": "10001:10001",
    }
    return example(DOCKER, {**safe, **props})
