"""The same rules over an exported state: known values, secrets that stay hidden, mistakes in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.check.state import check_state
from components.errors import UserError
from policies import levels
from policies.dispatch import Dispatcher
from policies.rule import Rule, example

HIDDEN = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:canary-4711"}
TAGS = {"domain": "sales", "product": "orders"}


def rule(violated: Any, severity: str = "high") -> Dispatcher:
    one = Rule(
        id="TST-01",
        name="a-test",
        severity=severity,  # type: ignore[arg-type]
        what="It listens everywhere",
        fix="Bind it.",
        reads=("mesh:index:Process",),
        violated=violated,
        passes=(),
        fails=(example("mesh:index:Process", {}),),
    )
    return Dispatcher(rules=(one,), levels=levels.current())


def export(folder: Path, *resources: dict[str, Any], stack: str = "sales-dev") -> Path:
    for resource in resources:
        resource.setdefault("type", "mesh:index:Process")
        resource["urn"] = f"urn:pulumi:{stack}::meshwright::{resource['type']}::orders--web"
    file = folder / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": list(resources)}}))
    return file


def test_a_finding_names_the_product_and_its_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "stacks" / "sales" / "orders.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("name: orders\n")
    file = export(tmp_path, {"inputs": {"bind": "0.0.0.0", "tags": TAGS}})
    report = check_state(file, rule(lambda made: made.props["bind"] == "0.0.0.0"), tmp_path)
    (found,) = report.findings
    assert (found.product, found.stack, found.file) == ("sales/orders", "sales-dev", "stacks/sales/orders.yaml")
    assert (report.stacks, report.resources, found.level) == (("sales-dev",), 1, "mandatory")


def test_what_is_to_be_deleted_is_not_judged(tmp_path: Path) -> None:
    file = export(tmp_path, {"inputs": {}, "delete": True}, {"inputs": {}})
    assert check_state(file, rule(lambda made: True), tmp_path).counted("mandatory") == 1


def test_a_rule_sees_that_there_is_a_secret_and_not_which(tmp_path: Path) -> None:
    seen: list[Any] = []

    def keep(made: Any) -> str:
        seen.append(made.props)
        return "password"

    file = export(tmp_path, {"inputs": {"password": HIDDEN, "deep": [{"key": HIDDEN}]}})
    check_state(file, rule(keep), tmp_path)
    assert seen == [{"password": "(secret)", "deep": [{"key": "(secret)"}]}]


def test_the_environment_is_that_of_the_stack(tmp_path: Path) -> None:
    file = export(tmp_path, {"inputs": {}}, stack="sales-sandbox")
    # levels.yaml looks for nothing low in a sandbox.
    assert not check_state(file, rule(lambda made: True, "low"), tmp_path).findings


@pytest.mark.parametrize("text", ["", "[]", '{"deployment": 1}', '{"deployment": {"resources": [{}]}}'])
def test_what_is_no_state_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    with pytest.raises(UserError, match="is no state"):
        check_state(file, rule(lambda made: True), tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        check_state(tmp_path / "none.json", rule(lambda made: True), tmp_path)
