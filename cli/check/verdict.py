"""A verdict of the rules as findings of a report."""

from __future__ import annotations

from collections.abc import Iterator

from cli.check.report import Found, Level
from policies.dispatch import Verdict
from policies.rule import Finding


def by_level(verdict: Verdict) -> Iterator[tuple[Level, list[tuple[Finding, str]]]]:
    """Findings by level, each with the waiver that it has."""
    yield "mandatory", [(finding, "") for finding in verdict.mandatory]
    yield "advisory", [(finding, "") for finding in verdict.advisory]
    yield "deferred", [(finding, "") for finding in verdict.deferred]
    yield "waived", [(finding, str(waiver)) for finding, waiver in verdict.waived]


def found_of(finding: Finding, level: Level, waiver: str, *, product: str, stack: str, file: str, line: int) -> Found:
    """A finding as a report has it."""
    return Found(
        rule=finding.rule.id,
        name=finding.rule.name,
        severity=finding.rule.severity,
        level=level,
        outcome=finding.outcome,
        what=finding.sentence,
        fix=finding.rule.fix,
        product=product,
        stack=stack,
        resource=finding.resource.name,
        type=finding.resource.type,
        file=file,
        line=line,
        waiver=waiver,
    )
