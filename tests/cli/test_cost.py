"""`mesh cost`: the same money as `mesh check`, its difference to a git ref, and its picture."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cli.check.report import Checked
from cli.cost import svg
from tests.conftest import LittleMesh

pytestmark = pytest.mark.processes

MESH = str(Path(sys.executable).parent / "mesh")
BUDGET = "budget: {monthly: 200, currency: USD}\n"


def run(mesh: LittleMesh, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MESH, *words], cwd=mesh.root, capture_output=True, text=True, check=False)


def git(mesh: LittleMesh, *words: str) -> str:
    command = ["git", "-C", str(mesh.root), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def mesh(little: LittleMesh) -> LittleMesh:
    """Two products of one domain, in git."""
    little.table("sales/orders", BUDGET)
    little.table("sales/returns", BUDGET)
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    git(little, "init", "-q")
    git(little, "add", ".")
    git(little, "commit", "-qm", "first")
    return little


def test_products_cost_what_the_check_says(mesh: LittleMesh) -> None:
    products = json.loads(run(mesh, "cost", "--json").stdout)["products"]
    assert products == json.loads(run(mesh, "check", "--json").stdout)["products"]
    shown = run(mesh, "cost").stdout
    assert f"{products[0]['monthly']:,.2f} USD" in shown
    assert f"together {sum(one['monthly'] for one in products):,.2f} USD a month" in shown


def test_a_larger_size_is_a_difference_and_the_other_product_is_none(mesh: LittleMesh) -> None:
    mesh.table("sales/orders", BUDGET + "parameters: {size: large}\n")
    mesh.product("sales/extra", "sources: [{name: data, url: 'https://example.org/a.csv'}]\n")
    changes = json.loads(run(mesh, "cost", "--diff", "HEAD", "--json").stdout)["changes"]
    assert {change["product"] for change in changes} == {"sales/extra", "sales/orders"}
    assert all(change["delta"] > 0 for change in changes)
    shown = run(mesh, "cost", "--diff", "HEAD").stdout
    assert "warehouse +" in shown
    assert "sales/returns" not in shown
    assert len(git(mesh, "worktree", "list").splitlines()) == 1


def test_nothing_changed_is_said(mesh: LittleMesh) -> None:
    assert run(mesh, "cost", "--diff", "HEAD").stdout == "no product costs more or less than at HEAD\n"


def test_one_product_alone(mesh: LittleMesh) -> None:
    products = json.loads(run(mesh, "cost", "sales/orders", "--json").stdout)["products"]
    assert [one["name"] for one in products] == ["sales/orders"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sales/oders",), "domain `sales` has no product `oders`"),
        (("--diff", "nowhere"), "git can't show `nowhere`"),
        (("--svg", "no/such.svg"), "no/such.svg can't be written"),
    ],
)
def test_a_mistake_is_one_sentence(mesh: LittleMesh, words: tuple[str, ...], said: str) -> None:
    done = run(mesh, "cost", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_picture_is_to_scale_and_escapes_what_it_shows() -> None:
    def product(name: str, *lines: tuple[str, float]) -> Checked:
        whole = sum(amount for _, amount in lines)
        return Checked(
            name=name, stack="s", target="t", file="f", monthly=whole, currency="USD", budget=None, lines=lines
        )

    root = ElementTree.fromstring(svg([product("a/<b>", ("x & y", 50.0), ("tiny", 0.1)), product("c/d", ("z", 100.0))]))
    space = "{http://www.w3.org/2000/svg}"
    widths = {bar[0].text: float(bar.get("width", 0)) for bar in root.iter(f"{space}rect") if len(bar)}
    assert widths["x & y 50.00 USD"] == pytest.approx(widths["z 100.00 USD"] / 2, abs=0.1)
    texts = [text.text for text in root.iter(f"{space}text")]
    assert texts[:2] == ["c/d", "100.00 USD"]
    assert "a/<b>" in texts
    assert texts[-1] == "others"
