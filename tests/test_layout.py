"""Who may import whom, and what every module has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("catalogue", "cli", "components", "policies", "providers", "stacks", "templates", "tools", "tests")
ALLOWED = {
    "components": {"components"},
    "templates": {"templates", "components"},
    "stacks": {"stacks", "templates", "components", "catalogue", "policies"},
    "policies": {"policies", "components"},
    "catalogue": {"catalogue"},
    "providers": {"providers"},
    "cli": {"cli", "stacks", "templates", "components", "catalogue", "policies"},
}
NARROW = {
    "policies": ("components.tags",),
    "stacks->catalogue": ("catalogue.record",),
    "stacks->policies": ("policies.prices", "policies"),
}
CLOUDS = ("pulumi_aws", "pulumi_azure_native", "pulumi_kubernetes", "pulumi_docker")
LONGEST = 330
LONGER: dict[str, str] = {}
"""File -> why, and until when."""


def modules() -> list[Path]:
    return [
        file for package in ALLOWED for file in sorted((ROOT / package).rglob("*.py")) if "__pycache__" not in str(file)
    ]


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(ROOT)))
def test_module(file: Path) -> None:
    text, relative = file.read_text(encoding="utf-8"), str(file.relative_to(ROOT))
    package = relative.split("/")[0]
    program = relative.startswith(("components/programs/", "stacks/flights/", "stacks/weather/"))
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says in one line what it is"
    assert len(text.splitlines()) <= LONGEST or relative in LONGER
    for name in imports(file):
        top = name.split(".")[0]
        if top in OURS:
            assert not program, f"{name}: a program in a target has only its own packages"
            assert top in ALLOWED[package], f"{package} imports {name}"
            if package == "policies" and top == "components":
                assert name in NARROW["policies"]
            if package == "stacks" and top in ("catalogue", "policies"):
                assert name in NARROW[f"stacks->{top}"]
        if top in CLOUDS:
            assert relative.startswith("components/targets/"), f"{name} outside components/targets"


def test_a_technology_imports_no_target() -> None:
    for file in (ROOT / "components").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        checked = [node for node in tree.body if isinstance(node, ast.If)]  # TYPE_CHECKING
        names = {name for name in imports(file) if name.startswith("components.targets")}
        typed = {n.module for block in checked for n in ast.walk(block) if isinstance(n, ast.ImportFrom)}
        assert names <= typed, file.name


def test_exemptions_are_used() -> None:
    for relative in LONGER:
        assert len((ROOT / relative).read_text().splitlines()) > LONGEST
