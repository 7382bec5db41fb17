"""The five primitives that every target builds: Service, Job, Database, Bucket, Secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import pulumi

from components.base import Component
from components.port import Credentials, Port, Protocol

Size = Literal["small", "medium", "large"]


@dataclass(frozen=True)
class Capacity:
    """What one instance may use: `cpu` in vCPU, `memory` in MiB."""

    cpu: float
    memory: int


SIZES: Mapping[Size, Capacity] = {
    "small": Capacity(0.5, 1024),
    "medium": Capacity(1, 4096),
    "large": Capacity(4, 16384),
}
"""The same on every target: pairs that Fargate and Container Apps offer as well."""

LOCKS = Path(__file__).with_name("locks")
PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True, kw_only=True)
class Software:
    """Software named once: exact packages; a target makes an environment or an image of it."""

    name: str
    packages: tuple[str, ...] = field(default=(), metadata={"recorded": False})
    python: str = "3.11"

    def also(self, name: str, packages: tuple[str, ...]) -> Software:
        """This software with further exact packages, under a name of its own."""
        extra = tuple(package for package in packages if package not in self.packages)
        return Software(name=name, packages=self.packages + extra, python=self.python) if extra else self


@lru_cache
def locked(name: str) -> Software:
    """The software whose exact packages are listed in `components/locks/<name>.txt`."""
    lines = (line.split("#")[0].strip() for line in (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines())
    return Software(name=name, packages=tuple(line for line in lines if line))


@lru_cache
def program(name: str) -> str:
    """The text of a program that runs inside a target, from `components/programs`."""
    return (PROGRAMS / name).read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When work is repeated: `cron` in the five usual fields, in `timezone` (IANA name)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    cron: str
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a service listens. `health` is a path to ask over HTTP; without it a connection is enough."""

    protocol: Protocol
    port: int
    """The number inside a container; on the local target a free one is chosen."""
    health: str = ""
    public: bool = False
    """Whether the whole internet may ask: a target with a network of its own publishes it, over TLS (http only)."""


@dataclass(frozen=True, kw_only=True)
class SecretArgs:
    """Generated with `length` characters (32 URL-safe ones hold 190 bits), or `value` as given by somebody else."""

    length: int = 32
    value: pulumi.Output[str] | None = None


@dataclass(frozen=True, kw_only=True)
class SecretOutputs:
    """`value` is a Pulumi secret where the target keeps it in the state, else a reference to the target's vault."""

    value: pulumi.Output[str]


class Secret(Component[SecretArgs, SecretOutputs]):
    """A value that nobody types and nobody sees."""

    type_token = "mesh:data:Secret"
    Args, Outputs = SecretArgs, SecretOutputs


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """Long-running software.

    In `command`, `environment` and `files`, `{{<endpoint>.host}}`, `{{<endpoint>.port}}`, `{{data}}` (kept over
    restarts), `{{scratch}}` (not kept) and `{{files}}` stand for what the target decides. `authentication` says how
    callers prove who they are. `uses` names all that it talks to; the target lets it through to that and nothing else.
    A target that can adds instances when they are busy, up to `maximum`; a service that keeps data has one.
    """

    software: Software
    command: tuple[pulumi.Input[str], ...]
    endpoints: Mapping[str, Endpoint]
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, metadata={"recorded": False})
    uses: tuple[Component[Any, Any] | Port, ...] = ()
    size: Size = "small"
    maximum: int = 1
    start_seconds: int = 60
    authentication: Literal["password", "token", "tls", "none"] = "password"


@dataclass(frozen=True, kw_only=True)
class ServiceOutputs:
    """A port for each endpoint, by its name. `ready` is known once the service answers."""

    ports: Mapping[str, Port]
    ready: pulumi.Output[str]


class Service(Component[ServiceArgs, ServiceOutputs]):
    """Software that runs until it is removed."""

    type_token = "mesh:data:Service"
    Args, Outputs = ServiceArgs, ServiceOutputs


@dataclass(frozen=True, kw_only=True)
class JobArgs:
    """Work that ends: run once per change of its inputs, on `schedule`, or by hand.

    `triggers` are values whose change runs it again; `after` names the jobs whose scheduled runs it follows. `undo`
    runs when the job is removed.
    """

    software: Software
    command: tuple[pulumi.Input[str], ...]
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, metadata={"recorded": False})
    uses: tuple[Component[Any, Any] | Port, ...] = ()
    triggers: tuple[pulumi.Input[Any], ...] = ()
    after: tuple[pulumi.Input[str], ...] = ()
    undo: tuple[str, ...] = ()
    schedule: Schedule | None = None
    size: Size = "small"
    timeout_seconds: int = 1800


@dataclass(frozen=True, kw_only=True)
class JobOutputs:
    """`revision` is the newest run that Pulumi made; `job` is how others name this job in `after`."""

    revision: pulumi.Output[str]
    job: pulumi.Output[str]


class Job(Component[JobArgs, JobOutputs]):
    """Software that runs to completion inside the target."""

    type_token = "mesh:data:Job"
    Args, Outputs = JobArgs, JobOutputs


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """PostgreSQL. `storage` in GiB."""

    name: str = "warehouse"
    size: Size = "small"
    version: Literal["17"] = "17"
    storage: int = 20


@dataclass(frozen=True, kw_only=True)
class DatabaseOutputs:
    """`connection` is the administrator's; others get a role of their own by DatabaseAccess."""

    connection: Port


class Database(Component[DatabaseArgs, DatabaseOutputs]):
    """A PostgreSQL database. Nothing ever replaces it; in prod it is protected."""

    type_token = "mesh:data:Database"
    Args, Outputs = DatabaseArgs, DatabaseOutputs


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """An S3-compatible bucket. `storage` in GiB, for the estimate only."""

    size: Size = "small"
    storage: int = 20


@dataclass(frozen=True, kw_only=True)
class BucketOutputs:
    """`objects` is the owner's port; others get a key of their own by BucketAccess."""

    objects: Port


class Bucket(Component[BucketArgs, BucketOutputs]):
    """A place for files. Nothing ever replaces it; in prod it is protected."""

    type_token = "mesh:data:Bucket"
    Args, Outputs = BucketArgs, BucketOutputs


@dataclass(frozen=True, kw_only=True)
class BucketAccessArgs:
    """Reading rights on what stands under `prefix`, until a date (ISO, inclusive)."""

    bucket: Bucket
    prefix: pulumi.Input[str] = ""
    until: str | None = None


@dataclass(frozen=True, kw_only=True)
class AccessOutputs:
    """Credentials that open the port and nothing else."""

    credentials: Credentials


class BucketAccess(Component[BucketAccessArgs, AccessOutputs]):
    """A reader's own key for a bucket, native on each target: it belongs to the Bucket primitive."""

    type_token = "mesh:data:BucketAccess"
    Args, Outputs = BucketAccessArgs, AccessOutputs
