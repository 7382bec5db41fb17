"""Whether what a reference gives fits what an argument takes."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Awaitable, Hashable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pulumi
import pydantic
import pydantic_core

from components.errors import near

LISTS = (tuple, list)
MAPS = (dict, Mapping)


def hints(kind: Any) -> Mapping[str, Any]:
    """Field name -> type of a dataclass. `pulumi.Input` names `Output[T]` in words that only its own module knows."""
    return _hints(kind)


@cache
def _hints(kind: Hashable) -> Mapping[str, Any]:
    return get_type_hints(kind, localns={"Output": pulumi.Output, "T": Any})


def fits(have: Any, want: Any) -> bool:
    """Whether a value of type `have` can stand where `want` is needed."""
    if Any in (have, want):
        return True
    if _union(have):
        return all(fits(part, want) for part in parts_of(have))
    if _union(want):
        return any(fits(have, part) for part in parts_of(want))
    if get_origin(want) is Literal:
        return get_origin(have) is Literal and set(get_args(have)) <= set(get_args(want))
    if get_origin(have) is Literal:
        return all(fits(type(value), want) for value in get_args(have))
    if have is bool or want is bool:
        return have is want  # in Python a bool is an int; here it is none
    if have is int and want is float:
        return True
    base, wanted = get_origin(have) or have, get_origin(want) or want
    alike = any(base in family and wanted in family for family in (LISTS, MAPS))
    if not alike and not (isinstance(base, type) and isinstance(wanted, type) and issubclass(base, wanted)):
        return False
    given = [part for part in get_args(have) if part is not Ellipsis]
    needed = [part for part in get_args(want) if part is not Ellipsis]
    return not given or not needed or (len(given) == len(needed) and all(map(fits, given, needed)))


def item_type(kind: Any) -> Any:
    """X of `tuple[X, ...]` or `list[X]`; None where it is no list."""
    return next((get_args(part)[0] for part in parts_of(kind) if get_origin(part) in LISTS and get_args(part)), None)


def value_type(kind: Any) -> Any:
    """X of `Mapping[str, X]`; Any where it is no mapping or one of anything."""
    return next((get_args(part)[1] for part in parts_of(kind) if get_origin(part) in MAPS and get_args(part)), Any)


def dataclass_of(kind: Any) -> Any:
    """The dataclass among what a type allows; None without one."""
    return next((part for part in parts_of(kind) if isinstance(part, type) and dataclasses.is_dataclass(part)), None)


def literal(value: Any, kind: Any) -> Any:
    """A plain value as `kind`; raises pydantic.ValidationError."""
    return _adapter(kind).validate_python(value)


@cache
def _adapter(kind: Hashable) -> pydantic.TypeAdapter[Any]:
    known = _checkable(plain(kind))
    # A dataclass brings its own configuration.
    own = isinstance(known, type) and dataclasses.is_dataclass(known)
    return pydantic.TypeAdapter(known, config=None if own else pydantic.ConfigDict(arbitrary_types_allowed=True))


def _checkable(kind: Any) -> Any:
    """A type for pydantic: a dataclass that holds what nobody can write down (Port) takes its instances alone."""
    if _union(kind):
        return Union[tuple(_checkable(part) for part in get_args(kind))]  # noqa: UP007 - built at run time
    if get_origin(kind) in (*LISTS, *MAPS) and get_args(kind):
        return get_origin(kind)[tuple(part if part is Ellipsis else _checkable(part) for part in get_args(kind))]
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)) or _writable(kind):
        return kind

    def instance(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{value!r} stands where {shown(kind)} is needed")
        return value

    return Annotated[Any, pydantic.PlainValidator(instance)]


@cache
def _writable(kind: type) -> bool:
    try:
        return pydantic.TypeAdapter(kind).pydantic_complete
    except (pydantic.PydanticUserError, pydantic.PydanticUndefinedAnnotation):
        return False


def literal_error(value: Any, kind: Any) -> str:
    """Why a plain value is not of a type; empty if it is. Nothing is converted but a whole number to a number."""
    sentence = f"{value!r} stands where {shown(kind)} is needed"
    try:
        literal(value, kind)
    except pydantic.ValidationError as error:
        told = [each for each in error.errors(include_url=False) if each["type"] != "none_required"]
        told.sort(key=lambda each: each["type"] != "unexpected_keyword_argument")  # a misspelt name is missing too
        return (_of_dataclass(told[0], kind) if told else "") or sentence
    if isinstance(value, str | int | float):
        allowed = [part for part in parts_of(plain(kind)) if get_origin(part) is not Literal]
        literals = any(get_origin(part) is Literal for part in parts_of(plain(kind)))
        return "" if literals or any(fits(type(value), part) for part in allowed) else sentence
    return ""


def _of_dataclass(error: pydantic_core.ErrorDetails, kind: Any) -> str:
    """What is wrong inside a dataclass, or what it says itself; empty for a value of another kind altogether."""
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    owner, name = dataclass_of(kind), str(error["loc"][-1]) if error["loc"] else ""
    if owner is None or not name or name == owner.__name__:
        return ""
    if error["type"] == "unexpected_keyword_argument":
        return f"{shown(owner)} has no `{name}`; {near(name, hints(owner))}"
    if error["type"] == "missing":
        return f"{shown(owner)} lacks `{name}`"
    return f"`{name}`: {error['input']!r} stands where {shown(hints(owner).get(name, Any))} is needed"


def plain(kind: Any) -> Any:
    """`pulumi.Input[X]` as X: what can be written down."""
    if _union(kind):
        parts = [plain(part) for part in parts_of(kind) if get_origin(part) is not pulumi.Output]
        return Union[tuple(parts)] if parts else Any  # noqa: UP007 - built at run time
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (*LISTS, *MAPS) and arguments:
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
    if get_origin(kind) in MAPS:
        return f"a mapping to {shown(value_type(kind))}"
    name = getattr(get_origin(kind) or kind, "__name__", str(kind))
    words = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    return words.get(name, {"list": "a list", "tuple": "a list", "dict": "a mapping"}.get(name, name))


def parts_of(kind: Any) -> tuple[Any, ...]:
    """What a type allows; of `pulumi.Input[X]`, X and Output[X]."""
    if not _union(kind):
        return (kind,)
    parts = get_args(kind)
    inputs = [get_args(part)[0] for part in parts if get_origin(part) is Awaitable]
    if not inputs:
        return parts
    others = [part for part in parts if part is type(None)]
    return (*inputs, *(types.GenericAlias(pulumi.Output, (each,)) for each in inputs), *others)


def _union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)
