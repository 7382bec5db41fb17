"""SARIF 2.1.0: a report as code scanning takes it (docs.oasis-open.org/sarif/sarif/v2.1.0)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli.check.difference import worst_first
from cli.check.report import Found, Mistake, Report
from policies.rule import Rule, all_rules

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
SCORES = {"critical": "10.0", "high": "8.9", "medium": "6.9", "low": "3.9"}
"""The upper ends of CVSS 3.1's bands, by which GitHub shows critical, high, medium and low."""
MOST = 25_000
"""GitHub rejects a run with more results (docs.github.com, "SARIF support for code scanning")."""
ROOT = "SRCROOT"
FINGERPRINT = "meshwright/v1"


def sarif(report: Report) -> dict[str, Any]:
    """One run. Findings that wait for `up` are left out, mistakes are notifications, waived findings suppressed."""
    said = worst_first(found for found in report.findings if found.level != "deferred")
    findings, cut = said[:MOST], len(said) - MOST
    ids = list(dict.fromkeys(sorted(found.rule for found in findings)))
    first = {found.rule: found for found in reversed(findings)}
    index = {rule: number for number, rule in enumerate(ids)}
    notices = [_notification(mistake) for mistake in report.mistakes]
    notices += [{"level": "note", "message": {"text": note}} for note in report.notes if note]
    if cut > 0:
        text = f"{cut} findings of the lowest severities are left out: a run may have {MOST} results"
        notices.append({"level": "warning", "message": {"text": text}})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {**_driver(), "rules": [_rule(first[rule]) for rule in ids]}},
                "automationDetails": {"id": "meshwright/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The folder with Pulumi.yaml."}}},
                "invocations": [
                    {"executionSuccessful": not report.mistakes, "toolConfigurationNotifications": notices}
                ],
                "results": [_result(found, index[found.rule]) for found in findings],
                "properties": {
                    "stacks": list(report.stacks),
                    "resources": report.resources,
                    "deferred": report.counted("deferred"),
                },
            }
        ],
    }


def _driver() -> dict[str, str]:
    try:
        return {"name": "Meshwright", "version": version("meshwright")}
    except PackageNotFoundError:
        return {"name": "Meshwright"}


@cache
def _known() -> dict[str, Rule]:
    return {rule.id: rule for rule in all_rules()}


def _rule(found: Found) -> dict[str, Any]:
    """A rule of the findings; what only the rule itself knows is left out where it is no longer there."""
    rule = _known().get(found.rule)
    what = _sentence(rule.what if rule is not None else found.name.replace("-", " ").capitalize())
    fix = _sentence(found.fix)
    paragraphs = [what, *([_sentence(rule.why)] if rule is not None and rule.why else []), f"Fix: {fix}"]
    refs = [f"References: {', '.join(rule.refs)}."] if rule is not None and rule.refs else []
    group = {"COST": "cost"}.get(found.rule.split("-")[0], "security")
    return {
        "id": found.rule,
        "name": "".join(word.capitalize() for word in found.name.split("-")),
        "shortDescription": {"text": what},
        "fullDescription": {"text": " ".join(paragraphs[:-1])},
        "help": {
            "text": "\n\n".join([*paragraphs, *refs]),
            "markdown": "\n\n".join([*paragraphs[:-1], f"**Fix:** {fix}", *refs]),
        },
        "defaultConfiguration": {"level": LEVELS[found.severity]},
        "properties": {"security-severity": SCORES[found.severity], "tags": [group]},
    }


def _result(found: Found, index: int) -> dict[str, Any]:
    fix = "Fix the rule." if found.outcome == "error" else f"Fix: {_sentence(found.fix)}"
    place = _location(found.file, found.line)
    kinds = [{"name": found.resource, "fullyQualifiedName": f"{found.stack}/{found.resource}", "kind": "resource"}]
    return {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": LEVELS[found.severity],
        "message": {"text": f"{_sentence(found.what)} On {found.resource} in {found.stack}. {fix}"},
        "locations": [{**place, "logicalLocations": kinds}],
        # GitHub reads the first of the two alone, and makes its own from the line's text where it is missing.
        "partialFingerprints": {"primaryLocationLineHash": f"{found.fingerprint}:1", FINGERPRINT: found.fingerprint},
        "suppressions": _suppressions(found),
        "properties": {"stack": found.stack, "product": found.product, "type": found.type, "level": found.level},
    }


def _suppressions(found: Found) -> Iterable[dict[str, str]]:
    """Empty says that it is not suppressed; a missing one would say that nobody knows."""
    if found.level != "waived":
        return []
    return [{"kind": "external", "status": "accepted", "justification": found.waiver or "waived"}]


def _notification(mistake: Mistake) -> dict[str, Any]:
    hint = f" {_sentence(mistake.hint)}" if mistake.hint else ""
    notice: dict[str, Any] = {"level": "error", "message": {"text": f"{_sentence(mistake.what)}{hint}"}}
    if mistake.file:
        notice["locations"] = [_location(mistake.file, mistake.line)]
    return notice


def _location(file: str, line: int) -> dict[str, Any]:
    """A line of a file of the project; one outside of it has an address of its own."""
    path = Path(file)
    where = {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(path.as_posix()), "uriBaseId": ROOT}
    physical: dict[str, Any] = {"artifactLocation": where}
    if line > 0:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _sentence(text: str) -> str:
    """With one full stop at its end."""
    return text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."
