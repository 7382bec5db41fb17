"""JUnit: valid by Jenkins' schema, and the same verdict as `mesh check`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from cli.check.junit import junit
from cli.check.report import Mistake, Report
from tests.cli.check.golden.pulls import PULLS, finding, product, pull
from tests.conftest import LittleMesh

pytestmark = pytest.mark.processes

SCHEMA = Path(__file__).parent / "schemas" / "junit-10.xsd"
"""Of Jenkins' xunit plugin (github.com/jenkinsci/xunit-plugin at ae25da50), MIT, as its head says."""


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SCHEMA)


def valid(report: Report) -> ElementTree.Element:
    """The suites, after Jenkins' schema has agreed and the counts have been counted again."""
    text = junit(report)
    schema().validate(text)
    root = ElementTree.fromstring(text)
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(count) == str(sum(case.find(tag) is not None for case in cases))
    assert root.get("tests") == str(len(root.findall("testsuite/testcase")))
    return root


def outcomes(report: Report) -> dict[str, list[tuple[str, str]]]:
    """By suite, each case's name and what became of it."""
    return {
        str(suite.get("name")): [
            (str(case.get("name")), "passed" if not len(case) else f"{case[0].tag} {case[0].get('type')}")
            for case in suite.findall("testcase")
        ]
        for suite in valid(report)
    }


@pytest.mark.parametrize("name", PULLS)
def test_every_pull_request_is_valid_and_says_the_verdict(name: str, little: LittleMesh) -> None:
    for report in pull(name, little):
        root = valid(report)
        assert (int(root.get("failures", "")) > 0) is report.fails("")
        assert (int(root.get("errors", "")) > 0) is bool(report.mistakes)
        assert {suite.get("file") for suite in root} - {None} == {one.file for one in report.products}


def test_a_case_for_each_finding_and_one_where_there_is_none() -> None:
    report = Report(
        products=(product(), product(name="sales/returns")),
        findings=(
            finding(),
            finding(level="advisory", rule="TST-02", resource="r2"),
            finding(level="waived", waiver="until 2027-01-31: moves", rule="TST-03", resource="r3"),
            finding(outcome="error", rule="TST-04", resource="r4", severity="critical"),
            finding(level="deferred", rule="TST-05"),
            finding(product="", resource="network", severity="low"),
        ),
        mistakes=(Mistake(what="`x` is wrong", file="stacks/a.yaml", line=3, hint="y"), Mistake(what="No.")),
    )
    assert outcomes(report) == {
        "what its products share (sales-dev)": [("TST-01 something-wrong on network", "failure low")],
        "sales/orders (sales-dev)": [
            ("TST-01 something-wrong on orders--warehouse", "failure high"),
            ("TST-02 something-wrong on r2", "skipped advisory"),
            ("TST-03 something-wrong on r3", "skipped waived"),
            ("TST-04 something-wrong on r4", "error critical"),
        ],
        "sales/returns (sales-dev)": [("all rules", "passed")],
        "what could not be checked": [("stacks/a.yaml:3", "error mistake"), ("error 2", "error mistake")],
    }
    root = valid(report)
    text = root.findtext("testsuite/testcase[@name='TST-01 something-wrong on orders--warehouse']/failure", "")
    assert text.splitlines() == [
        "It is wrong",
        "fix: Put it right.",
        "on orders--warehouse (mesh:index:PostgresServer)",
        "stacks/sales/orders.yaml:8",
    ]
    assert "1 checks wait for `up`" in [suite.findtext("system-out") for suite in root]
    skipped = root.find("testsuite/testcase/skipped[@type='waived']")
    assert skipped is not None
    assert skipped.get("message") == "waived until 2027-01-31: moves"


def test_what_xml_can_not_carry_is_replaced() -> None:
    report = Report(products=(product(),), findings=(finding(what='a\x00b\x1b[31m <c> & "d" \ud800 ]]> \uffff é'),))
    failure = valid(report).find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == 'a\ufffdb\ufffd[31m <c> & "d" \ufffd ]]> \ufffd é'


def test_an_empty_report_is_valid() -> None:
    assert outcomes(Report()) == {}
