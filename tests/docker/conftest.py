"""A Docker daemon, a registry with a base image, and a copy of the checkout whose stacks run there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.docker.daemon import dockerd, missing
from tests.example.running import Running, copy_of_checkout
from tests.tools.image_base import push_base, registry
from tools.images.store import Store

DAEMONS = ("host", "none", "bridge")
PLUGIN = Path(__file__).resolve().parents[1] / "plugins" / "docker"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs a daemon."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.docker)


@dataclass
class Place:
    """Where containers run: `host` is DOCKER_HOST, `base` an image with Python."""

    host: str
    registry: str
    base: str
    daemon: docker.DockerClient

    def left(self) -> dict[str, list[str]]:
        """What is there, beside the networks that every daemon has."""
        return {
            "containers": [str(found.name) for found in self.daemon.containers.list(all=True)],
            "volumes": [str(found.name) for found in self.daemon.volumes.list()],
            "networks": [str(n.name) for n in self.daemon.networks.list() if n.name not in DAEMONS],
        }

    def address(self, container: str) -> str:
        """A container's address on its first network, reachable from this machine."""
        networks: dict[str, Any] = self.daemon.containers.get(container).attrs["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def seen(self, text: str) -> str:
        """`text` with the address of each container in place of its name."""
        names = sorted((str(found.name) for found in self.daemon.containers.list()), key=len, reverse=True)
        return re.sub("|".join(map(re.escape, names)), lambda name: self.address(name[0]), text) if names else text


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A daemon and a registry for all these tests."""
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("docker")
    with dockerd(folder / "d") as host, registry(folder / "r") as name:
        yield Place(host, name, push_base(name, Store()), docker.DockerClient(base_url=host))


def stands_on(place: Place, made: Running) -> None:
    """Let a copy's stacks of the target docker run on the daemon, by the stand-in."""
    made.environment["DOCKER_HOST"] = place.host
    made.seen = place.seen
    made.edit("Pulumi.yaml", "  providers:\n", f"  providers:\n    - name: docker\n      path: {PLUGIN}\n")


@pytest.fixture(scope="session")
def checkout(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A copy whose stacks name the target docker, and whose Pulumi.yaml the stand-in."""
    folder = tmp_path_factory.mktemp("mesh")
    made = copy_of_checkout(folder / "checkout", folder / "state")
    stands_on(place, made)
    settings = f"target: docker\n  meshwright:registry: {place.registry}\n  meshwright:baseImage: {place.base}\n"
    for file in (made.root / "stacks").glob("Pulumi.*.yaml"):
        made.edit(f"stacks/{file.name}", "target: local\n", settings)
    return made
