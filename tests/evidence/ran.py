"""What a test has seen running: `tests/evidence/<target>.txt` lists the components, one a line.

`MESH_EVIDENCE=write` before a test that asks writes the file anew; write `docs/support-matrix.md` after it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.base import technologies
from tests.example.running import Running

HERE = Path(__file__).parent


def ran(target: str, running: Running, *stacks: str) -> bool:
    """Whether the file of a target lists exactly the components that these stacks hold, nothing of them half done."""
    found: set[str] = set()
    for stack in stacks:
        state = json.loads(running.pulumi("stack", "export", "-s", stack).stdout)["deployment"]
        assert not state.get("pending_operations")
        found |= {resource["type"] for resource in state["resources"]}
    text = "".join(f"{name}\n" for name, kind in sorted(technologies().items()) if kind.type_token in found)
    file = HERE / f"{target}.txt"
    if os.environ.get("MESH_EVIDENCE") == "write":
        file.write_text(text, encoding="utf-8")
    return file.is_file() and file.read_text(encoding="utf-8") == text
