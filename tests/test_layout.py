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
    "cli": {"cli", "stacks", "templates", "components", "catalogue", "policies", "tools"},
}
NARROW = {
    "policies": ("components.tags",),
    "stacks->catalogue": ("catalogue.record",),
    "stacks->policies": ("policies.prices",),
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
    """Full names of the modules that a file imports, also inside functions; `from policies import prices` is one."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{file.name}: leaves its folder by a relative import"
            package = ".".join(file.relative_to(ROOT).parts[:-1]) if node.level else ""
            module = ".".join(part for part in (package, node.module) if part)
            folder = (ROOT / module.replace(".", "/")).is_dir()
            names = (alias.name for alias in node.names)
            yield from (f"{module}.{name}" if folder else module for name in names)


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


LAYERS = (
    {"components.tags", "components.names", "components.errors", "components.contract"},
    {"components.port"},
    {"components.base"},
    {"components.primitives"},
    {"components.access"},
    set[str](),  # technologies: every module not named elsewhere
)
"""From the ground up: a module imports from its own layer and those below."""
BESIDE = {"components.mesh": "the resource kinds of our own provider: for targets and the program"}
TYPES_ONLY = {
    "components.base": {"components.targets"},
    "components.port": {"components.base", "components.primitives"},
}
"""What is needed the other way round, under TYPE_CHECKING alone."""


def layer(module: str) -> int:
    return next((height for height, names in enumerate(LAYERS) if module in names), len(LAYERS) - 1)


def typed(file: Path) -> set[str]:
    """The modules that a file imports for its annotations only."""
    blocks = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.If)]
    return {node.module or "" for block in blocks for node in ast.walk(block) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("file", sorted((ROOT / "components").glob("*.py")), ids=lambda file: file.stem)
def test_components_stand_on_each_other_in_one_order(file: Path) -> None:
    module = f"components.{file.stem}"
    for name in (name for name in imports(file) if name.startswith("components.")):
        imported = ".".join(name.split(".")[:2])
        if imported in TYPES_ONLY.get(module, set()):
            assert imported in typed(file), f"{module} imports {imported} at run time"
            continue
        assert imported != "components.targets", "a technology does not know where it runs"
        assert imported not in BESIDE, f"{module}: a technology makes components, no resources"
        assert layer(imported) <= layer(module), f"{module} imports {imported}, which stands above it"


def test_a_target_is_loaded_by_its_name_alone() -> None:
    """So that only the chosen one's SDK is imported; `mesh status` and `logs` read local's folder on this machine."""
    exempt = {"cli/operate.py": {"components.targets.local"}}
    for file in modules():
        relative = str(file.relative_to(ROOT))
        inside = {name for name in imports(file) if name.startswith("components.targets.")}
        named = {".".join(name.split(".")[:3]) for name in inside} - exempt.get(relative, set())
        known = {name for name in named if (ROOT / f"{name.replace('.', '/')}.py").is_file()}
        assert not known or relative.startswith("components/targets/"), f"{relative} imports {known}"


def test_every_public_class_and_function_of_the_core_says_what_it_is() -> None:
    for package in ("components", "templates", "stacks"):
        for file in sorted((ROOT / package).glob("*.py")):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    assert ast.get_docstring(node), f"{package}/{file.name}: {node.name}"


def test_exemptions_are_used() -> None:
    for relative in LONGER:
        assert len((ROOT / relative).read_text().splitlines()) > LONGEST
