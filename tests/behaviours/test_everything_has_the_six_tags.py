"""The six tags are on every resource that takes tags; whether it does is told by its SDK's own class."""

from __future__ import annotations

import importlib
from typing import Any

from pulumi import _types

from components.tags import TAGS
from stacks.recording import Recorded
from tests.behaviours.graphs import example
from tests.plugins.recording import classes

WITHOUT = ("mesh:index:Placement",)


def test_it(target: str) -> None:
    bare = {f"{each.type} {each.name}": missing for each in example(target).made if (missing := lacks(each))}
    assert not bare


def lacks(each: Recorded) -> set[str]:
    """The tags that a resource could have and has not."""
    key = place(each.type)
    if not key:
        return set()
    value: Any = each.inputs
    for part in key.split("."):
        value = value.get(part) or {}
    if isinstance(value, list):
        value = {entry["label"]: entry["value"] for entry in value}
    return {tag for tag in TAGS if not value.get(tag)}


def place(token: str) -> str:
    """Where a type has its tags; empty if it takes none."""
    if token.startswith("kubernetes:"):
        return "metadata.labels"
    if token.startswith("mesh:"):
        return "tags"
    package = token.split(":")[0]
    sdk = importlib.import_module(
        {"azure-native": f"pulumi_azure_native.{token.split(':')[1]}"}.get(package, f"pulumi_{package}")
    )
    assert sdk
    known = _types.input_type_types(classes(token)[1])
    return next((key for key in ("tags", "labels") if key in known), "")
