"""What containers stand on: networks, volumes, images."""

from __future__ import annotations

from typing import Any

import pulumi_docker as sdk
from docker.errors import APIError, ImageNotFound, NotFound

from tests.plugins.docker.connection import daemon, labels
from tests.plugins.standin import Kind, Refusal, Values


class Network(Kind):
    """A bridge network. Another of its name is refused: the daemon itself would take it."""

    args = sdk.NetworkArgs
    computed = ("driver", "scope")

    def create(self, new: Values) -> tuple[str, Values]:
        made = daemon().networks.create(
            new["name"],
            driver=new.get("driver", "bridge"),
            internal=new.get("internal", False),
            labels=labels(new.get("labels")),
            check_duplicate=True,
        )
        return made.id, self.read(made.id, new) or {}

    def read(self, identity: str, inputs: Values) -> Values | None:
        try:
            found = daemon().networks.get(identity).attrs
        except NotFound:
            return None
        return {"driver": found["Driver"], "scope": found["Scope"]}

    def delete(self, identity: str, state: Values) -> None:
        try:
            daemon().networks.get(identity).remove()
        except NotFound:
            return


class Volume(Kind):
    """A named volume; one that is there already is taken, as the daemon does."""

    args = sdk.VolumeArgs
    computed = ("driver", "mountpoint")

    def create(self, new: Values) -> tuple[str, Values]:
        daemon().volumes.create(new["name"], driver=new.get("driver", "local"), labels=labels(new.get("labels")))
        return new["name"], self.read(new["name"], new) or {}

    def read(self, identity: str, inputs: Values) -> Values | None:
        try:
            found = daemon().volumes.get(identity).attrs
        except NotFound:
            return None
        return {"driver": found["Driver"], "mountpoint": found["Mountpoint"]}

    def delete(self, identity: str, state: Values) -> None:
        try:
            daemon().volumes.get(identity).remove()
        except NotFound:
            return


class RemoteImage(Kind):
    """An image that is pulled where it is not there; it stays unless it may not be kept."""

    args = sdk.RemoteImageArgs
    updated = frozenset({"keepLocally", "forceRemove"})
    computed = ("imageId", "repoDigest")

    def create(self, new: Values) -> tuple[str, Values]:
        found = self.read("", new)
        if found is None:
            try:
                daemon().images.pull(new["name"])
            except APIError as error:
                raise Refusal(f"unable to pull image {new['name']}: {error.explanation or error}") from None
            found = self.read("", new) or {}
        return f"{found['imageId']}{new['name']}", found

    def read(self, identity: str, inputs: Values) -> Values | None:
        try:
            found: Any = daemon().images.get(inputs["name"])
        except ImageNotFound:
            return None
        return {"imageId": found.id, "repoDigest": next(iter(found.attrs["RepoDigests"]), "")}

    def delete(self, identity: str, state: Values) -> None:
        if not state.get("keepLocally"):
            try:
                daemon().images.remove(state["name"], force=bool(state.get("forceRemove")))
            except ImageNotFound:
                return
