"""A throwaway Pulumi project on the real engine, for tests of the provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "a passphrase of the tests"
PROGRAM = """
import pulumi, json, os
def _kind(token):
    class Made(pulumi.CustomResource):
        def __init__(self, name, props, outs=(), opts=None):
            super().__init__(f"mesh:index:{token}", name, {**dict.fromkeys(outs), **props}, opts)
    Made.__name__ = token
    return Made
def make(token, logical, outs=(), opts=None, /, **props):
    made = _kind(token)(logical, props, outs, opts)
    return made
HOME = %r
"""


@dataclass
class Stack:
    """One stack with its own backend, home and caches."""

    folder: Path
    name: str = "one"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def program(self, text: str) -> None:
        """Set the program: calls of `make(kind, name, outs, **props)`."""
        (self.folder / "__main__.py").write_text(PROGRAM % str(self.home) + textwrap.dedent(text))

    def environment(self) -> dict[str, str]:
        """Variables of every pulumi call."""
        values = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI", "PYTHONDONT"))}
        return {
            **values,
            "PATH": f"{ROOT / '.tools' / 'bin'}:{values['PATH']}",
            "PULUMI_HOME": str(self.folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL": "true",
        }

    def make(self) -> Stack:
        (self.folder / "state").mkdir(parents=True)
        project = {
            "name": "provider-tests",
            "runtime": {
                "name": "python",
                "options": {"toolchain": "pip", "virtualenv": str(Path(sys.executable).parents[1])},
            },
            "plugins": {"providers": [{"name": "mesh", "path": str(ROOT / "providers" / "mesh")}]},
        }
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))
        self.pulumi("stack", "init", self.name)
        return self

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A pulumi command, running."""
        return subprocess.Popen(
            ["pulumi", "--non-interactive", "--color=never", *words],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *words: str, code: int = 0) -> str:
        """A pulumi command's output; its exit code must be as given (-1: any failure)."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=180)
        assert process.returncode == code or (code == -1 and process.returncode), output
        return output

    def up(self, *words: str, code: int = 0) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", *words, code=code)

    def destroy(self) -> str:
        return self.pulumi("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        return found
