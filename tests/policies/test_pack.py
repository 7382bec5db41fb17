"""The pack in the real engine: plain `pulumi up` enforces it, before the first child of a product is created."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.cost import PRICED
from policies.governance import TAGGED

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools" / "bin"
STACK = Path(__file__).with_name("stack")
CANARY = "canary-7f3a"
OVER = {**PRICED, "budget": {"monthly": 1.0, "currency": "USD"}}
PROCESS = {"cpu": 0.5, "memoryMiB": 1024, "tags": TAGGED, "authentication": "password"}

pytestmark = pytest.mark.engine


class Workspace:
    """A project of the stand-in stack with its own backend."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        shutil.copytree(STACK, self.project, ignore=shutil.ignore_patterns("__pycache__"))
        runtime = f"runtime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
        plugins = "plugins:\n  providers:\n    - name: mesh\n      path: ./provider\n"
        (self.project / "Pulumi.yaml").write_text(f"name: meshwright\n{runtime}{plugins}", encoding="utf-8")
        (self.project / "provider" / "PulumiPlugin.yaml").write_text(runtime, encoding="utf-8")
        state = folder / "state"
        state.mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_OPTION_POLICY_PACK": str(ROOT / "policies"),
        }

    def own_pack(self) -> Path:
        """A copy of the pack, to be changed by a test."""
        for folder in ("policies", "components"):
            shutil.copytree(ROOT / folder, self.project.parent / folder, ignore=shutil.ignore_patterns("__pycache__"))
        pack = self.project.parent / "policies"
        project = pack / "PulumiPolicy.yaml"
        project.write_text(project.read_text(encoding="utf-8").replace("../.venv", sys.prefix), encoding="utf-8")
        self.environment["PULUMI_OPTION_POLICY_PACK"] = str(pack)
        return pack

    def pulumi(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(TOOLS / "pulumi"), *words, "--non-interactive", "--color", "never"]
        return subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def run(self, verb: str, case: Mapping[str, Any], *words: str, stack: str = "flights-dev") -> tuple[int, str]:
        (self.project / "case.json").write_text(json.dumps(case), encoding="utf-8")
        self.pulumi("stack", "select", "--create", stack)
        done = self.pulumi(verb, *words, "--stack", stack)
        return done.returncode, done.stdout + done.stderr

    @property
    def created(self) -> list[str]:
        file = self.project / "created.txt"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def state_types(self) -> list[str]:
        state = json.loads(self.pulumi("stack", "export").stdout)
        return [resource["type"] for resource in state["deployment"].get("resources") or []]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    if not (TOOLS / "pulumi").exists():
        pytest.skip("no Pulumi engine in .tools/bin: run `make install`")
    return Workspace(tmp_path)


def test_up_stops_a_product_over_budget_before_its_first_child(workspace: Workspace) -> None:
    code, said = workspace.run("up", {"product": OVER}, "--skip-preview", "--yes")
    assert code != 0, said
    assert "COST-02 product-over-budget" in said
    assert "36.00 of 1.00 USD a month" in said
    assert workspace.created == []
    assert not any(kind.startswith("mesh:") for kind in workspace.state_types())


def test_up_builds_what_keeps_the_rules(workspace: Workspace) -> None:
    case = {"product": PRICED, "processes": {"departures--bi": PROCESS}}
    code, said = workspace.run("up", case, "--skip-preview", "--yes")
    assert code == 0, said
    assert len(workspace.created) == 3


def test_a_literal_secret_stops_its_resource_and_is_never_shown(workspace: Workspace) -> None:
    process = {**PROCESS, "variables": {"DB_PASSWORD": CANARY}}
    code, said = workspace.run(
        "up", {"product": PRICED, "processes": {"departures--bi": process}}, "--skip-preview", "--yes"
    )
    assert code != 0
    assert "SEC-02 secret-in-variable" in said
    assert CANARY not in said
    assert not any("Process" in urn for urn in workspace.created)


