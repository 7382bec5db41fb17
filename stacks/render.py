"""A recorded graph as text: the tree of components and resources that a manifest becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from stacks.recording import COMPUTED, SECRET, SYMBOL, Recorded

WIDTH = 120
CONTENTS = frozenset({"files", "requirements", "data", "stringData", "content"})
"""Inputs that hold text of other files: only their names are shown."""
EMPTY: tuple[Any, ...] = (None, "", [])
SYMBOL_TYPE = re.compile(r"\$\{[^{}#]*::")


def tree(graph: Iterable[Recorded], prefixes: Mapping[str, str] | None = None) -> str:
    """Each resource below its parent with its inputs, and `<-` what it waits for beside its own parents.

    `prefixes` are paths of this machine and what is written for them.
    """
    resources = list(graph)
    children: dict[str | None, list[Recorded]] = {}
    known = {address(resource) for resource in resources}
    for resource in resources:
        children.setdefault(resource.parent if resource.parent in known else None, []).append(resource)
    plain = _without(prefixes or {})

    def lines(parent: str | None, depth: int) -> Iterator[str]:
        for resource in sorted(children.get(parent, ()), key=lambda r: (r.custom, r.type, r.name)):
            pad = "  " * depth
            yield f"{pad}{resource.name} {resource.type}{_marks(resource)}"
            waits = sorted({_short(dependency, resource) for dependency in resource.dependencies})
            if waits:
                yield f"{pad}  <- {', '.join(waits)}"
            if resource.custom:
                yield from _table(resource.inputs, depth + 2, plain)
            yield from lines(address(resource), depth + 1)

    return "\n".join(lines(None, 0)) + "\n"


def _marks(resource: Recorded) -> str:
    marks = [
        *(["protected"] if resource.protect else []),
        *([f"takes over {resource.adopts}"] if resource.adopts else []),
    ]
    return f" ({', '.join(marks)})" if marks else ""


def address(resource: Recorded) -> str:
    """How the recording names a resource."""
    return f"{resource.type}::{resource.name}"


def records(graph: Iterable[Recorded], stack: str) -> list[dict[str, Any]]:
    """The graph as judges of it read it: {urn, type, name, custom, inputs, parent, dependencies, provider, protect}.

    What is known only after creation stands in `inputs` as `${<urn>#<property>}`.
    """
    resources = list(graph)
    urns = {address(resource): f"urn:pulumi:{stack}::meshwright::{address(resource)}" for resource in resources}

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: whole(item) for key, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        return SYMBOL.sub(_named(urns), value) if isinstance(value, str) else value

    return [
        {
            "urn": urns[address(resource)],
            "type": resource.type,
            "name": resource.name,
            "custom": resource.custom,
            "inputs": whole(resource.inputs),
            "parent": urns.get(resource.parent or ""),
            "dependencies": sorted(urns[name] for name in resource.dependencies if name in urns),
            "propertyDependencies": {},
            "provider": urns.get(resource.provider or ""),
            "protect": resource.protect,
        }
        for resource in resources
    ]


def _named(urns: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def name(symbol: re.Match[str]) -> str:
        where, _, prop = symbol[0][2:-1].partition("#")
        return f"${{{urns.get(where, where)}#{prop}}}"

    return name


def _short(dependency: str, resource: Recorded) -> str:
    """A dependency by its name, or by its kind where it has the resource's own name."""
    kind, _, name = dependency.rpartition("::")
    return name if name != resource.name else f"its {kind.rpartition(':')[2]}"


def below(graph: Iterable[Recorded], root: str) -> list[Recorded]:
    """The component `root`, everything below it, and what that waits for."""
    every = {address(resource): resource for resource in graph}
    taken: set[str] = set()
    todo = [key for key, resource in every.items() if resource.name == root or resource.name.startswith(f"{root}--")]
    while todo:
        key = todo.pop()
        if key in every and key not in taken:
            taken.add(key)
            todo.extend({*every[key].dependencies, every[key].parent or "", every[key].provider or ""})
    return [resource for key, resource in every.items() if key in taken]


def _without(prefixes: Mapping[str, str]) -> Callable[[str], str]:
    def plain(text: str) -> str:
        for path, shown in sorted(prefixes.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(path, shown)
        return SYMBOL_TYPE.sub("${", text)

    return plain


def _table(table: Mapping[str, Any], depth: int, plain: Callable[[str], str]) -> Iterator[str]:
    for key, value in sorted(table.items()):
        if value not in EMPTY:
            yield from _entry(f"{'  ' * depth}{key}:", key, value, depth, plain)


def _entry(head: str, key: str, value: Any, depth: int, plain: Callable[[str], str]) -> Iterator[str]:
    value = _opened(_summary(key, value))
    flat = f"{head} {plain(_flat(value))}"
    if not isinstance(value, dict | list) or (len(flat) <= WIDTH and "\n" not in flat):
        yield flat if "\n" not in flat and len(flat) <= 2 * WIDTH else f"{head} (text)"
    elif isinstance(value, dict):
        yield head
        yield from _table(value, depth + 1, plain)
    else:
        yield head
        for item in value:
            yield from _entry(f"{'  ' * (depth + 1)}-", "", item, depth + 1, plain)


def _summary(key: str, value: Any) -> Any:
    """Contents by name; tags and labels, which are the same all over a product, by their number."""
    if value in (SECRET, COMPUTED):
        return value
    if key in ("tags", "labels") and isinstance(value, dict):
        return f"({len(value)})"
    if key in CONTENTS:
        return sorted(value) if isinstance(value, dict) else "(text)" if isinstance(value, str) else "(locked)"
    return value


def _opened(value: Any) -> Any:
    """JSON inside a text is shown as what it holds."""
    if isinstance(value, str) and value[:1] in "[{" and len(value) > 2:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        shown = ((key, _summary(key, item)) for key, item in sorted(value.items()) if item not in EMPTY)
        return "{" + ", ".join(f"{key}: {_flat(item)}" for key, item in shown) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flat(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(PurePath(value)) if isinstance(value, PurePath) else str(value)
