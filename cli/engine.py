"""One operation of the Pulumi engine on one stack: started, watched through its events, interrupted cleanly."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cli.project import Project
from components.errors import UserError

Verb = Literal["up", "preview", "destroy"]
LOCKED = re.compile(r"locked by .*?: created by (?P<who>\S+) \(pid (?P<pid>\d+)\) at (?P<when>\S+)", re.S)
NOISE = re.compile(r"^(Previewing|Updating|Destroying|View|Enter|update failed|preview failed|destroy failed)", re.I)


@dataclass
class Step:
    """One resource on its way."""

    urn: str
    kind: str
    op: str
    started: float
    ended: float | None = None
    failed: bool = False

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass
class Outcome:
    """What an operation came to."""

    stack: str
    code: int = 1
    changes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    outputs: dict[str, Any] | None = None
    """The stack's plain outputs; None where the engine gave none."""
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Resource name (or empty) and message."""
    policies: list[dict[str, Any]] = field(default_factory=list)
    touched: bool = False
    """Whether any resource was begun."""

    @property
    def ok(self) -> bool:
        """Whether all went well."""
        return self.code == 0

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, changed."""
        return any(count for op, count in self.changes.items() if op != "same")


class Operation:
    """`pulumi <verb>` on a stack. One CLI process: the Automation API takes four for the same."""

    def __init__(self, project: Project, verb: Verb, stack: str, extra: tuple[str, ...] = ()) -> None:
        self.project, self.verb, self.stack, self.extra = project, verb, stack, extra
        self.steps: dict[str, Step] = {}
        self.process: subprocess.Popen[str] | None = None

    def run(self, watch: Callable[[Operation], None] = lambda _: None) -> Outcome:
        """Run to the end; `watch` is called after every event that changes `steps`."""
        command = [self.project.pulumi, self.verb, "--stack", self.stack, "--json", "--non-interactive", *self.extra]
        if self.verb != "preview":
            command += ["--yes", "--skip-preview"]
        environment = self.project.environment()
        if self.verb == "preview":
            environment["PULUMI_ENABLE_STREAMING_JSON_PREVIEW"] = "true"
        outcome = Outcome(self.stack)
        # A session of its own: Ctrl-C reaches the engine once, from `interrupt`, not also from the terminal.
        self.process = subprocess.Popen(
            command,
            cwd=self.project.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        complaints: list[str] = []
        reader = threading.Thread(target=self._complaints, args=(complaints,), daemon=True)
        reader.start()
        for event in self._events(complaints):
            if self._note(event, outcome):
                watch(self)
        outcome.code = self.process.wait()
        reader.join(timeout=5)
        if outcome.code and not outcome.errors:
            text = "\n".join(line for line in complaints if line.strip() and not NOISE.match(line))
            outcome.errors.append(
                ("", text.removeprefix("error: ").strip() or f"pulumi ended with code {outcome.code}")
            )
        return outcome

    def interrupt(self) -> None:
        """Ask the engine to stop after what it is doing; a second call makes it stop at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def _complaints(self, into: list[str]) -> None:
        assert self.process is not None and self.process.stderr is not None
        into.extend(line.rstrip() for line in self.process.stderr)

    def _events(self, complaints: list[str]) -> Iterator[dict[str, Any]]:
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                complaints.append(line.rstrip())
                continue
            if isinstance(event, dict):
                yield event

    def _note(self, event: dict[str, Any], outcome: Outcome) -> bool:
        when = float(event.get("timestamp", 0))
        for key in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
            if key in event:
                data = event[key]["metadata"]
                urn = data["urn"]
                if key == "resourcePreEvent":
                    self.steps[urn] = Step(urn, data["type"], data["op"], when)
                    outcome.touched |= data["op"] not in ("same", "read") and data["type"] != "pulumi:pulumi:Stack"
                elif urn in self.steps:
                    self.steps[urn].ended, self.steps[urn].failed = when, key == "resOpFailedEvent"
                if key == "resOutputsEvent" and data["type"] == "pulumi:pulumi:Stack" and data.get("new"):
                    outcome.outputs = data["new"].get("outputs") or {}
                return True
        if "diagnosticEvent" in event:
            data = event["diagnosticEvent"]
            if data.get("severity") == "error" and not data.get("ephemeral"):
                name = (
                    data.get("urn", "").rsplit("::", 1)[-1]
                    if "::pulumi:pulumi:Stack::" not in data.get("urn", "")
                    else ""
                )
                message = data["message"].strip()
                if message and not NOISE.match(message):
                    outcome.errors.append((name, message))
        elif "policyEvent" in event:
            outcome.policies.append(event["policyEvent"])
        elif "summaryEvent" in event:
            outcome.changes = event["summaryEvent"].get("resourceChanges", {})
            outcome.seconds = float(event["summaryEvent"].get("durationSeconds", 0))
        return False


def query(project: Project, *arguments: str) -> Any:
    """The JSON that a reading `pulumi` command prints; None where it fails (an unknown stack)."""
    done = subprocess.run(
        [project.pulumi, *arguments], cwd=project.root, env=project.environment(), capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def resources(project: Project, stack: str, *flags: str) -> list[dict[str, Any]]:
    """The resources of a stack's state; none where there is no such stack."""
    exported = query(project, "stack", "export", "-s", stack, *flags) or {}
    return (exported.get("deployment") or {}).get("resources") or []


def ensure_stack(project: Project, stack: str) -> None:
    """Make the stack where it is not there yet; a look into our own state spares the CLI's second."""
    if project.own_backend and (project.state / ".pulumi" / "stacks" / "meshwright" / f"{stack}.json").exists():
        return
    done = subprocess.run(
        [project.pulumi, "stack", "init", stack, "--non-interactive"],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "already exists" not in done.stderr:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"pulumi ended with {done.returncode}"]
        raise UserError(f"stack {stack} can't be made: {said[-1].removeprefix('error: ')}")
