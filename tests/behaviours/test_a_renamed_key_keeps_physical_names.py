"""A template's key with `renamedFrom` moves nothing: what a cloud calls its things stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stacks.program import Program
from stacks.recording import COMPUTED, Recorded
from tests.behaviours.graphs import values
from tests.conftest import SCRIPT, LittleMesh

NAMING = ("name", "Name", "identifier", "family", "Prefix", "bucket", "key")
"""How inputs that name something end."""


def test_it(target: str, little: LittleMesh) -> None:
    before = names(little, target, SCRIPT)
    renamed = SCRIPT.replace("results: {type", "figures: {renamedFrom: results, type").replace(
        "${results}", "${figures}"
    )
    renamed = renamed.replace("files: {type", "things: {renamedFrom: files, type").replace("${files}", "${things}")
    assert len(before) > 5
    assert names(little, target, renamed) == before


def names(little: LittleMesh, target: str, template: str) -> list[str]:
    """Every text that names something."""
    little.write("templates/script.yaml", template)
    little.write("stacks/sales/churn/fit.py", "print(1)\n")
    little.product("sales/churn", "parameters: {script: fit.py}\n", template="script")
    found = Program(little.domain("sales-dev"), values(target)).recorded()
    return sorted(f"{each.type} {text}" for each in found if each.custom for text in naming(each))


def naming(each: Recorded) -> Iterator[str]:
    """The plain texts of a resource's inputs that name something; what refers to others has their names."""
    yield from (text for text in texts(each.inputs) if "${" not in text and COMPUTED not in text)


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Every text under a key that names something."""
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from texts(item, inner)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str) and key.endswith(NAMING):
        yield f"{key}={value}"
