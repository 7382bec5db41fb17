"""What the checks of a pull request call: `mesh ci comment`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from cli.check.report import Report

# Nothing heavy is imported here: cli/main.py has this group always.
app = typer.Typer(help="What a pull request's checks call.", no_args_is_help=True, rich_markup_mode=None)

UNSAID = "The check could not run at all; the log of its job says why"
UNCOMPARED = "There is no report of the base that could be read, so nothing is compared with it"


@app.callback()
def group() -> None:
    """What a pull request's checks call."""


@app.command()
def comment(
    head: Annotated[Path, typer.Argument(metavar="HEAD.json", help="What `mesh check --json` said.")],
    base: Annotated[
        Path | None, typer.Option("--base", metavar="BASE.json", help="What it says without the pull request.")
    ] = None,
    report_url: Annotated[str, typer.Option("--report-url", help="Where the full report is.")] = "",
    fail_on: Annotated[
        Literal["critical", "high", "medium", "low"] | None, typer.Option(help="As it was given to `mesh check`.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of stdout.")] = None,
) -> None:
    """Write a pull request's comment: verdict, cost difference, new findings.

    An empty report is one of a check that stopped before it had any: the comment says so, and replaces the last one.
    """
    from cli.check.markdown import comment
    from components.errors import UserError

    if report_url and not report_url.startswith(("https://", "http://")):
        raise UserError(f"`{report_url}` is no address of a report", hint="--report-url https://...")
    report, before = _report(head), None
    if base is not None and (before := _base(base)) is None:
        report = dataclasses.replace(report, notes=(*report.notes, UNCOMPARED))
    text = comment(report, before, report_url, fail_on=fail_on or "")
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} can't be written: {error.strerror}") from None


def _report(file: Path) -> Report:
    from cli.check.report import Mistake, Report, read
    from components.errors import UserError

    if not _size(file):
        return Report(mistakes=(Mistake(what=UNSAID),))
    try:
        return read(file)
    except ValueError as error:
        raise UserError(str(error), hint="mesh check --json > report.json") from None


def _base(file: Path) -> Report | None:
    """None for what an older `mesh` wrote, or could not: that must not keep a pull request from being told."""
    from cli.check.report import read

    try:
        return read(file) if _size(file) else None
    except ValueError:
        return None


def _size(file: Path) -> int:
    from components.errors import UserError

    try:
        return file.stat().st_size
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}") from None
