"""`mesh check` as a program: what it prints, writes and ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.check.report import Report, read
from tests.conftest import LittleMesh

pytestmark = pytest.mark.processes

MESH = str(Path(sys.executable).parent / "mesh")
BUDGET = "budget: {monthly: 200, currency: USD}\n"


@pytest.fixture
def mesh(little: LittleMesh) -> LittleMesh:
    """One sound product on this machine."""
    little.table("sales/orders", BUDGET)
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    return little


def check(mesh: LittleMesh, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MESH, "check", *words], cwd=mesh.root, capture_output=True, text=True, check=False)


def test_a_sound_mesh_ends_with_0_and_one_line(mesh: LittleMesh) -> None:
    done = check(mesh)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0 findings")
    assert "checked 1 products" in done.stdout


def test_a_finding_ends_with_1_and_says_what_where_and_how_to_mend_it(mesh: LittleMesh) -> None:
    mesh.table("sales/dear", "budget: {monthly: 0.5, currency: USD}\n")
    done = check(mesh)
    assert done.returncode == 1
    assert "sales/dear  sales-dev" in done.stdout
    assert "high COST-02" in done.stdout
    assert "--> stacks/sales/dear.yaml:10" in done.stdout
    assert "fix: " in done.stdout
    assert "sales/orders" not in done.stdout


def test_bad_input_ends_with_2_and_what_can_be_checked_is(mesh: LittleMesh) -> None:
    mesh.table("sales/orders", BUDGET + "parameters: {sise: small}\n")
    mesh.table("ops/dear", "budget: {monthly: 0.5, currency: USD}\n")
    mesh.write("stacks/Pulumi.ops-dev.yaml", "config:\n  meshwright:target: local\n")
    done = check(mesh)
    assert done.returncode == 2
    assert "template `table` has no parameter `sise`" in done.stdout
    assert "--> stacks/sales/orders.yaml:11" in done.stdout
    assert "COST-02" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("slaes",), "there is no domain `slaes`"),
        (("-e", "prdo"), "there is no environment `prdo`"),
        (("-e", "prod"), "no domain has a stack in prod"),
        (("--changed-since", "HEAD"), "git can't compare"),
        (("sales", "--state", "x.json"), "`--state` checks a whole state"),
        (("--sarif", "no/such/folder.sarif"), "no/such/folder.sarif can't be written"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(mesh: LittleMesh, words: tuple[str, ...], said: str) -> None:
    done = check(mesh, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_fail_on_moves_the_bar(mesh: LittleMesh) -> None:
    mesh.table("sales/dear", "budget: {monthly: 0.5, currency: USD}\n")
    assert check(mesh, "--fail-on", "critical").returncode == 0
    assert check(mesh, "--fail-on", "high").returncode == 1


def test_json_is_a_report_that_can_be_read_back(mesh: LittleMesh, tmp_path: Path) -> None:
    mesh.table("sales/dear", "budget: {monthly: 0.5, currency: USD}\n")
    done = check(mesh, "--json")
    file = tmp_path / "report.json"
    file.write_text(done.stdout)
    report = read(file)
    assert isinstance(report, Report)
    assert json.loads(json.dumps(report.plain())) == json.loads(done.stdout)
    assert [found.rule for found in report.findings if found.level == "mandatory"] == ["COST-02"]


def test_one_product_is_checked_by_its_name(mesh: LittleMesh) -> None:
    mesh.table("sales/dear", "budget: {monthly: 0.5, currency: USD}\n")
    assert check(mesh, "sales/orders").returncode == 0
    assert check(mesh, "sales/dear").returncode == 1
