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
    logicalType: LogicalType
    required: bool = False
    primaryKey: bool = False
    description: str = ""
    classification: str = ""
    personalData: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table's columns; those that are not listed are refused at loading."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    name: str
    properties: tuple[Column, ...]
    description: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.properties]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"column `{twice[0]}` stands twice")
