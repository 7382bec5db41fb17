"""The lists of what tests have seen: `tests/evidence/<list>.txt`, a component a line.

`<target>.txt` really ran (level r of docs/support-matrix.md), `<target>.e.txt` was accepted by a judge outside this
repository. `MESH_EVIDENCE=write` before a test that asks writes its list anew; then write the matrix (tools/matrix.py).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from components.base import technologies

HERE = Path(__file__).parent


def listed(name: str, types: Collection[str]) -> bool:
    """Whether a list has exactly the components among `types`, which are type tokens."""
    text = "".join(f"{known}\n" for known, kind in sorted(technologies().items()) if kind.type_token in types)
    file = HERE / f"{name}.txt"
    if os.environ.get("MESH_EVIDENCE") == "write":
        file.write_text(text, encoding="utf-8")
    return file.is_file() and file.read_text(encoding="utf-8") == text
