"""The catalogue's view of one product in one environment: what a stack's output `records` carries."""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from catalogue.address import Address, AddressError, address, check_name, mint_uid, parse_urn, urn
from catalogue.secrecy import secrets

__all__ = [
    "Address", "AddressError", "CatalogueRecord", "Column", "Component", "Consumer", "Contract", "Cost", "CostLine",
    "Endpoint", "Input", "Port", "RecordError", "Source", "Template", "Verdict", "Violation", "address",
    "canonical", "check_name", "digest", "mint_uid", "parse_urn", "read_record", "urn",
]  # fmt: skip

# A record is read whole by every page that shows it, so it stays small.
LONGEST_TEXT = 20_000
LARGEST_RECORD = 2_000_000
TOO_LARGE = f"the record has more than {LARGEST_RECORD:,} characters: shorten its texts"
UUID5 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Host = Annotated[str, StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9_.:-]+$")]
Url = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[a-z][a-z0-9+.-]*://[^\s\x00-\x1f<>\"]+$")]
WebUrl = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00-\x1f<>\"]+$")]
Protocol = Literal["sql", "s3", "http", "dask", "spark"]
Status = Literal["proposed", "draft", "active", "deprecated", "retired"]  # the words of ODPS
Money = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class RecordError(ValueError):
    """A record that is refused; the message holds a sentence a line."""


class Part(BaseModel):
    """Base of the models: strict about names, frozen, camelCase outside. Errors never echo an input."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


class Template(Part):
    name: Word
    version: Word


class Endpoint(Part):
    """Where a port answers; only the parts that its protocol knows."""

    host: Host | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    database: Word | None = None
    schema_: Word | None = Field(default=None, alias="schema")
    tables: tuple[Word, ...] = ()
    bucket: Word | None = None
    prefix: Line | None = None
    url: WebUrl | None = None  # http: the page; s3: the store's address


class Column(Part):
    name: Word
    logical_type: Word
    description: Text | None = None
    classification: Word | None = None
    personal_data: bool = False


class Contract(Part):
    columns: tuple[Column, ...] = ()


class Consumer(Part):
    """A granted reader: its short name or urn, and the last day of the grant."""

    to: Word
    until: date | None = None


class Port(Part):
    name: str
    urn: str
    protocol: Protocol
    description: Text = ""
    endpoint: Endpoint = Endpoint()
    contract: Contract | None = None
    consumers: tuple[Consumer, ...] = ()


class Input(Part):
    """A port that the product reads, under the name the product gives it."""

    name: Word
    urn: str


class Source(Part):
    """Raw data from outside the mesh: a file, an HTTP address, a database."""

    name: Word
    kind: Word = "file"
    location: Line = ""


class Component(Part):
    """A component of the product; `implementation` is what the target built for it."""

    name: Word
    type: Word
    implementation: Word


class CostLine(Part):
    name: Word
    monthly: Money


class Cost(Part):
    """Estimate for a month, in `currency` (ISO 4217)."""

    monthly: Money
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    budget: Money | None = None
    lines: tuple[CostLine, ...] = ()


class Violation(Part):
    rule: Word
    message: Line
    severity: Literal["mandatory", "advisory"] = "advisory"


class Verdict(Part):
    """What the policy pack said of the product."""

    passed: bool
    rules: int = 0
    violations: tuple[Violation, ...] = ()


class CatalogueRecord(Part):
    """One product in one environment. Build it with keywords, or from JSON with `read_record`."""

    uid: str
    urn: str
    name: str
    domain: str
    tenant: str
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=24)]
    stack: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")]
    version: Word
    description: Text
    owner: Word
    purpose: Text | None = None
    classification: Word
    cost_centre: Word
    status: Status = "active"
    template: Template
    target: Word
    region: Word | None = None
    ports: tuple[Port, ...] = ()
    inputs: tuple[Input, ...] = ()
    sources: tuple[Source, ...] = ()
    components: tuple[Component, ...] = ()
    cost: Cost
    policy: Verdict | None = None
    rows: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def holds_no_secret(cls, raw: Any) -> Any:
        if _too_large(raw):
            raise ValueError(TOO_LARGE)
        if found := next(secrets(raw), None):
            raise ValueError(found)
        return raw

    @model_validator(mode="after")
    def addresses_agree(self) -> Self:
        own = parse_urn(self.urn)
        if own != Address(self.tenant, self.domain, self.name):
            raise ValueError(f"`{own.urn}` is not the urn of {self.domain}/{self.name} of tenant {self.tenant}")
        if not UUID5.fullmatch(self.uid):
            raise ValueError(f"`uid` of {own.short} is no UUIDv5 in lower case")
        seen: set[str] = set()
        for port in self.ports:
            expected = address(self.tenant, self.domain, self.name, port.name).urn
            if port.urn != expected:
                raise ValueError(f"port `{port.name}` of {own.short} has the urn `{port.urn[:200]}`, not `{expected}`")
            if port.name in seen:
                raise ValueError(f"{own.short} has two ports named `{port.name}`")
            seen.add(port.name)
        for read in self.inputs:
            if parse_urn(read.urn).port is None:
                raise ValueError(f"input `{read.name}` of {own.short} names a product, not a port: `{read.urn}`")
        return self

    def dump(self) -> dict[str, Any]:
        """JSON-ready form with camelCase keys; what is not set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def address(self) -> Address:
        return Address(self.tenant, self.domain, self.name)


def canonical(content: Mapping[str, Any]) -> str:
    """The one text of a record: equal content, equal text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def read_record(raw: object) -> CatalogueRecord:
    """The record in `raw`, or `RecordError` with a sentence for each thing that is wrong."""
    if not isinstance(raw, dict):
        raise RecordError(f"a record is an object, not {type(raw).__name__}")
    try:
        return CatalogueRecord.model_validate(raw)
    except ValidationError as error:
        raise RecordError("\n".join(dict.fromkeys(_sentences(error)))) from None


def _too_large(raw: object) -> bool:
    try:
        return len(json.dumps(raw, default=str)) > LARGEST_RECORD
    except (ValueError, RecursionError):
        return True


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in problem["loc"])
        where = f"`{place[:200]}`"
        match problem["type"]:
            case "extra_forbidden":
                near = difflib.get_close_matches(str(problem["loc"][-1]), _names(), n=1)
                yield f"{where} is no field of a record" + (f"; did you mean `{near[0]}`?" if near else "")
            case "missing":
                yield f"{where} is missing"
            case "string_too_long":
                yield f"{where} is too long: at most {problem['ctx']['max_length']:,} characters"
            case "string_pattern_mismatch":
                yield f"{where} holds characters that are not allowed there"
            case "value_error":
                yield str(problem["ctx"]["error"])
            case _:
                yield f"{where}: {problem['msg']}"


def _names() -> list[str]:
    parts = (CatalogueRecord, Port, Endpoint, Column, Cost, Consumer, Component, Input, Source, Template, Verdict)
    return sorted({field.alias or name for part in parts for name, field in part.model_fields.items()})
