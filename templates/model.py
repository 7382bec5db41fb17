"""The template file as it is written, and what a template may know of its product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
from pydantic.alias_generators import to_camel

from components.contract import Table
from components.ingest import Source
from components.names import ID
from components.port import Port, Protocol
from components.primitives import Schedule

PARAMETER_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}

Key = Annotated[
    str, pydantic.Field(pattern=rf"^{ID.pattern}$", description="lower case, digits, single dashes; a letter first")
]
"""A name that ends up in resource names and addresses."""

Version = Annotated[str, pydantic.Field(pattern=r"^\d+\.\d+\.\d+$", description="three numbers, as in 1.0.0")]


class Model(pydantic.BaseModel):
    """Base of what people write: unknown fields are refused, and only the written form of a name is known."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Parameter(Model):
    """A knob of a template; without a default it must be given, and `default: null` may stand for nothing."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    description: str = ""
    default: Any = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def required(self) -> bool:
        """Whether a manifest must give it."""
        return "default" not in self.model_fields_set

    @pydantic.model_validator(mode="after")
    def _bounds(self) -> Parameter:
        if self.type not in ("integer", "number") and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"minimum and maximum bound a number, not a parameter of type {self.type}")
        return self

    def refuses(self, value: Any) -> str:
        """Why a value can't be taken; empty if it can."""
        wanted = PARAMETER_TYPES[self.type]
        number = self.type == "number" and isinstance(value, int | float)
        if (isinstance(value, bool) and wanted is not bool) or not (number or isinstance(value, wanted)):
            return f"wants {self.type}, got {value!r}"
        if self.enum and value not in self.enum:
            return f"can't be {value!r}; it is one of {', '.join(map(str, self.enum))}"
        # Written so that a NaN is refused by both.
        if self.minimum is not None and not value >= self.minimum:
            return f"is at least {self.minimum:g}, got {value}"
        if self.maximum is not None and not value <= self.maximum:
            return f"is at most {self.maximum:g}, got {value}"
        return ""


class Part(pydantic.BaseModel):
    """One component of a template: its class, and arguments that may hold references."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    type: str
    renamedFrom: Key | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The component's own arguments."""
        return dict(self.model_extra or {})


class OutputPort(Model):
    """A port that products of the template offer."""

    type: Protocol
    from_: str = pydantic.Field(alias="from")
    description: str = ""
    tables: tuple[str, ...] = ()
    prefix: str = ""
    login: bool = True
    """Whether readers get credentials; an HTTP service may ask nobody who they are."""


class TemplateModel(Model):
    """The file as written."""

    api_version: Literal["meshwright/v1"]
    kind: Literal["Template"]
    name: Key
    version: Version
    description: str
    extends: str | None = pydantic.Field(
        default=None, pattern=r"^[a-z0-9-]+(@\d+)?$", description="<template> or <template>@<major>"
    )
    parameters: dict[str, Parameter] = {}
    components: dict[str, Part | None] = {}
    outputs: dict[str, OutputPort | None] = {}


@dataclass(frozen=True, kw_only=True)
class ProductView:
    """What a template may refer to as `${product.<name>}`."""

    name: str
    domain: str
    environment: str
    folder: str
    schema: str
    sources: tuple[Source, ...] = ()
    inputs: Mapping[str, Port]
    contract: tuple[Table, ...] = ()
    dashboards: tuple[str, ...] = ()
    schedule: Schedule | None = None
