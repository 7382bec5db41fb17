"""What `mesh check` says on a terminal: by product, worst first, each with its fix and the line to mend."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.text import Text

from cli import output
from cli.check.report import SEVERITIES, Found, Report

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def show(report: Report, seconds: float) -> None:
    """Findings on stdout, one sentence with the counts at the end."""
    for mistake in report.mistakes:
        place = f"{mistake.file}:{mistake.line}" if mistake.line else mistake.file
        output.out.print(Text.assemble(("error", "bold red"), f" {mistake.what}"))
        if place:
            output.out.print(f"  --> {place}", markup=False)
        if mistake.hint:
            output.out.print(Text.assemble(("  hint: ", "cyan"), mistake.hint))
    said = [found for found in report.findings if found.level in ("mandatory", "advisory")]
    ordered = sorted(said, key=lambda f: (f.stack, f.product, SEVERITIES.index(f.severity), f.rule, f.resource))
    for (stack, product), findings in groupby(ordered, key=lambda found: (found.stack, found.product)):
        output.out.print(Text.assemble((product or "what its products share", "bold"), f"  {stack}"))
        for rule, same in groupby(findings, key=lambda found: (found.rule, found.what)):
            _finding(rule[0], list(same))
    for note in report.notes:
        output.out.print(Text.assemble(("note", "cyan"), f" {note}"))
    output.out.print(summary(report, seconds), markup=False)


def _finding(rule: str, same: list[Found]) -> None:
    first = same[0]
    mark = "" if first.level == "mandatory" else " (advisory)"
    head = Text.assemble((f"  {first.severity}", COLOURS[first.severity]), f" {rule} {first.what}{mark}")
    output.out.print(head)
    names = _names(found.resource for found in same)
    output.out.print(f"      on {names}", markup=False)
    output.out.print(f"      fix: {first.fix}", markup=False)
    output.out.print(f"      --> {first.file}:{first.line}", markup=False)


def _names(resources: Iterable[str]) -> str:
    every = sorted(set(resources))
    return ", ".join(every[:3]) + (f" and {len(every) - 3} more" if len(every) > 3 else "")


def summary(report: Report, seconds: float) -> str:
    """What was checked and what came of it, in one line."""
    stop, show_only = report.counted("mandatory"), report.counted("advisory")
    waits, waived = report.counted("deferred"), report.counted("waived")
    parts = [f"{stop} findings" if stop != 1 else "1 finding"]
    parts += [f"{show_only} advisory"] * bool(show_only)
    parts += [f"{waived} waived"] * bool(waived)
    parts += [f"{waits} checks wait for `up`"] * bool(waits)
    parts += [f"{len(report.mistakes)} errors" if len(report.mistakes) != 1 else "1 error"] * bool(report.mistakes)
    checked = f"{len(report.products)} products, {report.resources} resources, {report.rules} rules in {seconds:.1f} s"
    return f"{', '.join(parts)}; checked {checked}"
