"""What `up` shows: a live line per stack and resource in work, a line per finished one without a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cli.engine import LOCKED, Operation, Outcome, Step
from cli.output import err, out

DONE = {"up": "built", "preview": "previewed", "destroy": "removed"}
SLOW = 1.0
"""Seconds after which a resource in work is worth a line."""


class Screen:
    """Progress on stderr."""

    def __init__(self, show: bool) -> None:
        self.show = show
        self.running: dict[str, tuple[Operation, float]] = {}
        self.said: set[str] = set()
        self.lock = threading.Lock()

    def begin(self, operation: Operation) -> None:
        """A stack starts."""
        with self.lock:
            self.running[operation.stack] = (operation, time.time())
        if self.show and not err.is_terminal:
            err.print(f"{operation.stack}: started")

    def update(self, operation: Operation) -> None:
        """A resource went on."""
        if not self.show or err.is_terminal:
            return
        for step in list(operation.steps.values()):
            if step.ended and step.urn not in self.said and step.op not in ("same", "read") and _custom(step):
                self.said.add(step.urn)
                err.print(
                    f"{operation.stack}: {_sign(step)} {step.name} "
                    f"({short(step.kind)}, {step.ended - step.started:.0f} s)"
                )

    def end(self, operation: Operation, outcome: Outcome) -> None:
        """A stack ended."""
        with self.lock:
            _, started = self.running.pop(operation.stack)
        if self.show:
            err.print(summary(operation, outcome, time.time() - started))

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        now = time.time()
        with self.lock:
            stacks = list(self.running.values())
        for operation, started in stacks:
            steps = [step for step in list(operation.steps.values()) if _custom(step)]
            ended = sum(1 for step in steps if step.ended)
            table.add_row(f"[bold]{operation.stack}[/]", f"{ended} of {len(steps)}", f"{now - started:.0f} s")
            for step in steps:
                if not step.ended and now - step.started > SLOW:
                    table.add_row(f"  [cyan]{step.name}[/]", short(step.kind), f"{now - step.started:.0f} s")
        return table


@contextmanager
def live(show: bool) -> Iterator[Screen]:
    """A screen that refreshes by itself on a terminal."""
    screen = Screen(show)
    if show and err.is_terminal:
        from rich.live import Live

        with Live(screen, console=err, refresh_per_second=8, transient=True):
            yield screen
    else:
        yield screen


def short(kind: str) -> str:
    """`mesh:index:PostgresServer` -> `PostgresServer`."""
    return kind.rsplit(":", 1)[-1]


def _custom(step: Step) -> bool:
    """Whether something is made: components only group what is."""
    return not step.kind.startswith(("mesh:data:", "pulumi:"))


def _sign(step: Step) -> str:
    if step.failed:
        return "failed"
    return {"create": "+", "update": "~", "delete": "-", "replace": "+-", "create-replacement": "+-"}.get(
        step.op, step.op
    )


def summary(operation: Operation, outcome: Outcome, seconds: float) -> str:
    """One line about a finished stack."""
    if not outcome.ok:
        return f"[red]✗[/] {outcome.stack} failed after {seconds:.0f} s"
    counts = [
        f"{count} {word}"
        for op, word in (("create", "new"), ("update", "changed"), ("replace", "replaced"), ("delete", "gone"))
        if (count := outcome.changes.get(op))
    ]
    what = ", ".join(counts) or "no changes"
    return f"[green]✓[/] {outcome.stack} {DONE[operation.verb]} in {seconds:.0f} s: {what}"


def failures(outcome: Outcome) -> None:
    """Each thing that went wrong, once."""
    if lock := next((match for _, text in outcome.errors if (match := LOCKED.search(text))), None):
        err.print(
            f"[bold red]error:[/] another operation works on {outcome.stack}: "
            f"{lock['who']}, process {lock['pid']}, since {lock['when']}"
        )
        err.print("  [cyan]hint:[/] wait for it; if it is gone, run `pulumi cancel -s " + outcome.stack + "`")
        return
    said: set[str] = set()
    for policy in outcome.policies:
        if policy.get("enforcementLevel") == "mandatory" and policy["message"] not in said:
            said.add(policy["message"])
            err.print(f"[bold red]policy:[/] {policy.get('resourceUrn', '').rsplit('::', 1)[-1]}: ", end="")
            err.print(policy["message"], markup=False)
    for name, message in outcome.errors:
        if message in said:
            continue
        said.add(message)
        err.print(f"[bold red]error:[/] {outcome.stack}{': ' + name if name else ''}: ", end="")
        err.print(message, markup=False)


def where_to_go(outcomes: dict[str, Outcome], registered: list[str]) -> None:
    """What was registered, and how each port is opened."""
    for line in registered:
        err.print(line, markup=False)
    shown = False
    for domain, outcome in outcomes.items():
        ports = (outcome.outputs or {}).get("ports") or {}
        for name, port in ports.items():
            if not isinstance(port, dict):
                continue
            shown = True
            where = port.get("url") or f"mesh open {domain}/{name}"
            out.print(f"  {domain}/{name:<28} {where}")
    if shown:
        out.print("  catalogue: mesh catalogue serve")
