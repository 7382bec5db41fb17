"""A throwaway stack on the real engine whose plugin is a stand-in of this folder."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from tests.providers.engine import Stack

PLUGINS = Path(__file__).parent


@dataclass
class StandInStack(Stack):
    """Its plugin is `tests/plugins/<plugin>`, which finds its daemon or cluster by the `reach` variables."""

    plugin: str = ""
    reach: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.reach}

    def make(self) -> StandInStack:
        (self.folder / "state").mkdir(parents=True)
        options = {"toolchain": "pip", "virtualenv": str(Path(sys.executable).parents[1])}
        project = {
            "name": "stand-in-tests",
            "runtime": {"name": "python", "options": options},
            "plugins": {"providers": [{"name": self.plugin, "path": str(PLUGINS / self.plugin)}]},
        }
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))
        self.pulumi("stack", "init", self.name)
        return self

    def write(self, program: str, base: str, text: str) -> None:
        """Set the program: its fixed part with the image `base` in it, then `text`."""
        (self.folder / "__main__.py").write_text(program.format(base=base) + textwrap.dedent(text))
