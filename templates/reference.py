"""References: what `${component.output}`, `${parameters.x}` and `${product.x}` stand for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.base import Component
from components.errors import UserError, near
from templates.fitting import dataclass_of, hints, item_type, literal, literal_error, value_type

REFERENCE = re.compile(r"\$\{([^}]*)\}")


def references(value: Any) -> Iterator[str]:
    """Every `${...}` in a value, without the braces."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def has_reference(value: Any) -> bool:
    """Whether a value holds a `${...}`."""
    return next(references(value), None) is not None


def argument(value: Any, kind: Any, made: Mapping[str, Any]) -> Any:
    """A written value as an argument of type `kind`, its references replaced."""
    if isinstance(value, str) and (whole := REFERENCE.fullmatch(value)):
        found = follow(whole.group(1), made)
        # A parameter holds what was written in a manifest; everything else is typed already.
        return _typed(whole.group(1), found, kind) if whole.group(1).startswith("parameters.") else found
    if not has_reference(value):
        return literal(value, kind)
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: str(follow(match.group(1), made)), value)
    if isinstance(value, Mapping):
        made_of = dataclass_of(kind)
        if made_of is not None:
            types = hints(made_of)
            return made_of(**{key: argument(item, types[key], made) for key, item in value.items()})
        return {key: argument(item, value_type(kind), made) for key, item in value.items()}
    inner = item_type(kind)
    return tuple(argument(item, Any if inner is None else inner, made) for item in value)


def _typed(reference: str, value: Any, kind: Any) -> Any:
    if why := literal_error(value, kind):
        raise UserError(f"`{reference}`: {why}")
    return literal(value, kind)


def follow(reference: str, made: Mapping[str, Any]) -> Any:
    """What a reference stands for; raises UserError for a name that shows only now that it is missing."""
    head, *rest = reference.split(".")
    found = made[head]
    for part in rest:
        if isinstance(found, Component):
            found = found.outputs
        if isinstance(found, Mapping):
            if part not in found:
                raise UserError(f"`${{{reference}}}` finds no `{part}`", hint=near(part, map(str, found)))
            found = found[part]
        else:
            found = getattr(found, part)
    return found


def needed(kind: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass that must be given."""
    return [f for f in dataclasses.fields(kind) if f.default is f.default_factory]
