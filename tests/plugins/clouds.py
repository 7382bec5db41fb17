"""Clouds: what AWS and Azure call their things."""

from __future__ import annotations

import importlib
from functools import cached_property

from pulumi import _types

from tests.plugins.recording import Recording, needed
from tests.plugins.standin import Values
from tests.plugins.world import World

ACCOUNT, REGION = "123456789012", "eu-west-1"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
NAMES = ("identifier", "name")
"""Inputs that name a thing of AWS; of a bucket it is `bucket`."""
REVISED = ("aws:ecs/taskDefinition:TaskDefinition",)
"""One more of the same name is a revision."""


class Aws(Recording):
    """A thing of AWS: its id is its name."""

    def __init__(self, token: str, world: World) -> None:
        importlib.import_module("pulumi_aws")
        super().__init__(token, world)

    def own_name(self, new: Values) -> str | None:
        if self.token in REVISED:
            return None
        names = ("bucket",) if self.word == "Bucket" else NAMES
        return next((str(new[key]) for key in names if key in new), None)

    def identity(self, name: str, new: Values) -> str:
        return name

    def text(self, prop: str, name: str) -> str:
        if prop == "arn" or prop.endswith("Arn"):
            service, _, kind = self.token.split(":")[1].partition("/")
            return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{name}"
        return super().text(prop, name)


class Azure(Recording):
    """A thing of Azure: its id is a path of all names in its inputs."""

    def __init__(self, token: str, world: World) -> None:
        importlib.import_module(f"pulumi_azure_native.{token.split(':')[1]}")
        super().__init__(token, world)

    @cached_property
    def names(self) -> tuple[str, tuple[str, ...]]:
        """The input with its own name, and those with the names of what it stands in."""
        every = [name for name in _types.input_type_types(self.known) if name == "name" or name.endswith("Name")]
        above = [name for name in every if name in needed(self.known)]
        own = [name for name in every if name not in above] or every
        word = self.word.lower()
        own.sort(key=lambda name: (name.removesuffix("Name").lower() not in word, name != "name"))
        return own[0] if own else "name", tuple(name for name in above if name != "resourceGroupName")

    def own_name(self, new: Values) -> str | None:
        found = new.get(self.names[0])
        return None if found is None else str(found)

    def identity(self, name: str, new: Values) -> str:
        _, provider, kind = self.token.split(":")
        group = new.get("resourceGroupName", "none")
        within = [str(new[key]) for key in (*self.names[1], "scope", "resourceUri") if key in new]
        path = "/".join([*within, name])
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.{provider}/{kind}/{path}"

    def delete(self, identity: str, state: Values) -> None:
        super().delete(identity, state)
        place, _, name = identity.rpartition(f"/{self.word}/")
        for thing in self.world.things():
            # What stands in it goes with it, whatever that is.
            kind, _, path = str(thing["id"]).removeprefix(f"{place}/").partition("/")
            if thing["id"] == f"{place}/{kind}/{path}" and path.startswith(f"{name}/"):
                self.world.remove(thing["type"], thing["id"])
