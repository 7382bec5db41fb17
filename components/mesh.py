"""The resource kinds of `providers/mesh`, as the program sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


class MeshResource(pulumi.CustomResource):
    """One resource of our own provider; a subclass names its kind by its class name."""

    produces: tuple[str, ...] = ()
    """Outputs beside the inputs."""

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        given = {key: value for key, value in inputs.items() if value is not None}
        waiting = {key: None for key in self.produces if key not in given}
        super().__init__(f"mesh:index:{type(self).__name__}", name, {**given, **waiting}, opts)


class Placement(MeshResource):
    """The stack's target: a change is refused."""


class SecretValue(MeshResource):
    """A value generated once, or given, encrypted in the state."""

    produces = ("value",)
    value: pulumi.Output[str]


class Environment(MeshResource):
    """A Python environment with exact packages, shared between the products of this machine."""

    produces = ("path",)
    path: pulumi.Output[str]


class Process(MeshResource):
    """A supervised process. `endpoints`: name -> {host, port, url}."""

    produces = ("endpoints",)
    endpoints: pulumi.Output[dict[str, Any]]


class JobRun(MeshResource):
    """A job's definition and its newest run by Pulumi."""

    produces = ("revision",)
    revision: pulumi.Output[str]


class PostgresServer(MeshResource):
    """A PostgreSQL server with one database."""

    produces = ("host", "port", "user")
    host: pulumi.Output[str]
    port: pulumi.Output[float]
    user: pulumi.Output[str]


class ObjectStore(MeshResource):
    """An S3 server with one bucket."""

    produces = ("endpoint",)
    endpoint: pulumi.Output[str]


class ObjectStoreKey(MeshResource):
    """An access key of an ObjectStore with rights of its own."""
