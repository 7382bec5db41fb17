"""The inputs of a kind, and sentences for what is wrong with them."""

from __future__ import annotations

import difflib
import getpass
import ipaddress
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .home import NAME
from .values import UNKNOWN, unknown_in

Failure = tuple[str, str]
"""A property's name and what is wrong with it, in a sentence."""

TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a text", lambda v: isinstance(v, str)),
    "number": ("a number", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)),
    "flag": ("true or false", lambda v: isinstance(v, bool)),
    "texts": ("a list of texts", lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v)),
    "list": ("a list", lambda v: isinstance(v, list)),
    "map": ("a map", lambda v: isinstance(v, dict)),
    "table": ("a map of texts", lambda v: isinstance(v, dict) and all(isinstance(item, str) for item in v.values())),
}


@dataclass(frozen=True)
class Field:
    """One input: its type (a key of TYPES), and a check of its value that answers with a sentence."""

    type: str
    required: bool = False
    default: Any = None
    check: Callable[[Any], str | None] | None = None


def failures(fields: Mapping[str, Field], inputs: Mapping[str, Any]) -> Iterator[Failure]:
    """Everything wrong with `inputs`; what is not known yet is passed over."""
    for key in inputs:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 3, 0.5) or sorted(fields)
            yield key, f"there is no input `{key}`; did you mean {' or '.join(f'`{name}`' for name in near)}?"
    for key, field in fields.items():
        value = inputs.get(key)
        if value is None:
            if field.required:
                yield key, f"`{key}` is missing"
        elif value == UNKNOWN:
            continue
        elif not TYPES[field.type][1](value):
            yield key, f"`{key}` must be {TYPES[field.type][0]}, not {_shown(value)}"
        elif field.check and not unknown_in(value) and (wrong := field.check(value)):
            yield key, f"`{key}`: {wrong}"


def with_defaults(fields: Mapping[str, Field]) -> dict[str, Any]:
    """The defaults, to be put into inputs that lack them, so that policies see them."""
    return {key: field.default for key, field in fields.items() if field.default is not None}


def _shown(value: Any) -> str:
    # Only the type: the value may be a secret.
    names = {str: "a text", bool: "a flag", int: "a number", float: "a number", list: "a list", dict: "a map"}
    if isinstance(value, list):
        return "a list with other members than texts"
    if isinstance(value, dict):
        return "a map with other values than texts"
    return names.get(type(value), type(value).__name__)


def legal_name(value: str) -> str | None:
    """`[a-z0-9-]`, at most 100 characters."""
    if NAME.fullmatch(value):
        return None
    return f"`{value[:120]}` is no legal name: lower-case letters, digits and hyphens inside, at most 100 characters"


def legal_home(value: str) -> str | None:
    """An absolute, writable (or makeable) directory."""
    if not value.startswith("/") or re.search(r'[\x00-\x1f"*?\[\]:]', value):
        return f'the data path `{value}` must be absolute, without any of " * ? [ ] : and control characters'
    path = Path(value)
    while not os.path.lexists(path):
        path = path.parent
    if not path.is_dir():
        return f"the data path `{value}` can't be written: `{path}` is no directory"
    try:
        Path(tempfile.mkdtemp(dir=path)).rmdir()  # tried: root is told yes where a file system says no
    except OSError:
        return f"the data path `{value}` can't be written: user `{_user()}` may not write in `{path}`"
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def legal_variables(value: dict[str, Any]) -> str | None:
    """Names that a shell accepts."""
    wrong = [name for name in value if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    return f"`{wrong[0]}` is no legal name of an environment variable" if wrong else None


def legal_files(value: dict[str, Any]) -> str | None:
    """Relative paths that stay inside."""
    for name in value:
        if not name or name.startswith("/") or ".." in Path(name).parts or "\0" in name:
            return f"`{name}` must be a relative path without `..`"
    return None


def loopback(address: str) -> bool:
    """Whether only this machine can reach `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def legal_bind(value: str) -> str | None:
    """An IP address, or localhost."""
    try:
        if value != "localhost":
            ipaddress.ip_address(value)
        return None
    except ValueError:
        return f"`{value}` is no IP address"


def at_least(least: float) -> Callable[[Any], str | None]:
    """A number not below `least`."""
    return lambda value: None if value >= least else f"{value} is too small, at least {least:g}"


def one_of(*allowed: str) -> Callable[[Any], str | None]:
    """One of some words."""
    return lambda value: None if value in allowed else f"`{value}` is none of {', '.join(allowed)}"


COMMON: dict[str, Field] = {
    "home": Field("text", required=True, check=legal_home),
    "name": Field("text", required=True, check=legal_name),
    "cpu": Field("number", check=at_least(0)),
    "memoryMiB": Field("number", check=at_least(0)),
    "tags": Field("table"),
}
"""Inputs of every kind that runs something in a stack's home."""
