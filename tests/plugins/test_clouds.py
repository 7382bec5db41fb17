"""The example mesh on AWS and Azure, played by stand-ins, on the real engine: made, kept as it is, and taken away.

What a stand-in can't prove: that a cloud takes the inputs (tests/targets/test_*_evidence.py asks judges), and what it
would refuse while it works.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.plugins.placed import CLOUDS, STACKS, Placed, placed
from tests.providers.engine import ROOT

pytestmark = pytest.mark.engine
RIGHTS = ("aws:iam/rolePolicy:RolePolicy", "azure-native:authorization:RoleAssignment")
each_stack = pytest.mark.parametrize("stack", STACKS)


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    """The four products, up."""
    if not (ROOT / ".tools" / "bin" / "pulumi").exists():
        pytest.skip("tools/ has not brought the Pulumi CLI yet: run `make install`")
    with placed(request.param, tmp_path_factory.mktemp(request.param)) as made:
        made.up()
        yield made


def secrets(placed: Placed, stack: str) -> set[str]:
    """Every value that must not be read in the state."""
    found = set()
    for resource in placed.state(stack, "--show-secrets"):
        if resource["type"] == "mesh:index:SecretValue":
            value = resource["outputs"]["value"]
            found.add(json.loads(value["plaintext"]) if isinstance(value, dict) else value)
    return found


def test_what_was_registered_was_made(cloud: Placed) -> None:
    registered = {
        (resource["type"], resource["id"])
        for stack in STACKS
        for resource in cloud.state(stack)
        if resource.get("custom") and not resource["type"].startswith(("mesh:", "pulumi:"))
    }
    assert {(thing["type"], thing["id"]) for thing in cloud.world.things()} == registered
    assert len(registered) > 100
    assert {request["operation"] for request in cloud.world.requests} == {"create"}


@each_stack
def test_a_second_up_changes_nothing(cloud: Placed, stack: str) -> None:
    before = len(cloud.world.requests)
    cloud.engine(stack, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert len(cloud.world.requests) == before


@each_stack
def test_a_refresh_finds_no_change(cloud: Placed, stack: str) -> None:
    cloud.engine(stack, "refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_preview_foresees_no_change(cloud: Placed) -> None:
    cloud.engine(STACKS[0], "preview", "--expect-no-changes")


@each_stack
def test_no_secret_is_in_the_open_in_the_state(cloud: Placed, stack: str) -> None:
    hidden = secrets(cloud, stack)
    assert len(hidden) >= 3
    states = cloud.checkpoints
    assert len(states) >= len(STACKS)
    for secret in hidden:
        assert not [text for text in states if secret in text]


@each_stack
def test_no_secret_is_in_what_a_cloud_shows_of_a_container(cloud: Placed, stack: str) -> None:
    shown = json.dumps([thing["outputs"] for thing in cloud.world.things() if "ecret" not in thing["type"]])
    allowed = [thing["outputs"] for thing in cloud.world.things() if thing["type"].endswith("dbforpostgresql:Server")]
    passwords = {str(server.get("administratorLoginPassword")) for server in allowed}
    for secret in secrets(cloud, stack) - passwords:
        assert secret not in shown


def test_what_somebody_removed_is_made_again(cloud: Placed) -> None:
    """By hand, in the cloud's own console: a right of a container."""
    (first, *_) = [thing for thing in cloud.world.things() if thing["type"] in RIGHTS and "observations" in str(thing)]
    cloud.world.remove(first["type"], first["id"])
    cloud.engine("weather-dev", "refresh", "--yes", "--skip-preview")
    said = cloud.engine("weather-dev", "up", "--yes", "--skip-preview")
    assert "+ 1 created" in said
    assert "deleted" not in said and "replaced" not in said
    assert len([thing for thing in cloud.world.things() if thing["type"] == first["type"]]) > 1


def test_zz_destroy_leaves_nothing(cloud: Placed) -> None:
    for stack in reversed(STACKS):
        cloud.engine(stack, "destroy", "--yes", "--skip-preview")
    assert cloud.world.things() == []
    assert not [resource for stack in STACKS for resource in cloud.state(stack)]
