"""What a finding does by severity and environment, the caps, and what is allowed: `levels.yaml`, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import yaml

from policies.rule import Resource, Severity
from policies.strict_yaml import Pairs, Reader, StrictError

Level = Literal["mandatory", "advisory", "disabled"]
LevelsError = StrictError
"""Levels that can't be read; the sentence starts with file:line."""
FILE = Path(__file__).with_name("levels.yaml")
DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What an environment may use, as patterns (`eu-*`). None, or a type without a row in `skus`: anything."""

    regions: tuple[str, ...] | None = None
    registries: tuple[str, ...] | None = None
    skus: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns of sizes by type token."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Levels by environment and severity; `caps` in `currency` a month."""

    rows: Mapping[str, Mapping[Severity, Level]]
    caps: Mapping[str, float]
    currency: str
    allows: Mapping[str, Allowed] = field(default_factory=dict)

    @property
    def environments(self) -> frozenset[str]:
        """The environments that the file names."""
        return frozenset(self.rows) - {DEFAULT}

    def level(self, severity: Severity, environment: str) -> Level:
        """What a finding does. An environment that the file does not name gets the default."""
        return self.rows.get(environment, {}).get(severity) or self.rows[DEFAULT][severity]

    def cap(self, environment: str) -> float:
        """The most that one resource may cost in a month."""
        return self.caps.get(environment, self.caps[DEFAULT])

    def allowed(self, environment: str) -> Allowed:
        """What an environment may use. A key of its own row stands instead of the default row's."""
        common, own = self.allows.get(DEFAULT, Allowed()), self.allows.get(environment, Allowed())
        given = {key: value for key, value in vars(own).items() if value}
        return replace(common, **given)

    def environment(self, urn: str, tags: Mapping[str, object]) -> str:
        """A resource's environment: by its stack's name (`sales-prod`), since tags are written by hand, else by tag."""
        stack = urn.split("::")[0].rsplit(":", 1)[-1].rsplit("-", 1)[-1]
        if stack in self.environments:
            return stack
        tag = tags.get("environment")
        return tag if isinstance(tag, str) else ""


@dataclass(frozen=True, kw_only=True)
class Allowing(Resource):
    """A resource for fixtures, with lists of its own, so that they hold whatever `levels.yaml` says."""

    allowed: Allowed


def allowed(resource: Resource) -> Allowed:
    """What a resource's environment may use."""
    return resource.allowed if isinstance(resource, Allowing) else current().allowed(resource.environment)


@cache
def current(file: Path = FILE) -> Levels:
    """The levels of a file; a mistake in it stops, it never widens what is allowed. waivers.py reads `waivers`."""
    reader = Reader(file)
    top = reader.mapping(reader.root())
    reader.only(top, ("levels", "currency", "monthlyCapPerResource"), optional=("allowed", "waivers"))
    rows: dict[str, Mapping[Severity, Level]] = {}
    for name, (row, _) in reader.mapping(top["levels"][0]).items():
        cells = reader.mapping(row)
        reader.only(cells, get_args(Severity), complete=name == DEFAULT)
        rows[name] = {
            cast(Severity, severity): cast(Level, reader.word(cell, get_args(Level)))
            for severity, (cell, _) in cells.items()
        }
    caps = {name: reader.amount(cell) for name, (cell, _) in reader.mapping(top["monthlyCapPerResource"][0]).items()}
    allows = {name: _allowed(reader, row) for name, (row, _) in _section(reader, top, "allowed").items()}
    for section, found in (("levels", set(rows)), ("monthlyCapPerResource", set(caps)), ("allowed", set(allows))):
        if DEFAULT not in found and section != "allowed":
            raise reader.error(top[section][0], f"`{section}` has no `{DEFAULT}`")
        for name in found - {DEFAULT} - set(rows):
            raise reader.error(top[section][0], f"`{name}` is no environment of `levels`")
    return Levels(rows=rows, caps=caps, currency=reader.text(top["currency"][0]), allows=allows)


def _section(reader: Reader, top: Pairs, name: str) -> Pairs:
    return reader.mapping(top[name][0]) if name in top else {}


def _allowed(reader: Reader, row: yaml.Node) -> Allowed:
    cells = reader.mapping(row)
    reader.only(cells, (), optional=("regions", "registries", "skus"))
    lists = {name: reader.words(cells[name][0]) for name in ("regions", "registries") if name in cells}
    skus = {token: reader.words(cell) for token, (cell, _) in _section(reader, cells, "skus").items()}
    return Allowed(**lists, skus=skus)
