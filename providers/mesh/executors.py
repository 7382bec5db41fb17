"""How a job's command is run: by a process here, or by a program here that has a container or a pod run it.

Whatever the executor, `runner.py` starts one process, reads its output, ends it and keeps the record: `docker_run.py`
and its like show the lines of what runs elsewhere, exit with its code, and end it when they are ended themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import clients, program
from .home import Home, write_tree

HERE = Path(__file__).parent
LISTED = "job.json"
"""What a program of this folder is told, beside the secrets in its environment."""


@dataclass(frozen=True)
class Started:
    """What the runner starts: `argv`, and `undo` where the job has one."""

    argv: list[str]
    undo: list[str] | None
    env: dict[str, str]
    live: bool = False
    """Whether the clients' variables of the moment go with each run (clients.py)."""


def process(inputs: Mapping[str, Any], home: Home) -> Started:
    """A process of this machine, in a Python environment; `{{data}}` and `{{files}}` are folders of the home."""
    name, environment = inputs["name"], inputs.get("environment")
    folder, data = home.job(name) / "files", home.data(name)
    places = {"data": data, "files": folder, "logs": home.logs}

    def words(command: list[str]) -> list[str]:
        filled = [program.fill(word, places, {}) for word in command]
        return [program.executable(filled[0], environment), *filled[1:]]

    variables = {key: program.fill(text, places, {}) for key, text in inputs.get("variables", {}).items()}
    write_tree(folder, {key: program.fill(text, places, {}) for key, text in inputs.get("files", {}).items()})
    undo = words(inputs["undo"]) if inputs.get("undo") else None
    return Started(words(inputs["command"]), undo, {**program.surroundings(environment, data), **variables})


def elsewhere(script: str, *keys: str, leaves: bool = False) -> Callable[[Mapping[str, Any], Home], Started]:
    """A program of this folder, told the inputs `keys` by a file; what it `leaves` behind is taken away by its undo."""

    def start(inputs: Mapping[str, Any], home: Home) -> Started:
        folder = home.job(inputs["name"]) / "files"
        told = {key: inputs[key] for key in ("name", "undo", "tags", *keys) if inputs.get(key) is not None}
        listed = {**told, "home": str(home.path), "secrets": sorted(inputs.get("secrets", {}))}
        write_tree(folder, {LISTED: json.dumps(listed, indent=1)})
        env = {**program.surroundings(None, folder), **clients.kept()}
        argv = [sys.executable, "-s", str(HERE / script), str(folder / LISTED)]
        return Started(argv, [*argv, "--undo"] if leaves or inputs.get("undo") else None, env, live=True)

    return start


@dataclass(frozen=True)
class Executor:
    """One way to run jobs: the inputs it needs, and what the runner starts for them."""

    needs: tuple[str, ...]
    start: Callable[[Mapping[str, Any], Home], Started]
    stays: bool
    """Whether the definition must stay on the machine that deploys: the job is run again from there."""


ECS = ("region", "cluster", "taskDefinition", "container", "subnets")
CONTAINER_APPS = ("subscription", "resourceGroup", "job", "container")
EXECUTORS: Mapping[str, Executor] = {
    "process": Executor(("command",), process, stays=True),
    "docker": Executor(
        ("image", "command"),
        elsewhere(
            "docker_run.py", "image", "command", "variables", "files", "networks", "cpu", "memoryMiB", "dockerHost"
        ),
        stays=True,
    ),
    "kubernetes": Executor(
        ("manifest",), elsewhere("kubernetes_run.py", "manifest", "context", leaves=True), stays=False
    ),
    "ecs": Executor(ECS, elsewhere("ecs_run.py", *ECS, "securityGroups"), stays=False),
    "emr": Executor(("region", "manifest"), elsewhere("emr_run.py", "region", "manifest"), stays=False),
    "containerapps": Executor(CONTAINER_APPS, elsewhere("containerapps_run.py", *CONTAINER_APPS), stays=False),
}
