"""What a test has seen running (listed.py)."""

from __future__ import annotations

import json

from tests.evidence.listed import listed
from tests.example.running import Running


def ran(target: str, running: Running, *stacks: str) -> bool:
    """Whether the file of a target lists exactly the components that these stacks hold, nothing of them half done."""
    found: set[str] = set()
    for stack in stacks:
        state = json.loads(running.pulumi("stack", "export", "-s", stack).stdout)["deployment"]
        assert not state.get("pending_operations")
        found |= {resource["type"] for resource in state["resources"]}
    return listed(target, found)
