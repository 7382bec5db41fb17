"""What a product offers and what it reads: an address, a contract, and credentials by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import pulumi

if TYPE_CHECKING:
    from components.base import Component
    from components.primitives import Secret

Protocol = Literal["sql", "s3", "http", "dask", "spark"]
PROTOCOLS: tuple[Protocol, ...] = ("sql", "s3", "http", "dask", "spark")

ADDRESS: Mapping[str, tuple[str, ...]] = {
    "sql": ("host", "port", "database", "schema", "tables"),
    "s3": ("endpoint", "bucket", "prefix"),
    "http": ("url",),
    "dask": ("address",),
    "spark": ("address",),
}
"""The address parts that each protocol has, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Who opens a port: a user (or access key) and a Secret."""

    user: pulumi.Input[str]
    secret: Secret


@dataclass(frozen=True, kw_only=True)
class Port:
    """An endpoint of one protocol.

    `address` holds the parts named in ADDRESS. `revision` changes whenever what stands behind the port was filled
    again; whoever takes it as a trigger waits for the data and runs again with it. `behind` is the component that
    answers (a Database or a Bucket gives others a right of their own); it is known only inside the program that made
    the port. `stack` names the stack of a port that another program made. A port with neither is outside the mesh.
    """

    protocol: Protocol
    address: Mapping[str, pulumi.Input[Any]]
    revision: pulumi.Input[str] = ""
    job: pulumi.Input[str] = ""
    credentials: Credentials | None = field(default=None, metadata={"recorded": False})
    behind: Component[Any, Any] | None = field(default=None, metadata={"recorded": False})
    stack: str = ""

    def filled(self, *, revision: pulumi.Input[str], job: pulumi.Input[str]) -> Port:
        """The same port as something that `job` fills, without the rights of whoever filled it."""
        return replace(self, revision=revision, job=job, credentials=None)

    def only(self, **parts: Any) -> Port:
        """The same port, narrowed: `only(tables=("metrics",))`, `only(prefix="routes/")`."""
        return replace(self, address={**self.address, **parts})

    def opened_by(self, credentials: Credentials) -> Port:
        """The same port with the rights of somebody."""
        return replace(self, credentials=credentials)

    def part(self, name: str) -> pulumi.Output[Any]:
        """One address part, known once the port is filled: it carries the dependency on the job that fills it."""
        return pulumi.Output.all(self.address.get(name, ""), self.revision).apply(lambda values: values[0])

    def environment(self, prefix: str) -> dict[str, pulumi.Input[str]]:
        """The plain environment variables by which a program finds this port, e.g. `WEATHER_HOST`."""
        head = variable(prefix)
        values: dict[str, pulumi.Input[str]] = {f"{head}_PROTOCOL": self.protocol}
        for name in ADDRESS[self.protocol]:
            part = self.address.get(name, "")
            plain = isinstance(part, str | int)
            values[f"{head}_{name.upper()}"] = words(part) if plain else pulumi.Output.from_input(part).apply(words)
        if self.credentials is not None:
            values[f"{head}_{'ACCESS_KEY' if self.protocol == 's3' else 'USER'}"] = self.credentials.user
        return values

    def secrets(self, prefix: str) -> dict[str, Secret]:
        """The secret environment variables that go with `environment`."""
        if self.credentials is None:
            return {}
        name = "SECRET_KEY" if self.protocol == "s3" else "PASSWORD"
        return {f"{variable(prefix)}_{name}": self.credentials.secret}

    def record(self) -> dict[str, Any]:
        """The plain form that stack outputs carry: no credentials."""
        return {"protocol": self.protocol, **self.address, "revision": self.revision, "job": self.job}


def variable(name: str) -> str:
    """`delay-model` -> `DELAY_MODEL`."""
    return name.replace("-", "_").upper()


def words(value: Any) -> str:
    """A value as an environment variable: lists are joined by commas, whole floats lose their point."""
    if isinstance(value, list | tuple):
        return ",".join(words(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
