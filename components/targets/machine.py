"""Machine: what targets keep on the machine that deploys: a stack's home, its jobs and what repeats them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from components import mesh
from components.base import Component
from components.errors import UserError
from components.primitives import SIZES, Job, JobOutputs, Secret, SecretOutputs, Size
from components.targets import StackSettings, Target, implements

PROVIDER = Path(__file__).resolve().parents[2] / "providers" / "mesh"


def state_home() -> Path:
    """Where stacks keep their data: `$XDG_STATE_HOME/meshwright` (XDG base directory specification)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "meshwright"


class Machine(Target):
    """A target whose jobs are run from here, each defined in the stack's home."""

    knows = Target.knows | {"dataDirectory"}

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.home = str(settings.values.get("dataDirectory") or state_home() / settings.stack)
        self.repeats = False
        """Whether a job has a schedule or follows another."""

    def verify(self) -> None:
        super().verify()
        folder = Path(self.home)
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        try:
            Path(tempfile.mkdtemp(dir=folder)).rmdir()  # tried: root is told yes where a file system says no
        except OSError:
            raise UserError(
                f"the data path `{self.home}` of stack {self.settings.stack} can't be written",
                hint=f"make {folder} writable, or set meshwright:dataDirectory in the stack's configuration",
            ) from None

    def common(self, component: Component[Any, Any], size: Size) -> dict[str, Any]:
        """The inputs that every kind takes."""
        capacity = SIZES[size]
        return {
            "home": self.home,
            "name": component.origin,
            "cpu": capacity.cpu,
            "memoryMiB": capacity.memory,
            "tags": component.context.tags.as_map(),
        }

    @implements(Secret)
    def secret_value(self, secret: Secret) -> SecretOutputs:
        inputs = {
            "length": None if secret.args.value is not None else secret.args.length,
            "value": secret.args.value,
            "tags": secret.context.tags.as_map(),
        }
        return SecretOutputs(value=mesh.SecretValue(secret.name, inputs, secret.below()).value)

    def run(self, job: Job, **inputs: Any) -> JobOutputs:
        """A job that is run from here; `inputs` say by what and how."""
        args = job.args
        shared = {
            **self.common(job, args.size),
            "secrets": {key: secret.outputs.value for key, secret in args.secrets.items()},
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
        }
        run = mesh.JobRun(job.name, {**shared, **inputs}, job.below())
        self.repeats = self.repeats or bool(args.schedule or args.after)
        return JobOutputs(revision=run.revision, job=pulumi.Output.from_input(f"{self.home}/jobs/{job.origin}"))

    def finish(self) -> None:
        """Start the stack's scheduler where a job repeats."""
        if not self.repeats:
            return
        inputs = {
            "home": self.home,
            "name": "scheduler",
            "command": [sys.executable, str(PROVIDER / "scheduler.py"), self.home],
            "variables": {},
            "endpoints": {},
            "bind": "127.0.0.1",
            "cpu": 0.1,
            "memoryMiB": 128,
            "tags": self.settings.shared_tags().as_map(),
        }
        mesh.Process("scheduler", inputs)
