"""PythonJob: a team's own Python script with its own requirements and files, run inside the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from components.access import DatabaseAccess, writable
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
        opens, reads = dict(args.inputs), list(args.inputs.values())
        own = [part for part in (args.database, args.bucket) if part is not None]
        base, files = locked("postgres-client"), self._files()
        starts: tuple[str, ...] = ("python",)
        if args.cluster is not None:
            opens["cluster"] = args.cluster.cluster
            reads.append(args.cluster.cluster)
            base, starts = args.cluster.software, args.cluster.command
            files |= args.cluster.files
        tables = objects = Port(protocol="sql", address={})
        if args.database is not None:
            opens["target"] = tables = writable(args.database, args.schema, self.child("writer"), self)
        if args.bucket is not None:
            opens["bucket"] = objects = args.bucket.outputs.objects
        environment: dict[str, pulumi.Input[str]] = {}
        secrets: dict[str, Secret] = {}
        for name, port in opens.items():
            environment |= port.environment(name)
            secrets |= port.secrets(name)
        job = Job(
            self.child("run"),
            JobArgs(
                software=base.also(self.origin, exact(args.requirements)),
                command=(*starts, f"{{{{files}}}}/{args.script}"),
                environment=environment,
                secrets=secrets,
                files=files,
                uses=(*own, *reads),
                triggers=tuple(port.revision for port in args.inputs.values()),
                after=tuple(port.job for port in args.inputs.values()),
                schedule=args.schedule,
                size=args.size,
            ),
            self.below(),
        )
        done = {"revision": job.outputs.revision, "job": job.outputs.job}
        return PythonJobOutputs(tables=tables.only(tables=[]).filled(**done), objects=objects.filled(**done))

    def _files(self) -> dict[str, pulumi.Input[str]]:
        """The script and what it brings along; one that is missing is refused."""
        folder = Path(self.args.folder)
        texts: dict[str, pulumi.Input[str]] = {}
        for name in (self.args.script, *self.args.files):
            try:
                texts[name] = (folder / name).read_text(encoding="utf-8")
            except OSError:
                raise UserError(f"`{self.name}` needs the file {name}, which is not in {folder.name}/") from None
        return texts


def exact(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """The requirements, each with an exact version."""
    for line in requirements:
        if "==" not in line:
            raise UserError(f"requirement `{line}` names no exact version", hint=f"write `{line.strip()}==<version>`")
    return requirements
