"""Recorded: one resource as a program would register it, and the words for what only an engine would know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

COMPUTED = "(computed)"
"""Stands for a value made from what only the engine would know."""

SECRET = "(secret)"
"""Stands for every secret."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNED, IS_SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How Pulumi's protocol writes what is not known yet, and how it and a state mark a secret (sdk/go/common/resource)."""

SYMBOL = re.compile(r"\$\{[^{}#]+#[^{}]+\}")
"""`${type::name#property}`: the output of a resource, in whatever text it was put into."""


@dataclass
class Recorded:
    """One resource as it would be registered: `inputs` are filled in when the recording ends."""

    type: str
    name: str
    parent: str | None
    custom: bool
    protect: bool
    props: dict[str, Any]
    provider: str | None = None
    depends_on: Any = None
    adopts: str | None = None
    """The id of what is there already and becomes this resource."""
    inputs: dict[str, Any] = field(default_factory=dict)
    dependencies: set[str] = field(default_factory=set)
