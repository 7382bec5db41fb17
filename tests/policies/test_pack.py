"""The pack in the real engine: plain `pulumi up` enforces it, before the first child of a product is created."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
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
