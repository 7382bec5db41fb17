"""A recorded graph as rules see it: what only an engine would know is UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.levels import Levels
from policies.rule import UNKNOWN, Options, Resource
from policies.unknown import guarded
from stacks.recording import COMPUTED, SYMBOL, Recorded

HIDDEN = "pulumi:pulumi:StackReference"


def resources(graph: Iterable[Recorded], stack: str, levels: Levels) -> Iterator[Resource]:
    """Each resource of a stack, in the order of registration."""
    for recorded in graph:
        if recorded.type == HIDDEN:
            continue
        props, unknown = plain(recorded.inputs)
        urn = f"urn:pulumi:{stack}::meshwright::{recorded.type}::{recorded.name}"
        yield Resource(
            type=recorded.type,
            props=guarded(props) if unknown else props,
            name=recorded.name,
            urn=urn,
            options=Options(protect=recorded.protect, parent=recorded.parent or ""),
            environment=levels.environment(urn, {}),
        )


def _document(text: str) -> bool:
    """Whether a text is JSON, as policies are: what it says can be judged, whatever its symbols will be."""
    return text.startswith(("{", "[")) and not SYMBOL.fullmatch(text)


def plain(value: Any) -> tuple[Any, bool]:
    """The value with UNKNOWN in place of symbols and of what is computed, and whether there was any."""
    if isinstance(value, str):
        unknown = COMPUTED in value or (not _document(value) and "${" in value and SYMBOL.search(value) is not None)
        return (UNKNOWN if unknown else value), unknown
    if isinstance(value, Mapping):
        pairs = {key: plain(item) for key, item in value.items()}
        if any(pair[1] for pair in pairs.values()):
            return {key: pair[0] for key, pair in pairs.items()}, True
        return value, False
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        if any(item[1] for item in items):
            return [item[0] for item in items], True
    return value, False
