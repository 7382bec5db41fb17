"""JUnit XML: a report as test runners' readers take it (Jenkins' schema, xunit-plugin junit-10.xsd)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from cli.check.report import Found, Report

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't carry, not even escaped (w3.org/TR/xml, "Char")."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test as readers show it; `tag` is None where it passes."""

    name: str
    tag: Literal["failure", "error", "skipped"] | None = None
    type: str = ""
    message: str = ""
    text: str = ""


def junit(report: Report) -> str:
    """A suite a product and stack, one for what a stack's products share, and one for what could not be checked.

    A mandatory finding fails, a rule that broke is an error; advisory and waived ones are skipped, so that a reader
    says no other verdict than `mesh check`. Those that wait for `up` are counted in the suite's output.
    """
    root = ElementTree.Element("testsuites", name="mesh check")
    by_suite: dict[tuple[str, str], list[Found]] = {(one.stack, one.name): [] for one in report.products}
    for found in report.findings:
        by_suite.setdefault((found.stack, found.product), []).append(found)
    files = {(one.stack, one.name): one.file for one in report.products}
    for key in sorted(by_suite):
        stack, product = key
        findings = by_suite[key]
        cases = [_case(found) for found in findings if found.level != "deferred"] or [Case(name="all rules")]
        name = f"{product or 'what its products share'} ({stack})"
        place = f"{stack}.{product.rpartition('/')[2] or 'shared'}"
        waits = len(findings) - sum(found.level != "deferred" for found in findings)
        _suite(root, name, place, cases, file=files.get(key, ""), output=f"{waits} checks wait for `up`" * bool(waits))
    if report.mistakes:
        mistakes = [
            Case(
                name=_place(mistake.file, mistake.line) or f"error {number}",
                tag="error",
                type="mistake",
                message=mistake.what,
                text="\n".join(filter(None, (mistake.what, _place(mistake.file, mistake.line), mistake.hint))),
            )
            for number, mistake in enumerate(report.mistakes, start=1)
        ]
        _suite(root, "what could not be checked", "mesh.check", mistakes)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _case(found: Found) -> Case:
    name = f"{found.rule} {found.name} on {found.resource}"
    lines = [found.what, f"fix: {found.fix}", f"on {found.resource} ({found.type})", _place(found.file, found.line)]
    if found.level == "waived":
        return Case(name=name, tag="skipped", type="waived", message=f"waived {found.waiver}".strip(), text=found.what)
    if found.level == "advisory":
        return Case(name=name, tag="skipped", type="advisory", message=found.what, text="\n".join(lines))
    tag: Literal["failure", "error"] = "error" if found.outcome == "error" else "failure"
    return Case(name=name, tag=tag, type=found.severity, message=found.what, text="\n".join(lines))


def _suite(
    root: ElementTree.Element, name: str, place: str, cases: Iterable[Case], *, file: str = "", output: str = ""
) -> None:
    every = list(cases)
    suite = ElementTree.SubElement(root, "testsuite", name=_plain(name), tests=str(len(every)))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(sum(case.tag == tag for case in every)))
    if file:
        suite.set("file", _plain(file))
    for case in every:
        element = ElementTree.SubElement(suite, "testcase", name=_plain(case.name), classname=_plain(place))
        if case.tag is not None:
            result = ElementTree.SubElement(element, case.tag, type=case.type, message=_plain(case.message))
            result.text = _plain(case.text)
    if output:
        ElementTree.SubElement(suite, "system-out").text = output


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


def _plain(text: str) -> str:
    return NO_XML.sub("\ufffd", text)
