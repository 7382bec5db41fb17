"""Stand-ins take an official plugin's place in tests, and nowhere else."""

from __future__ import annotations

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


@pytest.mark.parametrize("folder", STAND_INS, ids=lambda folder: folder.name)
def test_a_stand_in_runs_in_the_environment_of_the_tests(folder: Path) -> None:
    plugin = yaml.safe_load((folder / "PulumiPlugin.yaml").read_text())
    assert plugin["name"] == folder.name
    assert (folder / plugin["runtime"]["options"]["virtualenv"]).resolve() == ROOT / ".venv"
