"""No address on the internet, unless an endpoint asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stacks.recording import Recorded
from tests.behaviours.graphs import example

OPEN = {
    ("assignPublicIp", True),
    ("publiclyAccessible", True),
    ("mapPublicIpOnLaunch", True),
    ("internal", False),
    ("external", True),
    ("publicNetworkAccess", "Enabled"),
    ("allowBlobPublicAccess", True),
    ("type", "LoadBalancer"),
    ("type", "NodePort"),
    ("bind", "0.0.0.0"),
    ("hostNetwork", True),
}
"""What opens something, on any target."""
WAYS_IN = ("Ingress", "LoadBalancer", "Listener", "PublicIPAddress")


def test_it(target: str) -> None:
    for each in example(target).made:
        kind = each.type.rpartition(":")[2]
        assert kind not in WAYS_IN, each.name
        assert not opened(each), each.name
        if kind == "Container":
            assert not each.inputs.get("ports"), each.name


def opened(each: Recorded) -> list[tuple[str, Any]]:
    """The inputs that open something."""
    return [pair for pair in pairs(each.inputs) if pair in OPEN]


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name and plain value, at any depth."""
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, str | bool):
            yield key, item
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from pairs(item)
