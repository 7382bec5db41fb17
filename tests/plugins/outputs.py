"""Outputs: what a resource answers, told by the annotations of its SDK class alone; no type is named here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pulumi
from pulumi import _types

Text = Callable[[str], Any]
"""Makes up the text of a property."""
PORTS = {"port": 5432}
DEPTH = 6
"""Types hold themselves: an error may have inner errors."""


@cache
def properties(kind: Hashable) -> tuple[tuple[str, Any, bool], ...]:
    """Each property of a resource or of an output type: its name in Pulumi, its type, whether it is always there."""
    found = []
    for _, name, getter in _types._py_properties(kind):
        hint = get_type_hints(getter.fget).get("return", Any)
        if get_origin(hint) is pulumi.Output:
            (hint,) = get_args(hint)
        found.append((name, required(hint), required(hint) is hint))
    return tuple(found)


def required(hint: Any) -> Any:
    """`T` of `Optional[T]`; any other type as it is."""
    kinds = get_args(hint)
    if type(None) not in kinds:
        return hint
    return next(kind for kind in kinds if kind is not type(None))


def outputs(kind: type[Any], inputs: Mapping[str, Any], text: Text) -> dict[str, Any]:
    """What a resource of an SDK class answers: its inputs, and in them and beside them what is always there."""
    return dict(_outputs(kind, inputs, text))


def _outputs(kind: type[Any], inputs: Mapping[str, Any], text: Text) -> Iterator[tuple[str, Any]]:
    for name, hint, always in properties(kind):  # type: ignore[arg-type]
        if name in inputs:
            yield name, filled(inputs[name], hint, text)
        elif always and name not in ("id", "urn"):
            yield name, invented(hint, name, text)


def filled(value: Any, hint: Any, text: Text) -> Any:
    """An input as it comes back: a list of names may come back as a table."""
    if isinstance(value, list):
        if get_origin(hint) in (dict, Mapping) or _origin(hint, Mapping):
            return {str(item): invented(get_args(hint)[1], str(item), text) for item in value}
        (item_hint,) = get_args(hint)[:1] or (Any,)
        return [filled(item, item_hint, text) for item in value]
    if isinstance(value, dict) and _types.is_output_type(hint):
        return {**value, **dict(_outputs(hint, value, text))}
    return value


def invented(hint: Any, name: str, text: Text, depth: int = 0) -> Any:
    """A plausible value of a type; what is optional inside it is there too."""
    hint = required(hint)
    if hint is bool:
        return False
    if hint in (int, float):
        return PORTS.get(name, 1)
    if _origin(hint, Sequence):
        return [invented(get_args(hint)[0], name, text, depth + 1)] if depth < DEPTH else []
    if _origin(hint, Mapping):
        return {}
    if isinstance(hint, type) and _types.is_output_type(hint):
        parts = properties(hint) if depth < DEPTH else ()
        return {part: invented(inner, part, text, depth + 1) for part, inner, _ in parts}
    return text(name)


def _origin(hint: Any, kind: type[Any]) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, kind)
