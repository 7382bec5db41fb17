"""Which products a git difference affects."""

from __future__ import annotations

import subprocess

import pytest

from cli.check.changed import affected
from components.errors import UserError
from tests.conftest import LittleMesh

STACKS = ("sales-dev", "ops-dev")
READ = "inputPorts: [{name: o, from: sales/orders/tables}]\nsources: [{name: data, port: o, table: data}]\n"


def git(mesh: LittleMesh, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(mesh.root), *who, *words], check=True, capture_output=True)


@pytest.fixture
def mesh(little: LittleMesh) -> LittleMesh:
    """Two domains in git: ops/watch reads sales/report, which reads sales/orders; sales/other stands alone."""
    grant = "grants: [{to: ops/watch, port: tables, until: 2027-01-01}]\n"
    little.table("sales/orders")
    little.product("sales/report", READ + grant)
    little.table("sales/other")
    little.product("ops/watch", READ.replace("sales/orders", "sales/report"))
    little.write("templates/wide.yaml", "apiVersion: meshwright/v1\nkind: Template\nname: wide\nextends: table@1\n")
    little.product("ops/wide", template="wide@1")
    for stack in STACKS:
        little.write(f"stacks/Pulumi.{stack}.yaml", "config:\n  meshwright:target: local\n")
    git(little, "init", "-q")
    git(little, "add", ".")
    git(little, "commit", "-qm", "first")
    return little


def test_nothing_changed_affects_nothing(mesh: LittleMesh) -> None:
    assert affected(mesh.root, "HEAD", STACKS) == {"sales-dev": frozenset(), "ops-dev": frozenset()}


@pytest.mark.parametrize(
    ("path", "sales", "ops"),
    [
        ("stacks/sales/other.yaml", {"other"}, set()),
        ("stacks/sales/other/data.csv", {"other"}, set()),
        ("stacks/sales/orders/data.csv", {"orders", "report"}, {"watch"}),
        ("templates/wide.yaml", set(), {"wide"}),
        ("templates/table.yaml", {"orders", "report", "other"}, {"watch", "wide"}),
        ("README.md", set(), set()),
    ],
)
def test_a_file_affects_its_product_and_all_that_read_it(
    mesh: LittleMesh, path: str, sales: set[str], ops: set[str]
) -> None:
    mesh.write(path, "changed\n")
    assert affected(mesh.root, "HEAD", STACKS) == {"sales-dev": frozenset(sales), "ops-dev": frozenset(ops)}


@pytest.mark.parametrize("path", ["policies/levels.yaml", "components/dask.py", "stacks/mesh.yaml", "stacks/x.py"])
def test_what_everything_depends_on_affects_everything(mesh: LittleMesh, path: str) -> None:
    mesh.write(path, "changed\n")
    assert affected(mesh.root, "HEAD", STACKS) == {}


def test_a_file_of_a_domain_folder_belongs_to_the_products_without_one(mesh: LittleMesh) -> None:
    mesh.write("stacks/sales/hourly.odcs.yaml", "schema: []\n")
    assert affected(mesh.root, "HEAD", STACKS) == {"sales-dev": frozenset({"report"}), "ops-dev": frozenset({"watch"})}


def test_a_stack_file_affects_its_stack(mesh: LittleMesh) -> None:
    mesh.write("stacks/Pulumi.ops-dev.yaml", "config:\n  meshwright:target: docker\n")
    assert affected(mesh.root, "HEAD", STACKS) == {"sales-dev": frozenset()}


def test_a_product_that_was_taken_away_affects_those_that_read_it(mesh: LittleMesh) -> None:
    (mesh.stacks / "sales" / "orders.yaml").unlink()
    gone = {"sales-dev": frozenset({"orders", "report"}), "ops-dev": frozenset({"watch"})}
    assert affected(mesh.root, "HEAD", STACKS) == gone


def test_an_unknown_ref_is_told(mesh: LittleMesh) -> None:
    with pytest.raises(UserError, match="git can't compare with `nowhere`"):
        affected(mesh.root, "nowhere", STACKS)
