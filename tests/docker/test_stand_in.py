"""The stand-in for the docker plugin: what the official one does, seen on the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.conftest import Place
from tests.plugins.stack import StandInStack

PROGRAM = """
import pulumi_docker as docker
IMAGE = docker.RemoteImage("image", name={base!r}, keep_locally=True)
NETWORK = docker.Network("network", name="one")
VOLUME = docker.Volume("volume", name="kept")
def container(**given):
    return docker.Container("container", **{{
        "name": "held", "image": IMAGE.image_id, "command": ["sleep", "1000"], "init": True, "start": True,
        "entrypoints": ["/usr/bin/env"], "networks_advanced": [docker.ContainerNetworksAdvancedArgs(name=NETWORK.name)],
        "volumes": [docker.ContainerVolumeArgs(volume_name=VOLUME.name, container_path="/data")], **given}})
def health(*words):
    return docker.ContainerHealthcheckArgs(tests=["CMD", *words], interval="1s", timeout="1s", retries=1)
"""


@pytest.fixture
def stack(place: Place, tmp_path: Path) -> Iterator[StandInStack]:
    """A stack on the tests' daemon, which must be empty afterwards."""
    made = StandInStack(tmp_path / "project", plugin="docker", reach={"DOCKER_HOST": place.host}).make()
    yield made
    made.destroy()
    assert place.left() == {"containers": [], "volumes": [], "networks": []}


def test_a_container_from_its_creation_to_its_end(place: Place, stack: StandInStack) -> None:
    def identity() -> str:
        return str(place.daemon.containers.get("held").id)

    stack.write(PROGRAM, place.base, 'container(wait=True, healthcheck=health("true"))')
    assert "+ 5 created" in stack.up()
    first = identity()
    assert place.daemon.containers.get("held").attrs["State"]["Health"]["Status"] == "healthy"
    assert list(place.daemon.containers.get("held").attrs["NetworkSettings"]["Networks"]) == ["one"]
    assert "5 unchanged" in stack.up()

    stack.write(PROGRAM, place.base, 'container(wait=True, healthcheck=health("true"), restart="always")')
    assert "~ 1 updated" in stack.up()
    assert identity() == first
    assert place.daemon.containers.get("held").attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"

    stack.write(
        PROGRAM,
        place.base,
        """
        import pulumi
        container(restart="always", envs=["A=b"], opts=pulumi.ResourceOptions(delete_before_replace=True))
        """,
    )
    assert "1 replaced" in stack.up()
    assert identity() != first
    assert "A=b" in place.daemon.containers.get("held").attrs["Config"]["Env"]

    place.daemon.containers.get("held").remove(force=True)
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "+ 1 created" in stack.up()


def test_an_unhealthy_container_fails_the_update_and_is_removed(place: Place, stack: StandInStack) -> None:
    stack.write(
        PROGRAM,
        place.base,
        """
        container(wait=True, wait_timeout=3, healthcheck=health("sh", "-c", "echo not yet; false"),
            command=["sh", "-c", "echo I am the last line; sleep 1000"])
        """,
    )
    output = stack.up(code=-1)
    assert "not healthy after 3 s: not yet" in output
    assert "I am the last line" in output
    assert place.left()["containers"] == []


def test_what_the_plugin_refuses_is_refused(place: Place, stack: StandInStack) -> None:
    upload = 'docker.ContainerUploadArgs(file="/data/a", content={})'
    for given, reason in {
        'command=["sleep", ""]': "values for command may not be empty",
        f"uploads=[{upload.format('')}]".replace("content=", 'content=""'): "one of content, contentBase64 and source",
        'volumes=[{"containerPath": "/data", "volumName": "kept"}]': "`volumes[0].volumName` is no property",
        "wait=True": "there is no healthcheck",
    }.items():
        stack.write(PROGRAM, place.base, f"container({given})")
        assert reason in stack.up(code=-1)
    # It uploads through the root, which is why files lie in a container of their own.
    stack.write(PROGRAM, place.base, f"container(read_only=True, uploads=[{upload.format(repr('text'))}])")
    assert "container rootfs is marked read-only" in stack.up(code=-1)
    assert place.left()["containers"] == []
