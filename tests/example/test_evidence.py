"""`tests/evidence/local.txt` lists the components that really run in the example mesh.

`MESH_EVIDENCE=write pytest tests/example/test_evidence.py` writes it anew; write `docs/support-matrix.md` after it.
"""

from __future__ import annotations

import json
import os

import pytest

from components.base import technologies
from tests.example.running import ROOT, Running

pytestmark = [pytest.mark.engine, pytest.mark.software]
EVIDENCE = ROOT / "tests" / "evidence" / "local.txt"


def test_evidence_of_local_is_what_runs(running: Running) -> None:
    assert running.mesh("status").returncode == 0, "all that the stacks hold answers"
    found: set[str] = set()
    for stack in ("weather-dev", "flights-dev"):
        state = json.loads(running.pulumi("stack", "export", "-s", stack).stdout)["deployment"]
        assert not state.get("pending_operations")
        found |= {resource["type"] for resource in state["resources"]}
    text = "".join(f"{name}\n" for name, kind in sorted(technologies().items()) if kind.type_token in found)
    if os.environ.get("MESH_EVIDENCE") == "write":
        EVIDENCE.write_text(text, encoding="utf-8")
    assert EVIDENCE.read_text(encoding="utf-8") == text
