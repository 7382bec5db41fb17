"""The pull request's comment, in GitHub's Markdown: verdict, cost difference, new findings, counts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import groupby
from urllib.parse import quote

from cli.check.difference import Change, Difference, difference
from cli.check.report import SHOWN, Checked, Found, Mistake, Report, stops

MARKER = "<!-- meshwright -->"
"""By which the workflow finds the comment of the last run, to replace it."""
LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""
SHARES = {"mistakes": 12_000, "costs": 12_000, "parts": 6_000, "notes": 3_000, "findings": 22_000}
"""The most that each part of it may take, so that none crowds out another; the rest is for what is always said."""
CLIP = 600
"""Characters that are kept of any one text."""


def comment(report: Report, base: Report | None = None, url: str = "", *, fail_on: str = "") -> str:
    """What a reviewer has to know. Without a base all findings are said and no cost is compared.

    `url` leads to the full report; `fail_on` is what the check was told. What finds no room is counted in a sentence.
    """
    found = difference(report, base)
    cut: list[str] = []
    parts = [
        f"{MARKER}\n### {_verdict(report, found, fail_on, 'finding' if base is None else 'new finding')}",
        _list("", [_mistake(mistake) for mistake in report.mistakes], "mistakes", "error", cut),
        _costs(found, cut) if base is not None else _total(found),
        _findings(found, fail_on, cut, compared=base is not None),
        _counts(report, found, compared=base is not None),
        _blind(found) if base is not None else "",
        _list("", [f"- {prose(note)}" for note in found.notes if note], "notes", "note", cut),
        f"Left out of this comment for its length: {', '.join(cut)}." if cut else "",
        f"[Full report](<{quote(url, safe=':/?#[]@!$&()*+,;=%~-._')}>)" if url else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report, found: Difference, fail_on: str, noun: str) -> str:
    """The sentence that must be right if nothing else is read."""
    if report.mistakes:
        return f"Meshwright can't check this: {_n(len(report.mistakes), 'error')}"
    new = sum(stops(one, fail_on) for one in found.new)
    old = sum(stops(one, fail_on) for one in found.kept)
    if new:
        return f"Meshwright stops this: {_n(new, noun)}" + (f", and {old} from before" if old else "")
    if old:
        return f"Meshwright stops this: {_n(old, 'finding')} from before, none new"
    if found.new:
        return f"Meshwright lets this pass: {_n(len(found.new), noun)}, only advisory"
    return f"Meshwright lets this pass: no {noun}s"


def _mistake(mistake: Mistake) -> str:
    place = f"{code(_place(mistake.file, mistake.line))}: " if mistake.file else ""
    hint = f"\n  Hint: {prose(mistake.hint)}" if mistake.hint else ""
    return f"- {place}{prose(mistake.what)}{hint}"


def _costs(found: Difference, cut: list[str]) -> str:
    """The products whose cost differs, the total, and folded what grew in them."""
    if not found.costs:
        same = _sums(found)
        compared = "Costs stay as they are" if not found.blind else "What could be compared costs the same"
        return f"{compared}: {same} a month." if same else ""
    rows, left = _fitting([_row(change) for change in found.costs], SHARES["costs"])
    if left:
        cut.append(f"the costs of {_n(left, 'product')}")
    for currency, was, now in found.totals:
        total = (_money(was), _money(now), f"**{_step(round(now - was, 2), *found.unpriced)}**")
        scope = "All that could be compared" if found.blind else "All products"
        rows.append(f"| **{scope}**, {prose(currency)} | | {' | '.join(total)} | |")
    head = ["| Product | Stack | Before | After | Change a month | Left of budget |", "|---|---|--:|--:|--:|--:|"]
    return "\n".join([*head, *rows]) + _parts(found.costs, cut)


def _row(change: Change) -> str:
    one, delta, left = change.either, change.delta, change.left
    was, now = (bool(side and side.unpriced) for side in (change.before, change.after))
    rest = "" if change.after is None else "no budget" if left is None else "at most " * now + _money(left)
    cells = (
        code(one.name, cell=True),
        code(one.stack, cell=True),
        _side(change.before, "new"),
        _side(change.after, "gone"),
        "other currency" if delta is None else _step(delta, was, now),
        f"**{rest}, over**" if left is not None and left < 0 else rest,
    )
    return f"| {' | '.join(cells)} |"


def _side(one: Checked | None, missing: str) -> str:
    if one is None:
        return missing
    return f"{_money(one.monthly)} {prose(one.currency)}" + (f" + {len(one.unpriced)} unpriced" if one.unpriced else "")


def _parts(costs: Iterable[Change], cut: list[str]) -> str:
    """Which components changed, in the products that were there before and stay."""
    rows = [
        f"| {code(change.either.name, cell=True)} | {code(name, cell=True)} | {_money(was)} | {_money(now)} |"
        for change in costs
        if change.before is not None and change.after is not None
        for name, was, now in change.parts()
    ]
    kept, left = _fitting(rows, SHARES["parts"])
    if left:
        cut.append(f"the costs of {_n(left, 'component')}")
    if not kept:
        return ""
    table = "\n".join(["| Product | Component | Before | After |", "|---|---|--:|--:|", *kept])
    return f"\n\n<details><summary>What changed in them</summary>\n\n{table}\n\n</details>"


def _total(found: Difference) -> str:
    sums = _sums(found)
    return f"All products together cost {sums} a month." if sums else ""


def _sums(found: Difference) -> str:
    sums = ", ".join(f"{_money(now)} {prose(currency)}" for currency, _, now in found.totals)
    return "at least " * (bool(sums) and found.unpriced[1]) + sums


def _findings(found: Difference, fail_on: str, cut: list[str], *, compared: bool) -> str:
    """New ones, those of one rule, sentence and place together; worst first."""

    def key(one: Found) -> tuple[str, ...]:
        return one.stack, one.product, one.rule, one.what, one.level, _place(one.file, one.line)

    order = {one: number for number, one in enumerate(found.new)}
    groups = [list(same) for _, same in groupby(sorted(found.new, key=key), key=key)]
    groups.sort(key=lambda same: (not stops(same[0], fail_on), min(order[one] for one in same)))
    title = f"**{_n(len(found.new), 'new finding' if compared else 'finding')}**"
    return _list(title, [_finding(same, fail_on) for same in groups], "findings", "group of findings", cut)


def _finding(same: list[Found], fail_on: str) -> str:
    one = same[0]
    mark = "" if stops(one, fail_on) else ", advisory"
    stack = code(one.stack)
    where = f"{code(one.product)} in {stack}" if one.product else f"what the products of {stack} share"
    names = sorted({each.resource for each in same})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    on = ", ".join(code(name) for name in names[:3]) + more
    fix = "the rule itself." if one.outcome == "error" else prose(one.fix)
    return (
        f"- **{one.severity}{mark}** {code(one.rule)} {prose(one.what)}\n"
        f"  {where}, {code(_place(one.file, one.line))}, on {on}\n"
        f"  Fix: {fix}"
    )


def _counts(report: Report, found: Difference, *, compared: bool) -> str:
    said = []
    if compared:
        said.append(f"Findings: {len(found.new)} new, {len(found.fixed)} fixed, {len(found.kept)} from before.")
    shown = [one for one in report.findings if one.level in SHOWN]
    unknown = report.counted("deferred") + sum(one.outcome == "unknown" for one in shown)
    unpriced = sum(len(one.unpriced) for one in report.products)
    said += [f"{_n(unknown, 'check')} can't be decided before `up`."] * bool(unknown)
    said += [f"{_n(unpriced, 'resource')} without a price."] * bool(unpriced)
    said += [f"{_n(report.counted('waived'), 'finding')} waived."] * bool(report.counted("waived"))
    size = (len(report.products), "product"), (len(report.stacks), "stack"), (report.resources, "resource")
    said.append(f"Checked {', '.join(_n(*one) for one in size)}.")
    return " ".join(said)


def _blind(found: Difference) -> str:
    """What the comparison does not cover."""
    if not found.blind:
        return ""
    names = ", ".join(code(name) for name in found.blind[:5])
    more = f" and {len(found.blind) - 5} more" if len(found.blind) > 5 else ""
    return f"Not compared, because one side could not be checked: {names}{more}."


def _list(title: str, items: list[str], share: str, noun: str, cut: list[str]) -> str:
    kept, left = _fitting(items, SHARES[share])
    if left:
        cut.append(_n(left, noun))
    return "\n\n".join(filter(None, (title, "\n".join(kept)))) if items else ""


def _fitting(items: list[str], room: int) -> tuple[list[str], int]:
    """The first items that fit, and how many do not."""
    for number, item in enumerate(items):
        room -= len(item) + 1
        if room < 0:
            return items[:number], len(items) - number
    return items, 0


def prose(text: str) -> str:
    """A sentence as it reads, its `code` kept; nothing in it is markup, a mention or a reference for GitHub."""
    pieces = _clipped(text).split("`")
    if len(pieces) % 2 == 0:
        return _escaped("`".join(pieces))
    return "".join(_escaped(piece) if number % 2 == 0 else code(piece) for number, piece in enumerate(pieces))


def code(text: str, *, cell: bool = False) -> str:
    """A name as code; in a cell of a table also one that holds what would end the cell."""
    plain = _clipped(text)
    if not plain:
        return ""
    if "`" not in plain and not (cell and re.search(r"[|\\]", plain)):
        return f"`{plain}`"
    return f"<code>{''.join(each if each.isalnum() or each == ' ' else f'&#{ord(each)};' for each in plain)}</code>"


def _escaped(text: str) -> str:
    marked = re.sub(r"[\\`*_\[\]|~${}]", r"\\\g<0>", html.escape(text, quote=False))
    first = re.sub(r"^(\d*)([-+#=.)])", r"\1\\\2", marked)  # no list, no heading
    return re.sub(r"@|#(?=\d)", r"\g<0><!-- -->", first)


def _clipped(text: str) -> str:
    """On one line, without characters that do not show, and not too long."""
    some = text[: 2 * CLIP]
    line = " ".join("".join(each if each.isprintable() else " " for each in some).split())
    return line if len(line) <= CLIP and some == text else f"{line[:CLIP]}..."


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _step(amount: float, unpriced_before: bool, unpriced_after: bool) -> str:
    """A change; what has no price does not count as nothing."""
    if unpriced_before:
        return "unknown"
    return "at least " * unpriced_after + (f"{amount:+,.2f}" if amount else "0.00")


def _n(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    first, _, rest = noun.partition(" of ")
    return f"{count:,} {first}s" + (f" of {rest}" if rest else "")
