"""Ingest: files, tables and HTTP sources loaded into a database or a bucket by the `dlt` library."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from components.access import DatabaseAccess, writable
from components.base import Component
from components.contract import Table
from components.errors import UserError
from components.port import Port
from components.primitives import Bucket, Database, Job, JobArgs, Schedule, Size, locked, program

PROGRAMS = ("ingest.py", "ingest_read.py")
MOST = 800_000
"""Characters of files that go along with a job: a Kubernetes ConfigMap holds 1 MiB in all."""

Format = Literal["csv", "parquet", "json", "jsonl"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where one table comes from: exactly one of `file`, `url`, `package` (with `path`) and `port` (with `table`)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    file: str | None = None
    """A path or glob, relative to the manifest."""
    url: str | None = None
    package: str | None = None
    """An exact Python package (`name==version`) that carries the file `path`."""
    path: str | None = None
    port: str | None = None
    """An input port of protocol sql; `table` says which of its tables."""
    table: str | None = None
    format: Format | None = None
    """Guessed from the name where it is missing; `.zip` and `.gz` are opened."""
    nulls: tuple[str, ...] = ("",)
    """Texts that mean "no value" in CSV."""
    mode: Literal["replace", "append", "merge"] = "replace"

    def __post_init__(self) -> None:
        given = [key for key in ("file", "url", "package", "port") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(f"`{key}`" for key in given) or "none"
            raise ValueError(f"a source has exactly one of file, url, package and port, not {found}")
        if self.package is not None and (self.path is None or "==" not in self.package):
            raise ValueError("`package` is exact (name==version) and goes with `path`, the file inside it")
        if self.port is not None and self.table is None:
            raise ValueError("`port` goes with `table`")


@dataclass(frozen=True, kw_only=True)
class IngestArgs:
    """What is loaded (`sources`), and where (`into` a Database's `schema`, or a Bucket)."""

    into: Database | Bucket
    sources: tuple[Source, ...]
    schema: str = "data"
    contract: tuple[Table, ...] = ()
    inputs: dict[str, Port] = field(default_factory=dict)
    folder: str = ""
    """The manifest's folder: relative files are found there."""
    schedule: Schedule | None = None
    size: Size = "small"


@dataclass(frozen=True, kw_only=True)
class IngestOutputs:
    """`tables` is filled: whoever reads it waits for the load."""

    tables: Port


class Ingest(Component[IngestArgs, IngestOutputs]):
    """Loads sources once, on a schedule, and again when they change."""

    type_token = "mesh:data:Ingest"
    Args, Outputs = IngestArgs, IngestOutputs
    composed_of = (DatabaseAccess, Job)

    def compose(self) -> IngestOutputs:
        args = self.args
        if not args.sources:
            raise UserError(
                f"`{self.name}` has no `sources` to load", hint="add one: a file, a url, a package or a port"
            )
        if isinstance(args.into, Database):
            target = writable(args.into, args.schema, self.child("writer"), self)
        else:
            target = args.into.outputs.objects
        packages = tuple(dict.fromkeys(source.package for source in args.sources if source.package))
        read = {source.port: args.inputs[source.port] for source in args.sources if source.port is not None}
        environment, secrets = target.environment("target"), target.secrets("target")
        for name, port in read.items():
            environment |= port.environment(name)
            secrets |= port.secrets(name)
        job = Job(
            self.child("run"),
            JobArgs(
                software=locked("ingest").also(f"{self.origin}", packages),
                command=("python", "{{files}}/ingest.py"),
                files={name: program(name) for name in PROGRAMS} | {"sources.json": self.described()} | self.carried(),
                environment=environment,
                secrets=secrets,
                uses=(args.into, *read.values()),
                triggers=tuple(port.revision for port in read.values()) + self.fingerprints(),
                after=tuple(port.job for port in read.values()),
                schedule=args.schedule,
                size=args.size,
            ),
            self.below(),
        )
        tables = [source.name for source in args.sources]
        filled = target.only(tables=tables) if target.protocol == "sql" else target
        return IngestOutputs(tables=filled.filled(revision=job.outputs.revision, job=job.outputs.job))

    def described(self) -> str:
        """`sources.json`: what the program in the target loads."""
        columns = {
            table.name: [dataclasses.asdict(column) for column in table.properties] for table in self.args.contract
        }
        entries = []
        for source in self.args.sources:
            entry = {key: value for key, value in dataclasses.asdict(source).items() if value is not None}
            if source.file is not None and self.context.target.here:
                entry["file"] = str(Path(self.args.folder) / source.file)
            elif source.file is not None:
                entry["file"] = f"{source.file}.b64"
            if source.package is not None:
                entry["package"] = {"name": source.package.split("==")[0], "path": entry.pop("path")}
            if source.port is not None:
                entry.pop("port")
                entry["sql"] = {"port": source.port, "table": entry.pop("table")}
            if source.name in columns:
                entry["columns"] = columns[source.name]
            entries.append(entry)
        return json.dumps(entries, indent=1)

    def local(self) -> dict[str, Path]:
        """The local files of all sources, by their path below the manifest's folder."""
        root = Path(self.args.folder)
        patterns = [source.file for source in self.args.sources if source.file is not None]
        return {str(found.relative_to(root)): found for pattern in patterns for found in sorted(root.glob(pattern))}

    def carried(self) -> dict[str, str]:
        """The local files as text that goes along, where the target does not run on this machine."""
        if self.context.target.here:
            return {}
        files = {f"{name}.b64": base64.b64encode(path.read_bytes()).decode() for name, path in self.local().items()}
        size = sum(map(len, files.values()))
        if size > MOST:
            have, may = (f"{characters * 3 / 4e6:.1f} MB" for characters in (size, MOST))
            raise UserError(
                f"the files of `{self.name}` are {have}; at most {may} go along with a job",
                hint="put them where the target can read them: `url:`, `package:`, or another product's port",
            )
        return files

    def fingerprints(self) -> tuple[str, ...]:
        """A mark of each local file, so that a changed one is loaded again: its time here, its content elsewhere."""
        if not self.context.target.here:
            return tuple(f"{name}:{digest(path)}" for name, path in self.local().items())
        stats = {name: path.stat() for name, path in self.local().items()}
        return tuple(f"{Path(name).name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats.items())


def digest(path: Path) -> str:
    """A file's content in 16 characters."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