def test_an_unknown_value_is_deferred_in_preview_and_mandatory_in_up(workspace: Workspace) -> None:
    process = {**PROCESS, "variables": {"DB_PASSWORD": "@secret"}}
    case = {"product": PRICED, "processes": {"departures--bi": process}}
    code, said = workspace.run("preview", case)
    assert code == 0, said
    assert "deferred: 2 checks wait" in said
    code, said = workspace.run("up", case, "--skip-preview", "--yes")
    assert code != 0
    assert "SEC-02 secret-in-variable" in said
    assert CANARY not in said


def test_prod_by_the_name_of_the_stack_wants_protection(workspace: Workspace) -> None:
    product = {**PRICED, "tags": {**TAGGED, "environment": "prod"}}
    code, said = workspace.run("preview", {"product": product}, stack="flights-prod")
    assert code != 0
    assert "BAK-04 unprotected-store" in said
    code, said = workspace.run("preview", {"product": product, "protect": True}, stack="flights-prod")
    assert code == 0, said


BROKEN = """
from policies.rule import Resource, Rule


def boom(resource: Resource) -> bool:
    raise RuntimeError(resource.props["cpu"])


def rule(number: int, severity: str) -> Rule:
    return Rule(
        id=f"TST-{number:02}", name=f"broken-rule-{number}", severity=severity, what="It is wrong", fix="Mend it.",
        reads=("mesh:index:Process",), violated=boom, passes=(), fails=(),
    )


HIGH = rule(1, "high")
"""


def test_a_rule_that_raises_is_its_own_error_and_stops_where_it_is_critical(workspace: Workspace) -> None:
    pack = workspace.own_pack()
    (pack / "broken.py").write_text(BROKEN, encoding="utf-8")
    process = {**PROCESS, "variables": {"DB_PASSWORD": CANARY}}
    code, said = workspace.run("preview", {"product": PRICED, "processes": {"departures--bi": PROCESS}})
    assert code == 0, said
    assert "TST-01 broken-rule-1: the rule itself failed (RuntimeError at broken.py:6)" in said
    (pack / "broken.py").write_text(BROKEN + 'CRITICAL = rule(2, "critical")\n', encoding="utf-8")
    code, said = workspace.run("preview", {"product": PRICED, "processes": {"departures--bi": process}})
    assert code != 0
    assert "TST-02 broken-rule-2: the rule itself failed" in said
    assert "SEC-02 secret-in-variable" in said  # the others ran


def test_a_waived_finding_is_shown_and_stops_again_when_its_waiver_expired(workspace: Workspace) -> None:
    def waiver(approved: date, expires: date) -> str:
        return (
            "waivers:\n- {rule: COST-02, product: flights/departures, reason: Load test, owner: flights@example.org, "
            f"approvedBy: platform@example.org, ticket: OPS-1, approved: {approved}, expires: {expires}}}\n"
        )

    file, today = workspace.own_pack() / "waivers.yaml", date.today()
    file.write_text(waiver(today - timedelta(days=1), today + timedelta(days=7)), encoding="utf-8")
    code, said = workspace.run("up", {"product": OVER}, "--skip-preview", "--yes")
    assert code == 0, said
    assert "[advisory]" in said
    assert "36.00 of 1.00 USD a month" in said
    assert f"(waived until {today + timedelta(days=7)} by flights@example.org: Load test)" in said
    file.write_text(waiver(today - timedelta(days=9), today - timedelta(days=2)), encoding="utf-8")
    code, said = workspace.run("up", {"product": OVER}, "--skip-preview", "--yes")
    assert code != 0
    assert f"Its waiver expired on {today - timedelta(days=2)} (OPS-1)." in said
    file.write_text("waivers:\n- {rule: COST-02}\n", encoding="utf-8")
    code, said = workspace.run("up", {"product": OVER}, "--skip-preview", "--yes")
    assert code != 0
    assert f"error: {file}:2: `reason` is missing" in said
    assert "Traceback" not in said
