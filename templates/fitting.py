"""Whether what a reference gives fits what an argument takes."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import pulumi
import pydantic


def fits(have: Any, want: Any) -> bool:
    """Whether a value of type `have` can stand where `want` is needed."""
    if Any in (have, want):
        return True
    if _union(have):
        return all(fits(part, want) for part in get_args(have))
    if _union(want):
        return any(fits(have, part) for part in get_args(want))
    if get_origin(have) is pulumi.Output and get_origin(want) is pulumi.Output:
        return fits(get_args(have)[0], get_args(want)[0])
    if get_origin(want) is Literal:
        values = get_args(want)
        return all(item in values for item in get_args(have)) if get_origin(have) is Literal else have is type(values[0])
    if (have_item := item_type(have)) is not None and (want_item := item_type(want)) is not None:
        return fits(have_item, want_item)
    base, wanted = get_origin(have) or have, get_origin(want) or want
    if isinstance(base, type) and isinstance(wanted, type) and issubclass(base, wanted | (dict if wanted is Mapping else wanted)):
        arguments, wanted_arguments = get_args(have), get_args(want)
        if len(arguments) == len(wanted_arguments):
            return all(fits(a, b) for a, b in zip(arguments, wanted_arguments, strict=True))
        return not (arguments and wanted_arguments)
    if {base, wanted} <= {dict, Mapping} or (base, wanted) == (Mapping, dict):
        return all(fits(a, b) for a, b in zip(get_args(have), get_args(want), strict=False))
    return False


def item_type(kind: Any) -> Any:
    """X of `tuple[X, ...]` or `list[X]`; None where it is no list."""
    for part in get_args(kind) if _union(kind) else (kind,):
        if get_origin(part) in (tuple, list) and get_args(part):
            return get_args(part)[0]
    return None


def literal(value: Any, kind: Any) -> Any:
    """A plain value as `kind`; raises pydantic.ValidationError."""
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(
        plain(kind), config=None if _own_config(kind) else pydantic.ConfigDict(arbitrary_types_allowed=True)
    )
    return adapter.validate_python(value)


def plain(kind: Any) -> Any:
    """`pulumi.Input[X]` as X: what can be written down."""
    if _union(kind):
        parts = [plain(part) for part in get_args(kind) if "Awaitable" not in str(part) and get_origin(part) is not pulumi.Output]
        return Union[tuple(parts)] if parts else Any  # noqa: UP007 - built at run time
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (tuple, list, dict, Mapping) and arguments:
        return origin[tuple(part if part is Ellipsis else plain(part) for part in arguments)]
    return kind


def shown(kind: Any) -> str:
    """A type as a person reads it."""
    if kind is type(None):
        return "nothing"
    if _union(kind):
        return " or ".join(dict.fromkeys(shown(part) for part in get_args(plain(kind)) or (plain(kind),)))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if (inner := item_type(kind)) is not None:
        return f"a list of {shown(inner)}"
    if get_origin(kind) is pulumi.Output:
        return shown(get_args(kind)[0])
    name = getattr(get_origin(kind) or kind, "__name__", str(kind))
    return {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}.get(name, name)


def _union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _own_config(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_config__")
