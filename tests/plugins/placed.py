"""Placed: a copy of the checkout whose stacks run on a cloud that a recording stand-in plays, on the real engine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.targets.containers import BASE_IMAGE, key_of
from stacks.domain import Domain, domains
from stacks.images import write_images
from stacks.program import Program
from tests.example.running import Running, copy_of_checkout
from tests.plugins.clouds import REGION
from tests.plugins.ecs import Ecs
from tests.plugins.stack import PLUGINS
from tests.plugins.world import PLACE, World
from tests.providers.containerapps import Fake, environment
from tests.providers.engine import PASSPHRASE

CLOUDS: Mapping[str, tuple[str, dict[str, str]]] = {
    "aws": ("aws", {"region": REGION, "registry": "registry.example.org/mesh", "cidr": "10.{number}.0.0/16"}),
    "azure": ("azure-native", {"region": "westeurope", "registry": "example.azurecr.io/mesh"}),
}
"""Target -> its plugin, and what a stack's configuration says; stacks that read each other differ by their number."""
STACKS = tuple(sorted((f"{domain}-dev" for domain in domains()), key=lambda stack: len(Domain(stack).inputs_of())))
"""Their products are of all templates, and read each other's: those that others read go first."""


@dataclass(frozen=True)
class Placed:
    """The copy, the cloud that it runs on, and who plays the cloud's jobs."""

    running: Running
    world: World
    jobs: Ecs | Fake

    def engine(self, stack: str, *words: str) -> str:
        """What a `pulumi` command on a stack says; it must end well."""
        done = subprocess.run(
            ["pulumi", *words, "-s", stack, "--non-interactive", "--color=never"],
            cwd=self.running.root,
            env=self.running.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"pulumi {' '.join(words)} -s {stack}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self) -> None:
        """Make every stack, those first that others read."""
        for stack in STACKS:
            self.engine(stack, "stack", "init")
            self.engine(stack, "up", "--yes", "--skip-preview")

    @property
    def checkpoints(self) -> list[str]:
        """The state of every stack, as it is written down."""
        return [file.read_text() for file in (self.world.folder.parent / "backend").rglob("*.json")]

    def state(self, stack: str, *words: str) -> list[dict[str, Any]]:
        """The resources of a stack's state."""
        deployment = json.loads(self.engine(stack, "stack", "export", *words))["deployment"]
        found: list[dict[str, Any]] = deployment.get("resources", [])
        return found


@contextmanager
def placed(target: str, folder: Path) -> Iterator[Placed]:
    """The example mesh, ready to be made on a cloud."""
    plugin, settings = CLOUDS[target]
    folder.mkdir(parents=True, exist_ok=True)
    made = copy_of_checkout(folder / "checkout", folder / "state")
    made.edit("Pulumi.yaml", "  providers:\n", f"  providers:\n    - name: {plugin}\n      path: {PLUGINS / plugin}\n")
    for number, stack in enumerate(STACKS):
        values = {"target": target} | {key: text.format(number=number) for key, text in settings.items()}
        lines = "".join(f"  meshwright:{key}: {value}\n" for key, value in values.items())
        (made.root / "stacks" / f"Pulumi.{stack}.yaml").write_text(f"config:\n{lines}")
        pushed(made.root, stack, values)
    jobs: Ecs | Fake = Ecs() if target == "aws" else Fake(folder)
    reach = jobs.environment() if isinstance(jobs, Ecs) else environment(folder, jobs)
    path = os.pathsep.join([str(folder), made.environment["PATH"]])
    made.environment |= {**reach, "PATH": path, PLACE: str(folder / "world")}
    made.environment |= variables(folder / "backend")
    try:
        yield Placed(made, World(folder / "world"), jobs)
    finally:
        jobs.shutdown()
        jobs.server_close()


def variables(backend: Path) -> dict[str, str]:
    """What `mesh env` sets for `pulumi` (cli/project.py), without the policy pack, which has tests of its own."""
    backend.mkdir()
    return {
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_OPTION_CONTINUE_ON_ERROR": "true",
        "PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def pushed(root: Path, stack: str, values: dict[str, Any]) -> None:
    """Say that every image of a stack is in the registry."""
    domain = Domain(stack, stacks=root / "stacks", templates=root / "templates")
    keys = [key_of(software, BASE_IMAGE) for software in Program(domain, values).software()]
    digests = {key: f"sha256:{hashlib.sha256(key.encode()).hexdigest()}" for key in keys}
    write_images(root / "stacks", digests)
