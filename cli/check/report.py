"""Report: what a check found, as plain values that print, compare and travel as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Level = Literal["mandatory", "advisory", "deferred", "waived"]
SEVERITIES = ("critical", "high", "medium", "low")
"""Worst first."""
SHOWN = ("mandatory", "advisory")
"""Levels of findings that somebody has to read."""
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a rule says of a resource. `product` is `<domain>/<product>`, empty for what a stack's products share."""

    rule: str
    name: str
    severity: str
    level: Level
    outcome: Literal["fail", "unknown", "error"]
    what: str
    fix: str
    product: str
    stack: str
    resource: str
    type: str
    file: str
    line: int
    waiver: str = ""
    """Until when and why it is waived."""

    @property
    def fingerprint(self) -> str:
        """The same for the same fault of the same resource, wherever its manifest's lines move."""
        return hashlib.sha256("|".join((self.rule, self.stack, self.type, self.resource)).encode()).hexdigest()[:32]


def stops(found: Found, fail_on: str) -> bool:
    """Whether a finding stops a pull request: as levels.yaml has it, or from the severity `fail_on` upwards."""
    if not fail_on:
        return found.level == "mandatory"
    return found.level in SHOWN and SEVERITIES.index(found.severity) <= SEVERITIES.index(fail_on)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One product that was checked. Money is per month, in `currency`; `budget` is None where it has none."""

    name: str
    stack: str
    target: str
    file: str
    monthly: float
    currency: str
    budget: float | None
    unpriced: tuple[str, ...] = ()
    lines: tuple[tuple[str, float], ...] = ()
    """What each component costs."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Why something could not be checked."""

    what: str
    file: str = ""
    line: int = 0
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it. Findings stand in the order of their stacks, products, severities."""

    stacks: tuple[str, ...] = ()
    resources: int = 0
    rules: int = 0
    products: tuple[Checked, ...] = ()
    findings: tuple[Found, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What is no finding of a resource, as a waiver that matched nothing."""

    def counted(self, *levels: Level) -> int:
        """How many findings have one of these levels."""
        return sum(found.level in levels for found in self.findings)

    def fails(self, severity: str) -> bool:
        """Whether it stops a pull request: by what levels.yaml makes mandatory, or from a severity upwards."""
        return any(stops(found, severity) for found in self.findings)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        findings = [{**dataclasses.asdict(found), "fingerprint": found.fingerprint} for found in self.findings]
        return {"version": VERSION, **dataclasses.asdict(self), "findings": findings}


def read(file: Path) -> Report:
    """A report that `mesh check --json` wrote; ValueError for anything else."""
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        if given.pop("version") != VERSION:
            raise ValueError("it is of another version")
        findings = []
        for found in given.pop("findings"):
            found.pop("fingerprint")
            findings.append(Found(**found))
        products = [
            Checked(
                **{
                    **one,
                    "unpriced": tuple(one["unpriced"]),
                    "lines": tuple((name, sum_) for name, sum_ in one["lines"]),
                }
            )
            for one in given.pop("products")
        ]
        mistakes = tuple(Mistake(**one) for one in given.pop("mistakes"))
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        return Report(findings=tuple(findings), products=tuple(products), mistakes=mistakes, **given)
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file} is no report of `mesh check --json`: {error}") from None


def merged(reports: list[Report]) -> Report:
    """Several as one."""
    return Report(
        stacks=tuple(name for report in reports for name in report.stacks),
        resources=sum(report.resources for report in reports),
        rules=max((report.rules for report in reports), default=0),
        products=tuple(one for report in reports for one in report.products),
        findings=tuple(found for report in reports for found in report.findings),
        mistakes=tuple(dict.fromkeys(mistake for report in reports for mistake in report.mistakes)),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
    )
