"""`mesh cost`: what products cost in a month, by component, and what a change of the manifests makes of it."""

from __future__ import annotations

import datetime
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from rich.table import Table

from cli import output, project
from cli.check.command import limited, stacks
from cli.check.difference import Change, difference
from cli.check.report import Checked, Report
from cli.check.run import Checker
from components.errors import UserError
from policies import levels, ratecard
from policies.dispatch import Dispatcher

WIDTH, BAR, GAP, LABEL = 760, 18, 6, 230
"""Pixels of the picture: its width, a bar's height, what is between two bars, and the column of names."""
COLOURS = ("#4c6ef5", "#12b886", "#fab005", "#e64980", "#7950f2", "#15aabf", "#fd7e14", "#82c91e", "#be4bdb", "#a05a2c")
OTHERS = "#adb5bd"


def cost(names: list[str], environment: str, against: str, picture: Path | None, *, as_json: bool) -> None:
    """Show the products' cost, or the difference to a git ref."""
    current = project.here()
    try:
        ratecard.current()
    except ValueError as error:
        raise UserError(str(error)) from None
    report = priced(current, names, environment)
    changes: tuple[Change, ...] = ()
    if against:
        with checkout(current.root, against) as before:
            changes = difference(report, priced(before, names, environment, strict=False)).costs
    if picture is not None:
        try:
            picture.write_text(svg(report.products), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{picture} can't be written: {error.strerror}") from None
    if as_json:
        plain = report.plain()
        changed = [{"product": change.either.name, "delta": change.delta} for change in changes]
        output.document({"products": plain["products"], **({"changes": changed} if against else {})})
    elif against:
        _differences(changes, against)
    else:
        _products(report.products)


def priced(current: project.Project, names: list[str], environment: str, *, strict: bool = True) -> Report:
    """The products with their prices, judged by no rule; mistakes are told, or at a base left out."""
    found, only = limited(current, names, stacks(current, environment), strict=strict)
    unjudged, today = Dispatcher(rules=(), levels=levels.current()), datetime.date.today()
    report = Checker(root=current.root, dispatcher=unjudged, today=today, only=only, part=True).check(found)
    if strict and report.mistakes:
        first = report.mistakes[0]
        raise UserError(first.what, file=first.file or None, line=first.line or None, hint=first.hint)
    return report


@contextmanager
def checkout(root: Path, ref: str) -> Iterator[project.Project]:
    """The project as it was at a git ref, in a folder that is removed again."""
    with tempfile.TemporaryDirectory(prefix="mesh-cost-") as folder:
        git = ["git", "-C", str(root)]
        inner = subprocess.run([*git, "rev-parse", "--show-prefix"], capture_output=True, text=True, check=False)
        words = [*git, "worktree", "add", "--quiet", "--detach", f"{folder}/base", ref]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = [*done.stderr.strip().splitlines(), "it gave no reason"][0].removeprefix("fatal: ")
            raise UserError(f"git can't show `{ref}`: {reason}")
        try:
            yield project.Project(Path(folder, "base", inner.stdout.strip()))
        finally:
            words = [*git, "worktree", "remove", "--force", f"{folder}/base"]
            subprocess.run(words, capture_output=True, check=False)


def _products(products: Iterable[Checked]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("product", "stack", "a month", "budget", "left", "components"):
        table.add_column(title, justify="right" if title in ("a month", "budget", "left") else "left")
    every = list(products)
    for one in every:
        least = " +?" if one.unpriced else ""
        left = "" if one.budget is None else f"{one.budget - one.monthly:,.2f}"
        parts = ", ".join(f"{name} {amount:,.2f}" for name, amount in one.lines)
        budget = "" if one.budget is None else f"{one.budget:,.2f}"
        table.add_row(one.name, one.stack, f"{one.monthly:,.2f}{least} {one.currency}", budget, left, parts)
    output.out.print(table)
    for currency in dict.fromkeys(one.currency for one in every):
        whole = sum(one.monthly for one in every if one.currency == currency)
        output.out.print(f"together {whole:,.2f} {currency} a month", markup=False)
    missing = [name for one in every for name in one.unpriced]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        output.out.print(f"+? has no price: {', '.join(missing[:5])}{more}", markup=False)


def _differences(changes: Iterable[Change], against: str) -> None:
    every = list(changes)
    if not every:
        output.out.print(f"no product costs more or less than at {against}", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("product", "before", "after", "difference", "left of budget", "what changed"):
        table.add_column(title, justify="left" if title in ("product", "what changed") else "right")
    for change in every:
        before = "" if change.before is None else f"{change.before.monthly:,.2f}"
        after = "" if change.after is None else f"{change.after.monthly:,.2f}"
        delta = "?" if change.delta is None else f"{change.delta:+,.2f} {change.either.currency}"
        left = "" if change.left is None else f"{change.left:,.2f}"
        parts = ", ".join(f"{name} {now - was:+,.2f}" for name, was, now in change.parts()[:4])
        table.add_row(change.either.name, before, after, delta, left, parts)
    output.out.print(table)


def svg(products: Iterable[Checked]) -> str:
    """One bar a product, a colour for each component, as long as what it costs; the smallest are `others`."""
    every = sorted(products, key=lambda one: -one.monthly)
    most = max((one.monthly for one in every), default=0) or 1
    sums: dict[str, float] = {}
    for one in every:
        for name, amount in one.lines:
            sums[name] = sums.get(name, 0.0) + amount
    named = sorted((name for name, amount in sums.items() if amount >= most / 100), key=lambda name: -sums[name])
    colours = dict(zip(named, COLOURS, strict=False))
    rows, drawn = "", list(colours)
    for row, one in enumerate(every):
        y, x = GAP + row * (BAR + GAP), float(LABEL)
        name = one.name if len(one.name) < 36 else f"{one.name[:34]}…"
        rows += f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>\n'
        for part, amount in one.lines:
            wide = amount / most * (WIDTH - LABEL - 90)
            title = f"<title>{escape(part)} {amount:,.2f} {escape(one.currency)}</title>"
            box = f'x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{BAR}" fill="{colours.get(part, OTHERS)}"'
            rows += f"<rect {box}>{title}</rect>\n"
            x += wide
        rows += f'<text x="{x + 6:.1f}" y="{y + 13}">{one.monthly:,.2f} {escape(one.currency)}</text>\n'
    if len(drawn) < len(sums):
        drawn.append("others")
    x, y = LABEL, GAP + len(every) * (BAR + GAP) + 10
    for name in drawn:
        wide = 26 + 7 * len(name)
        if x + wide > WIDTH:
            x, y = LABEL, y + BAR
        rows += f'<rect x="{x}" y="{y}" width="10" height="10" fill="{colours.get(name, OTHERS)}"/>\n'
        rows += f'<text x="{x + 14}" y="{y + 9}">{escape(name)}</text>\n'
        x += wide
    size = f'viewBox="0 0 {WIDTH} {y + BAR}" font-family="system-ui, sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{rows}</svg>\n'
