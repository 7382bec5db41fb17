"""The contract of a table, in the words of ODCS v3.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "object", "array"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its logical type, and what a reader must know of it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    logicalType: LogicalType  # noqa: N815 - ODCS writes it so
    required: bool = False
    primaryKey: bool = False  # noqa: N815
    description: str = ""
    classification: str = ""
    personalData: bool = False  # noqa: N815


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table's columns; those that are not listed are refused at loading."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    properties: tuple[Column, ...]
    description: str = ""
