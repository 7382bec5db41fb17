"""The manifest of a data product: what a domain team writes."""

from __future__ import annotations

import datetime
import zoneinfo
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from components.contract import Table
from components.errors import Refused, UserError
from components.ingest import Source
from components.names import ID
from components.primitives import Schedule
from stacks import cron
from templates.document import Document, load
from templates.model import Key, Model, Version

Id = Annotated[
    str,
    Field(pattern=rf"^{ID.pattern}$", max_length=38, description="lower case, digits, single dashes; a letter first"),
]
"""Product and port ids; 24 (domains) + 38 characters fit Backstage's 63 (its naming rules)."""

DOMAIN_LENGTH = 24

TAKEN = ("target", "bucket", "cluster", "admin")
"""Names under which a job finds what it writes to (`TARGET_HOST`): an input of that name would take its place."""


class InputPort(Model):
    """A port that the product reads: `from: weather/observations/hourly`."""

    name: Id
    from_: str = Field(
        alias="from", pattern=r"^[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+$", description="<domain>/<product>/<port>"
    )

    @property
    def parts(self) -> tuple[str, str, str]:
        """Domain, product, port."""
        domain, product, port = self.from_.split("/")
        return domain, product, port

    @pydantic.field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in TAKEN:
            raise ValueError(f"`{name}` is what jobs call something of their own; choose another name")
        return name


class OutputPort(Model):
    """A port of the template, perhaps narrowed and under a name of its own, and its contract."""

    name: Id
    from_: str | None = Field(default=None, alias="from")
    """The template's output; the one of the same name where it is missing."""
    tables: tuple[str, ...] = ()
    description: str = ""
    contract: str | None = None
    schema_: tuple[Table, ...] = Field(default=(), alias="schema")
    personal_data: Literal["aggregated", "masked", "dropped"] | None = None
    """How personal data that the product read was removed from what it offers here."""

    @pydantic.model_validator(mode="after")
    def _one_contract(self) -> OutputPort:
        if self.contract is not None and self.schema_:
            raise ValueError("a port has a `contract` file or a `schema`, not both")
        return self


class Grant(Model):
    """Another product's, a team's or a person's right to read a port, until a date."""

    to: str = Field(
        pattern=r"^([a-z0-9-]+/[a-z0-9-]+|team:[a-z0-9-]+|user:[A-Za-z0-9@._-]+)$",
        description="<domain>/<product>, team:<name> or user:<name>",
    )
    port: Id
    until: datetime.date


class Budget(Model):
    """What the product may cost."""

    monthly: float = Field(ge=0, allow_inf_nan=False)
    currency: Literal["EUR", "USD"] = "USD"


class PersonalData(Model):
    """What the product keeps personal data for, by which lawful basis (GDPR Art. 6), and how long."""

    purpose: str = ""
    lawful_basis: (
        Literal["consent", "contract", "legal-obligation", "vital-interests", "public-task", "legitimate-interests"]
        | None
    ) = None
    retention_days: int | None = Field(default=None, gt=0)
    masked: bool = False
    """Nobody can be recognised in it: pseudonyms, or made-up persons."""


class Manifest(Model):
    """A data product."""

    api_version: Literal["meshwright/v1"]
    kind: Literal["DataProduct"]
    name: Id
    version: Version = "1.0.0"
    description: str
    purpose: str = ""
    owner: str = Field(min_length=3)
    cost_centre: str
    classification: Literal["public", "internal", "confidential", "restricted"]
    template: str = Field(pattern=r"^[a-z0-9-]+(@\d+)?$", description="<template> or <template>@<major>")
    parameters: dict[str, Any] = {}
    sources: tuple[Source, ...] = ()
    input_ports: tuple[InputPort, ...] = ()
    output_ports: tuple[OutputPort, ...] = ()
    grants: tuple[Grant, ...] = ()
    dashboards: tuple[str, ...] = ()
    schedule: Schedule | None = None
    budget: Budget | None = None
    personal_data: PersonalData | None = None
    implementations: dict[str, str] = {}
    import_: dict[str, str] = Field(default={}, alias="import")
    """A component's key -> the id of the cloud resource that is there already and becomes it."""

    @pydantic.field_validator("name")
    @classmethod
    def _not_postgres(cls, name: str) -> str:
        if name.split("-")[0] == "pg":
            raise ValueError("schemas and roles that start with pg_ belong to PostgreSQL; choose another name")
        return name

    @pydantic.field_validator("schedule")
    @classmethod
    def _readable(cls, schedule: Schedule | None) -> Schedule | None:
        if schedule is None:
            return None
        if why := cron.refused(schedule.cron):
            raise ValueError(why)
        try:
            zoneinfo.ZoneInfo(schedule.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown time zone `{schedule.timezone}`") from None
        return schedule

    @pydantic.field_validator("sources", "input_ports", "output_ports")
    @classmethod
    def _apart(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = [name for name, count in Counter(item.name for item in named).items() if count > 1]
        if twice:
            raise ValueError(f"the name `{twice[0]}` stands twice")
        return named

    @pydantic.field_validator("grants")
    @classmethod
    def _once(cls, grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
        twice = [pair for pair, count in Counter((grant.to, grant.port) for grant in grants).items() if count > 1]
        if twice:
            raise ValueError(f"`{twice[0][1]}` is granted to {twice[0][0]} twice")
        return grants


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
    tenant: Key
    currency: Literal["EUR", "USD"] = "USD"
    owner: str
    environments: dict[str, Environment]

    @pydantic.field_validator("environments")
    @classmethod
    def _single_words(cls, environments: dict[str, Environment]) -> dict[str, Environment]:
        # A stack is named <domain>-<environment>, and a domain may hold dashes.
        for name in environments:
            if not ID.fullmatch(name) or "-" in name:
                raise ValueError(f"`{name}` is no environment's name: lower case and digits, no dash")
        return environments


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
