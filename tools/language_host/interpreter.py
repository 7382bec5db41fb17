"""Which Python runs a program, and what is installed in it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = """
import json, re, sys
from importlib.metadata import distributions
name = lambda text: re.sub("[-_.]+", "-", re.match("[A-Za-z0-9._-]+", text).group()).lower()
found = {name(d.name): (d.name, d.version, [name(r) for r in d.requires or () if "extra ==" not in r])
         for d in distributions() if d.name}
json.dump([sys.version.split()[0], list(found.values())], sys.stdout)
"""


class InterpreterNotFound(Exception):
    """The project names a Python that is not there; the message says what to do."""


def interpreter(options: Mapping[str, Any], root: str) -> str:
    """The Python of a project, policy pack or plugin in folder `root` with these `runtime.options`."""
    toolchain = options.get("toolchain") or "pip"
    if toolchain not in ("pip", "uv"):
        raise InterpreterNotFound(f"toolchain {toolchain} is not available here; pip and uv are (runtime.options)")
    virtualenv = options.get("virtualenv") or (".venv" if toolchain == "uv" else None)
    if virtualenv:
        folder = Path(os.path.normpath(Path(root, virtualenv)))
        source = f"runtime.options.virtualenv of {root}"
    elif active := os.environ.get("VIRTUAL_ENV"):
        folder, source = Path(active), "VIRTUAL_ENV"
    else:
        return sys.executable  # the one environment that is known to hold the SDK
    python = folder / "bin" / "python"
    if not python.exists():
        raise InterpreterNotFound(f"there is no Python environment in {folder}, named by {source}: create it there")
    return str(python)


def installed(python: str) -> tuple[str, list[tuple[str, str, list[str]]]]:
    """The version of `python`, and its packages: name, version, names of the packages that one requires."""
    run = subprocess.run([python, "-c", _DISTRIBUTIONS], capture_output=True, text=True, timeout=60, check=True)
    version, packages = json.loads(run.stdout)
    return version, [(name, number, requires) for name, number, requires in packages]
