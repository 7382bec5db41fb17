"""Values that are not known yet: touching one ends a predicate as undetermined instead of letting it pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn


class UndeterminedError(Exception):
    """A predicate asked for a value that is known only in `up`; `path` says which."""

    def __init__(self, path: str) -> None:
        super().__init__(f"`{path}` is not known yet")
        self.path = path


class Unknown:
    """A value that is not known yet. It may be passed on, nothing else."""

    def __repr__(self) -> str:
        return "UNKNOWN"


def _touched(self: Unknown, *_: Any) -> NoReturn:
    raise UndeterminedError("a value")


_TOUCHES = "bool eq ne lt le gt ge hash len iter contains getitem str format int float"
for _name in _TOUCHES.split():
    setattr(Unknown, f"__{_name}__", _touched)

UNKNOWN = Unknown()


class PartlyKnown(dict[str, Any]):
    """A map with unknown values: reading one raises; iteration gives the known first, so that a sure fault is found."""

    def __init__(self, values: dict[str, Any], path: str) -> None:
        super().__init__(values)
        self._path = path

    def _known(self, key: str, value: Any) -> Any:
        if value is UNKNOWN:
            raise UndeterminedError(f"{self._path}.{key}".lstrip("."))
        return value

    def __getitem__(self, key: str) -> Any:
        return self._known(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._known(key, super().get(key, default))

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        unknown = None
        for key, value in super().items():
            if value is UNKNOWN:
                unknown = key
            else:
                yield key, value
        if unknown is not None:
            self._known(unknown, UNKNOWN)

    def values(self) -> Iterator[Any]:  # type: ignore[override]
        return (value for _, value in self.items())


class PartlyKnownList(list[Any]):
    """A list with unknown items; as PartlyKnown."""

    def __init__(self, values: list[Any], path: str) -> None:
        super().__init__(values)
        self._path = path

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        if item is UNKNOWN:
            raise UndeterminedError(f"{self._path}[{index}]")
        return item

    def __iter__(self) -> Iterator[Any]:
        unknown = False
        for item in super().__iter__():
            if item is UNKNOWN:
                unknown = True
            else:
                yield item
        if unknown:
            raise UndeterminedError(self._path)


def guarded(value: Any, path: str = "") -> Any:
    """A tree of plain dicts and lists in which UNKNOWN can't be read by accident. Without unknowns it stays plain."""
    if isinstance(value, dict):
        branches = {key: guarded(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        return PartlyKnown(branches, path) if any(v is UNKNOWN for v in branches.values()) else branches
    if isinstance(value, list | tuple):
        items = [guarded(item, f"{path}[{index}]") for index, item in enumerate(value)]
        return PartlyKnownList(items, path) if any(item is UNKNOWN for item in items) else items
    return value
