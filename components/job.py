"""PythonJob: a team's own Python script with its own requirements and files, run inside the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from components.access import DatabaseAccess, DatabaseAccessArgs
from components.base import Component
from components.errors import UserError
from components.port import Port
from components.primitives import Bucket, Database, Job, JobArgs, Schedule, Secret, Size, Software, locked


@dataclass(frozen=True, kw_only=True)
class Client:
    """How a script becomes the client of a cluster: its address, the cluster's own software, and what starts it."""

    cluster: Port
    software: Software
    command: tuple[str, ...]
    """Goes before the script."""
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PythonJobArgs:
    """`script` and `files` stand in `folder`.

    The script finds its ports in the environment: each input under its name (`WEATHER_HOST`), `database` as `TARGET_*`,
    `bucket` as `BUCKET_*`, `cluster` as `CLUSTER_*`. `requirements` are exact (`name==version`).
    """

    script: str
    folder: str
    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    inputs: Mapping[str, Port] = field(default_factory=dict)
    cluster: Client | None = None
    database: Database | None = None
    schema: str = "data"
    bucket: Bucket | None = None
    schedule: Schedule | None = None
    size: Size = "small"


@dataclass(frozen=True, kw_only=True)
class PythonJobOutputs:
    """What the script filled: a database's `tables`, a bucket's `objects`."""

    tables: Port
    objects: Port


class PythonJob(Component[PythonJobArgs, PythonJobOutputs]):
    """Runs a script once, when its inputs were refilled, and on a schedule."""

    type_token = "mesh:data:PythonJob"
    Args, Outputs = PythonJobArgs, PythonJobOutputs
    composed_of = (DatabaseAccess, Job)

    def compose(self) -> PythonJobOutputs:
        args = self.args
        requirements = exact(args.requirements)
        base = args.cluster.software if args.cluster else locked("postgres-client")
        work = Work(self, base.also(self.origin, requirements), args.inputs)
        work.read_files(args.folder, (args.script, *args.files))
        starts: tuple[str, ...] = ("python",)
        if args.cluster is not None:
            work.open("cluster", args.cluster.cluster)
            work.files |= args.cluster.files
            starts = args.cluster.command
        unused = Port(protocol="sql", address={})
        tables = objects = unused
        if args.database is not None:
            access = DatabaseAccess(
                self.child("writer"),
                DatabaseAccessArgs(database=args.database, schema=args.schema, privilege="write"),
                self.below(),
            )
            tables = args.database.outputs.connection.only(schema=args.schema, tables=[])
            work.open("target", tables.opened_by(access.outputs.credentials))
        if args.bucket is not None:
            objects = args.bucket.outputs.objects
            work.open("bucket", objects)
        uses = tuple(part for part in (args.database, args.bucket) if part is not None)
        job = work.job((*starts, f"{{{{files}}}}/{args.script}"), uses, args.schedule, args.size)
        revision, name = job.outputs.revision, job.outputs.job
        return PythonJobOutputs(
            tables=tables.filled(revision=revision, job=name), objects=objects.filled(revision=revision, job=name)
        )


class Work:
    """What a script's Job is put together from."""

    def __init__(self, owner: Component[Any, Any], software: Software, inputs: Mapping[str, Port]) -> None:
        self.owner, self.software, self.inputs = owner, software, inputs
        self.environment: dict[str, pulumi.Input[str]] = {}
        self.secrets: dict[str, Secret] = {}
        self.files: dict[str, pulumi.Input[str]] = {}
        for name, port in inputs.items():
            self.open(name, port)

    def open(self, prefix: str, port: Port) -> None:
        """Let the script find a port under `prefix`."""
        self.environment |= port.environment(prefix)
        self.secrets |= port.secrets(prefix)

    def read_files(self, folder: str, names: tuple[str, ...]) -> None:
        """Bring files along; one that is missing is refused."""
        for name in names:
            path = Path(folder) / name
            try:
                self.files[name] = path.read_text(encoding="utf-8")
            except OSError:
                raise UserError(
                    f"`{self.owner.name}` needs the file {name}, which is not in {Path(folder).name}/"
                ) from None

    def job(
        self, command: tuple[str, ...], uses: tuple[Component[Any, Any], ...], schedule: Schedule | None, size: Size
    ) -> Job:
        """The Job: it waits for its inputs and runs again when they were refilled."""
        return Job(
            self.owner.child("run"),
            JobArgs(
                software=self.software,
                command=command,
                environment=self.environment,
                secrets=self.secrets,
                files=self.files,
                uses=uses,
                triggers=tuple(port.revision for port in self.inputs.values()),
                after=tuple(port.job for port in self.inputs.values()),
                schedule=schedule,
                size=size,
            ),
            self.owner.below(),
        )


def exact(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """The requirements, each with an exact version."""
    for line in requirements:
        if "==" not in line:
            raise UserError(f"requirement `{line}` names no exact version", hint=f"write `{line.strip()}==<version>`")
    return requirements
