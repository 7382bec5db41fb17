"""Recording: a stand-in for any cloud's plugin, which keeps what it is asked and answers what may be true.

It knows types by their SDK classes alone, refuses what those don't know, and refuses to make a thing twice under one
name, as a cloud does. It says nothing of what a cloud would refuse else.
"""

from __future__ import annotations

import importlib
import inspect
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pulumi import _types
from pulumi.runtime import rpc

from providers.mesh.values import UNKNOWN
from tests.plugins.outputs import outputs
from tests.plugins.standin import Kind, Refusal, Values, foreign
from tests.plugins.world import PLACE, World


class Every(frozenset[str]):
    """All inputs."""

    def __contains__(self, _: object) -> bool:
        return True


class Recording(Kind):
    """One type of a cloud; a subclass says what its things are called."""

    updated = Every()

    def __init__(self, token: str, world: World) -> None:
        self.token, self.world = token, world
        self.resource, self.known = classes(token)

    def own_name(self, new: Values) -> str | None:
        """The name by which there can be one alone; None where the cloud makes it up."""
        raise NotImplementedError

    def identity(self, name: str, new: Values) -> str:
        """The id of a thing."""
        raise NotImplementedError

    def text(self, prop: str, name: str) -> str:
        """The text of an output."""
        return f"{self.word}-{name}-{prop}"

    @property
    def word(self) -> str:
        """`Instance` of `aws:rds/instance:Instance`."""
        return self.token.rpartition(":")[2]

    def foresee(self, new: Values, state: Values) -> Values:
        known = {**state, **new}
        return outputs(self.resource, known, lambda prop: UNKNOWN)

    def create(self, new: Values) -> tuple[str, Values]:
        own = self.own_name(new)
        name = own or f"{self.word.lower()}-{uuid.uuid4().hex[:8]}"
        identity = self.identity(name, new)
        if own is not None and self.world.find(self.token, identity) is not None:
            raise Refusal(f"{self.token} {identity} is there already")
        return identity, self._kept("create", identity, name, new)

    def read(self, identity: str, inputs: Values) -> Values | None:
        return self.world.find(self.token, identity)

    def update(self, identity: str, new: Values) -> Values:
        name = self.world.name(self.token, identity)
        if name is None:
            raise Refusal(f"{self.token} {identity} is gone")
        return self._kept("update", identity, name, new)

    def delete(self, identity: str, state: Values) -> None:
        self.world.note("delete", self.token, identity, {})
        self.world.remove(self.token, identity)

    def _kept(self, operation: str, identity: str, name: str, new: Values) -> Values:
        self.world.note(operation, self.token, identity, new)
        made = outputs(self.resource, new, lambda prop: name if prop == "name" else self.text(prop, name))
        self.world.put(self.token, identity, name, made)
        return made

    def check(self, new: Values) -> Iterator[tuple[str, str]]:
        yield from foreign(self.known, new)
        for key in sorted(needed(self.known) - new.keys()):
            yield key, f"`{key}` is missing"


class Kinds(dict[str, Kind]):
    """Every type of a cloud, made when it is first asked for."""

    def __init__(self, kind: type[Recording]) -> None:
        super().__init__()
        self.kind, self.world = kind, World(Path(os.environ[PLACE]))

    def __contains__(self, token: object) -> bool:
        return True

    def __missing__(self, token: str) -> Kind:
        self[token] = self.kind(token, self.world)
        return self[token]


def classes(token: str) -> tuple[type[Any], type[Any]]:
    """The SDK's class of a type, and that of its inputs."""
    for module in rpc._RESOURCE_MODULES.get(token.rpartition(":")[0], ()):
        info: Any = module.mod_info  # type: ignore[attr-defined]
        if token in info["classes"]:
            resource = getattr(importlib.import_module(info["fqn"]), info["classes"][token])
            beside, name = importlib.import_module(resource.__module__), resource.__name__
            # The inputs of the same thing as a part of another may have the usual name.
            return resource, getattr(beside, f"{name}InitArgs", None) or getattr(beside, f"{name}Args")
    raise Refusal(f"the SDK has no {token}")


def needed(args: type[Any]) -> set[str]:
    """The inputs that an Args class asks for."""
    names, given = _types.input_type_py_to_pulumi_names(args), inspect.signature(args.__init__).parameters
    return {names[key] for key, parameter in given.items() if key in names and parameter.default is parameter.empty}
