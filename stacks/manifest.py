"""The manifest of a data product: what a domain team writes."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from components.contract import Table
from components.errors import Refused, UserError
from components.ingest import Source
from components.names import ID
from components.primitives import Schedule
from templates.document import Document, load
from templates.template import Model

Id = Annotated[str, Field(pattern=rf"^{ID.pattern}$", max_length=38)]
"""Domain and product ids; 24 + 38 characters fit Backstage's 63 (its naming rules)."""
PORT_REFERENCE = r"^[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+$"


class InputPort(Model):
    """A port that the product reads: `from: weather/observations/hourly`."""

    name: Id
    from_: str = Field(alias="from", pattern=PORT_REFERENCE)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Domain, product, port."""
        domain, product, port = self.from_.split("/")
        return domain, product, port


class OutputPort(Model):
    """A port of the template, perhaps narrowed and under a name of its own, and its contract."""

    name: Id
    from_: str | None = Field(default=None, alias="from")
    """The template's output; the one of the same name where it is missing."""
    tables: tuple[str, ...] = ()
    description: str = ""
    contract: str | None = None
    schema_: tuple[Table, ...] = Field(default=(), alias="schema")


class Grant(Model):
    """Another product's, a team's or a person's right to read a port, until a date."""

    to: str = Field(pattern=r"^([a-z0-9-]+/[a-z0-9-]+|team:[a-z0-9-]+|user:[A-Za-z0-9@._-]+)$")
    port: Id
    until: datetime.date


class Budget(Model):
    """What the product may cost."""

    monthly: float = Field(ge=0)
    currency: Literal["EUR", "USD"] = "USD"


class Manifest(Model):
    """A data product."""

    api_version: Literal["meshwright/v1"]
    kind: Literal["DataProduct"]
    name: Id
    version: str = Field(default="1.0.0", pattern=r"^\d+\.\d+\.\d+$")
    description: str
    purpose: str = ""
    owner: str = Field(min_length=3)
    cost_centre: str
    classification: Literal["public", "internal", "confidential", "restricted"]
    template: str = Field(pattern=r"^[a-z0-9-]+(@\d+)?$")
    parameters: dict[str, Any] = {}
    sources: tuple[Source, ...] = ()
    input_ports: tuple[InputPort, ...] = ()
    output_ports: tuple[OutputPort, ...] = ()
    grants: tuple[Grant, ...] = ()
    dashboards: tuple[str, ...] = ()
    schedule: Schedule | None = None
    budget: Budget | None = None
    implementations: dict[str, str] = {}

    @pydantic.field_validator("schedule")
    @classmethod
    def _schedule(cls, schedule: Schedule | None) -> Schedule | None:
        if schedule is not None:
            import zoneinfo

            if len(schedule.cron.split()) != 5:
                raise ValueError(f"`{schedule.cron}` is no cron line: minute hour day month weekday")
            try:
                zoneinfo.ZoneInfo(schedule.timezone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"unknown time zone `{schedule.timezone}`") from None
        return schedule


class Environment(Model):
    """The rules of one environment."""

    enforced: bool = False
    """A stack refuses to run where no policy pack is in force."""
    protected: bool = False
    """Databases and buckets can't be deleted."""


class Mesh(Model):
    """`stacks/mesh.yaml`: what all domains share."""

    api_version: Literal["meshwright/v1"]
    kind: Literal["Mesh"]
    tenant: Id
    currency: Literal["EUR", "USD"] = "USD"
    owner: str
    environments: dict[str, Environment]


class ContractFile(pydantic.BaseModel):
    """An ODCS v3 file: only `schema` is used here, the rest is kept for the catalogue."""

    model_config = pydantic.ConfigDict(extra="allow")
    schema_: tuple[Table, ...] = Field(alias="schema")


class Written:
    """A manifest with the file it came from."""

    def __init__(self, file: Path, domain: str) -> None:
        self.document: Document = load(file)
        self.model: Manifest = self.document.parse(Manifest)
        self.file, self.domain = file, domain
        self.folder = file.parent / file.stem if (file.parent / file.stem).is_dir() else file.parent

    @property
    def name(self) -> str:
        """`flights/departures`."""
        return f"{self.domain}/{self.model.name}"

    def error(self, what: str, *path: Any, hint: str = "") -> UserError:
        """A mistake at a path of this manifest."""
        return self.document.error(what, *path, hint=hint)

    def contract(self, port: OutputPort) -> tuple[Table, ...]:
        """The tables a port promises."""
        if port.contract is None:
            return port.schema_
        file = self.folder / port.contract
        if not file.is_file():
            index = self.model.output_ports.index(port)
            raise Refused([self.error(f"there is no file {port.contract}", "outputPorts", index, "contract")])
        return load(file).parse(ContractFile).schema_


def read_mesh(folder: Path) -> Mesh:
    """`mesh.yaml` of the stacks folder."""
    return load(folder / "mesh.yaml").parse(Mesh)
