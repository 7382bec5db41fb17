"""Compile a tree of Python files, the same bytes each time; run by the Python that will read them, alone.

`python bytecode.py FOLDER PLACE`: FOLDER as it is here, PLACE as programs will see it.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

UNCHECKED = (1).to_bytes(4, "little")
"""PEP 552: the file is named by its source's hash, and nobody looks again. An image's files don't change."""

FORMAT = 2
"""Of marshal. Later ones mark shared objects by counting references, which differs from run to run."""


def compiled(path: Path, place: str) -> bool:
    """Write `path`'s bytecode beside it; False where it is no code for this Python (templates, old syntax)."""
    source = path.read_bytes()
    try:
        code = compile(source, place, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError):
        return False
    head = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source)
    target = Path(importlib.util.cache_from_source(str(path), optimization=""))
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(head + marshal.dumps(code, FORMAT))
    return True


def main(folder: Path, place: str) -> None:
    """All files below `folder`, by all cores."""
    files = sorted(folder.rglob("*.py"))
    places = [f"{place}/{file.relative_to(folder)}" for file in files]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(compiled, files, places, chunksize=50):
            pass


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10_000)
    main(Path(sys.argv[1]), sys.argv[2])
