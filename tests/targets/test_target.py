"""What every target does alike: choosing implementations, refusing what it lacks, loading its SDK late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components import targets
from components.base import COMPOSED
from components.errors import Refused, UserError
from components.ingest import Ingest
from components.primitives import Bucket, Database, Service
from components.targets import TARGETS, StackSettings, load
from stacks.program import Program
from tests.conftest import LittleMesh
from tests.targets.memory import Memory

MEMORY = {"target": "memory", "room": "attic"}


@pytest.fixture(autouse=True)
def sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    """One registration line."""
    monkeypatch.setattr(targets, "TARGETS", {**TARGETS, "memory": ("tests.targets.memory:Memory", "")})


def target(previous: dict[str, str] | None = None, **values: Any) -> Memory:
    owned: dict[str, Any] = {
        "stack": "sales-dev",
        "domain": "sales",
        "environment": "dev",
        "tenant": "acme",
        "owner": "p@example.org",
    }
    return Memory(StackSettings(**owned, values={"room": "attic", **values}), previous)


def test_a_sixth_target_of_one_file_renders_a_template(little: LittleMesh) -> None:
    little.table("sales/orders")
    graph = Program(little.domain("sales-dev"), MEMORY).recorded()
    kinds = {resource.type for resource in graph if resource.type.startswith("memory:")}
    assert kinds == {"memory:index:Database", "memory:index:Job", "memory:index:Secret"}
    load_job = next(r for r in graph if r.type == "memory:index:Job" and r.name == "orders--load--run")
    assert load_job.inputs["tags"]["product"] == "orders"


def test_what_a_target_lacks_is_refused_with_the_manifests_line(little: LittleMesh) -> None:
    little.write("stacks/sales/churn/fit.py", "print(1)\n")
    little.product("sales/churn", "parameters: {script: fit.py}\n", template="script")
    with pytest.raises(Refused) as caught:
        Program(little.domain("sales-dev"), MEMORY).recorded()
    text = str(caught.value)
    assert "stacks/sales/churn.yaml:8: Bucket `files` of template script needs Bucket, which memory lacks" in text


def test_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown target `kubernets`\n  hint: did you mean `kubernetes`"):
        load("kubernets")


def test_a_missing_setting_names_the_stack_and_the_command() -> None:
    with pytest.raises(UserError) as caught:
        Memory(target().settings.__class__(**{**vars(target().settings), "values": {}}))
    assert caught.value.what == "target memory needs `meshwright:room` in the configuration of stack sales-dev"
    assert caught.value.hint == "pulumi config set meshwright:room attic -s sales-dev"


@pytest.mark.parametrize(("name", "missing"), [("aws", "region"), ("kubernetes", "registry")])
def test_each_target_says_what_it_needs(little: LittleMesh, name: str, missing: str) -> None:
    little.table("sales/orders")
    with pytest.raises(UserError, match=f"target {name} needs `meshwright:{missing}`"):
        Program(little.domain("sales-dev"), {"target": name}).recorded()


def test_a_native_form_goes_before_a_composed_one_and_one_that_was_switched_on_before_all() -> None:
    assert target().options(Database) == ["dictionary"]
    assert target(btree=True).options(Database) == ["tree", "dictionary"]
    assert target().options(Ingest) == [COMPOSED]
    assert target().options(Service) == []


def test_what_runs_already_stays_and_only_the_manifest_changes_it() -> None:
    names = ("orders--warehouse", "orders--store")
    switched_on = target({"orders--store": "dictionary"}, btree=True)
    assert switched_on.choose(Database, names, {}) == "dictionary"
    assert switched_on.choose(Database, names, {"orders--warehouse": "tree"}) == "tree"
    assert target(btree=True).choose(Database, names, {}) == "tree"


def test_an_implementation_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UserError, match=r"Database `w` can't be built as `tre` on memory\n  hint: did you mean `tree`"):
        target(btree=True).choose(Database, ("w",), {"w": "tre"})


def test_a_component_that_no_target_here_builds_names_those_that_do() -> None:
    others = ", ".join(TARGETS)
    with pytest.raises(UserError, match=rf"Bucket is not available on memory\n  hint: it is on {others}"):
        target().choose(Bucket, ("b",), {})


def test_lacks_goes_down_to_what_is_missing() -> None:
    assert target().lacks(Ingest) is None
    assert target().lacks(Service) is Service
    assert all(load(name).natives.keys() >= {Database, Bucket, Service} for name in TARGETS)


def test_a_stack_is_not_moved_to_another_target(little: LittleMesh) -> None:
    little.table("sales/orders")
    with pytest.raises(UserError, match="stack sales-dev runs on local and can't be moved to memory"):
        Program(little.domain("sales-dev"), MEMORY, {"target": "local"})


def test_only_the_chosen_targets_sdk_is_imported() -> None:
    code = (
        "import sys; from components.targets import load; load('local'); print([m for m in sys.modules if '_aws' in m])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_cloud_sdks_are_named_in_the_targets_folder_alone() -> None:
    root = Path(targets.__file__).resolve().parents[2]
    for folder in ("components", "templates", "stacks", "policies", "catalogue", "cli", "providers"):
        for file in (root / folder).rglob("*.py"):
            if file.parent == Path(targets.__file__).parent:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                clouds = ("pulumi_aws", "pulumi_azure", "pulumi_kubernetes", "pulumi_docker")
                assert not [name for name in names if name.startswith(clouds)], file
