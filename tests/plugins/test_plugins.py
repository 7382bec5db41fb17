"""Stand-ins take an official plugin's place in tests, and nowhere else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = sorted(folder.parent for folder in (ROOT / "tests" / "plugins").glob("*/PulumiPlugin.yaml"))
SHIPPED = ("catalogue", "cli", "components", "policies", "providers", "stacks", "templates", "tools")


def test_the_checkout_names_no_stand_in() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert project["plugins"] == {"providers": [{"name": "mesh", "path": "providers/mesh"}]}
    for file in [ROOT / "Makefile", *(found for part in SHIPPED for found in (ROOT / part).rglob("*.y*ml"))]:
        assert "tests/plugins" not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("file", [f for part in SHIPPED for f in sorted((ROOT / part).rglob("*.py"))], ids=str)
def test_nothing_that_is_shipped_mentions_one(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "tests.plugins" not in text
    assert "tests/plugins" not in text


def test_no_setting_page_or_script_names_one() -> None:
    """What no folder of ours holds: pages, workflows, the project's own files."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*"), *ROOT.glob("*.md"), *ROOT.glob("*.toml")]
    for file in (page for page in [*pages, *ROOT.glob("*.y*ml")] if page.is_file()):
        assert "tests/plugins" not in file.read_text(encoding="utf-8"), file


def test_a_wheel_holds_no_tests() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert set(built["wheel"]["packages"]) == set(SHIPPED)


def test_a_source_distribution_holds_no_tests() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"].get("sdist", {})
    named = built.get("only-include") or built.get("include") or []
    assert "tests" in " ".join(built.get("exclude", [])) or (named and "tests" not in " ".join(named))


def test_only_a_test_says_where_one_is() -> None:
    """A Pulumi.yaml of anything but a test's own copy would have to name its folder."""
    for file in ROOT.rglob("Pulumi*.yaml"):
        inside = file.relative_to(ROOT).parts[0]
        if inside in ("tests", ".venv", ".tools", ".cache"):
            continue
        providers = (yaml.safe_load(file.read_text()) or {}).get("plugins", {}).get("providers", [])
        assert {provider["path"] for provider in providers} <= {"providers/mesh"}, file


@pytest.mark.parametrize("folder", STAND_INS, ids=lambda folder: folder.name)
def test_a_stand_in_runs_in_the_environment_of_the_tests(folder: Path) -> None:
    plugin = yaml.safe_load((folder / "PulumiPlugin.yaml").read_text())
    assert plugin["name"] == folder.name
    assert (folder / plugin["runtime"]["options"]["virtualenv"]).resolve() == ROOT / ".venv"
