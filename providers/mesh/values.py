"""Pulumi property values as plain Python, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.rpc import UNKNOWN

__all__ = ["UNKNOWN", "plain", "plain_map", "secret_texts", "unknown_in", "wrap"]


def plain(value: PropertyValue) -> Any:
    """The value without wrappers; whole numbers as int (the engine sends every number as float)."""
    inner = value.value
    if isinstance(inner, float) and inner.is_integer():
        return int(inner)
    if isinstance(inner, Mapping):
        return {key: plain(item) for key, item in inner.items()}
    if isinstance(inner, tuple):
        return [plain(item) for item in inner]
    return inner


def plain_map(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    """Property values as a dict; null members and the engine's own `__` keys left out."""
    return {key: plain(item) for key, item in values.items() if item.value is not None and not key.startswith("__")}


def wrap(value: Any, secret: bool = False) -> PropertyValue:
    """A plain value as a property value; `secret` marks the whole of it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, Mapping):
        return PropertyValue({str(key): wrap(item) for key, item in value.items()}, is_secret=secret)
    if isinstance(value, (list, tuple)):
        return PropertyValue([wrap(item) for item in value], is_secret=secret)
    return PropertyValue(value, is_secret=secret)


def unknown_in(value: Any) -> bool:
    """Whether a plain value holds anything that is only known after the resource it comes from is made."""
    if isinstance(value, Mapping):
        return any(unknown_in(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(unknown_in(item) for item in value)
    return isinstance(value, str) and value == UNKNOWN


def secret_texts(values: Mapping[str, PropertyValue]) -> set[str]:
    """Every text inside a secret, for masking."""
    return {text for item in values.values() for text in _texts(item, item.is_secret)}


def _texts(value: PropertyValue, secret: bool) -> Iterator[str]:
    secret = secret or value.is_secret
    inner = value.value
    if isinstance(inner, Mapping):
        for item in inner.values():
            yield from _texts(item, secret)
    elif isinstance(inner, tuple):
        for item in inner:
            yield from _texts(item, secret)
    elif secret and isinstance(inner, str) and inner != UNKNOWN:
        yield inner
