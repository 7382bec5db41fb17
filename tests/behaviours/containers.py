"""Containers of a graph, whatever a target calls them: what is run, with what, as whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stacks.recording import Recorded


@dataclass(frozen=True, kw_only=True)
class Container:
    """`owner` is the resource that holds it. `cpu` in vCPU, `memory` in MiB."""

    owner: str
    name: str
    argv: list[str]
    variables: dict[str, str]
    secrets: frozenset[str] = frozenset()
    """Names of the variables and files that are given by reference."""
    user: str | None = None
    read_only: bool = False
    cpu: float = 0
    memory: float = 0


def containers(resources: Iterable[Recorded]) -> list[Container]:
    """Every container, and on the local target every process."""
    return [found for resource in resources for found in _of(resource)]


def _of(resource: Recorded) -> Iterator[Container]:
    inputs, kind = resource.inputs, resource.type
    if kind == "aws:ecs/taskDefinition:TaskDefinition":
        yield from _task(resource.name, inputs)
    elif kind in ("azure-native:app:ContainerApp", "azure-native:app:Job"):
        yield from _app(resource.name, inputs)
    elif kind == "docker:index/container:Container" and inputs.get("start", True):
        yield _docker(resource.name, inputs)
    elif kind in ("mesh:index:Process", "mesh:index:JobRun") and "command" in inputs:
        yield _here(resource.name, inputs)
    elif kind.startswith("kubernetes:") or "manifest" in inputs:
        for pod in _pods(inputs):
            yield from _pod(resource.name, pod)


def _task(owner: str, inputs: dict[str, Any]) -> Iterator[Container]:
    for part in json.loads(inputs["containerDefinitions"]):
        yield Container(
            owner=owner,
            name=part["name"],
            argv=[*part.get("entryPoint", []), *part["command"]],
            variables={entry["name"]: entry["value"] for entry in part.get("environment", [])},
            secrets=frozenset(entry["name"] for entry in part.get("secrets", [])),
            user=part.get("user"),
            read_only=part.get("readonlyRootFilesystem", False),
            cpu=int(inputs["cpu"]) / 1024,
            memory=int(inputs["memory"]),
        )


def _app(owner: str, inputs: dict[str, Any]) -> Iterator[Container]:
    for part in inputs["template"]["containers"]:
        yield Container(
            owner=owner,
            name=part["name"],
            argv=part["command"],
            variables={entry["name"]: entry["value"] for entry in part["env"] if "value" in entry},
            secrets=frozenset(entry["name"] for entry in part["env"] if "secretRef" in entry),
            cpu=part["resources"]["cpu"],
            memory=float(part["resources"]["memory"].removesuffix("Gi")) * 1024,
        )


def _docker(owner: str, inputs: dict[str, Any]) -> Container:
    return Container(
        owner=owner,
        name=inputs["name"],
        argv=inputs["command"],
        variables=dict(text.partition("=")[::2] for text in inputs["envs"]),
        user=inputs.get("user"),
        read_only=inputs.get("readOnly", False),
        cpu=float(inputs["cpus"]),
        memory=inputs["memory"],
    )


def _here(owner: str, inputs: dict[str, Any]) -> Container:
    # In a container it is the executor that makes it so (providers/mesh/docker_run.py, which has its own tests).
    contained = inputs.get("executor") == "docker"
    return Container(
        owner=owner,
        name=inputs["name"],
        argv=inputs["command"],
        variables=inputs["variables"],
        secrets=frozenset(inputs.get("secrets", {})),
        user="10001" if contained else None,
        read_only=contained,
        cpu=inputs["cpu"],
        memory=inputs["memoryMiB"],
    )


def _pods(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        else:
            for item in value.values():
                yield from _pods(item)


def _pod(owner: str, pod: dict[str, Any]) -> Iterator[Container]:
    everybody = pod.get("securityContext", {})
    for part in [*pod.get("initContainers", []), *pod["containers"]]:
        context = part.get("securityContext", {})
        limits = part.get("resources", {}).get("limits", {})
        cpu = str(limits.get("cpu", "0"))
        yield Container(
            owner=owner,
            name=part["name"],
            argv=[*part.get("command", []), *part.get("args", [])],
            variables={entry["name"]: entry["value"] for entry in part.get("env", []) if "value" in entry},
            secrets=frozenset(entry["name"] for entry in part.get("env", []) if "valueFrom" in entry),
            user=str(context.get("runAsUser", everybody.get("runAsUser", "0"))),
            read_only=context.get("readOnlyRootFilesystem", False),
            cpu=float(cpu.removesuffix("m")) / 1000 if cpu.endswith("m") else float(cpu),
            memory=float(str(limits.get("memory", "0")).removesuffix("Mi")),
        )
