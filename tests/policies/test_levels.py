"""levels.yaml is read strictly: a mistake stops with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.levels import FILE, LevelsError, current

GOOD = FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("medium: advisory, low: advisory}", "medium: advisory}", 4, "`low` is missing"),
        ("critical: mandatory", "critical: mandotory", 4, "`mandotory` is not known"),
        ("critical: mandatory", "kritical: mandatory", 4, "`kritical` is not known"),
        ("  dev: {}", "  dev: {}\n  dev: {}", 7, "`dev` is given twice"),
        ("  dev: {}", "  dev: [", 8, "expected"),
        ("  dev: {}", "  dev: off", 6, "a map is expected"),
        ("default: 250", "default: lots", 12, "`lots` is no amount"),
        ("default: 250", "default: .inf", 12, "`.inf` is no amount"),
        ("default: 250", "default: inf", 12, "`inf` is no amount"),
        ("default: 250, ", "", 12, "has no `default`"),
        ("prod: 1500", "prdo: 1500", 12, "`prdo` is no environment"),
        ("currency: USD", "", 3, "`currency` is missing"),
    ],
)
def test_a_mistake_stops_with_its_line(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    assert old in GOOD
    file = tmp_path / "levels.yaml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LevelsError) as error:
        current(file)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert sentence in str(error.value)


def test_an_empty_file_is_no_permission(tmp_path: Path) -> None:
    (tmp_path / "levels.yaml").write_text("", encoding="utf-8")
    with pytest.raises(LevelsError, match="empty"):
        current(tmp_path / "levels.yaml")


@pytest.mark.parametrize(
    ("urn", "tag", "environment"),
    [
        ("urn:pulumi:sales-prod::meshwright::mesh:data:Product::x", "dev", "prod"),
        ("urn:pulumi:my-try::meshwright::mesh:data:Product::x", "dev", "dev"),
        ("", "prod", "prod"),
        ("", "", ""),
    ],
)
def test_environment_is_the_stacks(urn: str, tag: str, environment: str) -> None:
    assert current().environment(urn, {"environment": tag}) == environment


ALLOWED = """\
allowed:
  default: {regions: [eu-*], registries: [docker.io/library]}
  prod:
    regions: [eu-west-1]
    skus: {"aws:rds/instance:Instance": [db.m*]}
"""


def test_an_environments_lists_stand_instead_of_the_default_ones(tmp_path: Path) -> None:
    file = tmp_path / "levels.yaml"
    file.write_text(GOOD + ALLOWED, encoding="utf-8")
    levels = current(file)
    prod, dev = levels.allowed("prod"), levels.allowed("dev")
    assert (prod.regions, prod.registries) == (("eu-west-1",), ("docker.io/library",))
    assert prod.skus == {"aws:rds/instance:Instance": ("db.m*",)}
    assert (dev.regions, dev.skus) == (("eu-*",), {})
    assert current().allowed("prod").regions is None


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("  prod:", "  prdo:", 1, "`prdo` is no environment"),
        ("    regions: [eu-west-1]", "    regions: []", 3, "a list of words is expected"),
        ("    regions: [eu-west-1]", "    regions: eu-west-1", 3, "a list of words is expected"),
        ("    regions: [eu-west-1]", "    region: [eu-west-1]", 3, "`region` is not known here"),
        ("    skus: {", "    skus: {db: t4g, ", 4, "a list of words is expected"),
        ("[eu-*]", "[*]", 1, ""),
    ],
)
def test_a_mistake_in_what_is_allowed_stops_too(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    assert old in ALLOWED
    file = tmp_path / "levels.yaml"
    file.write_text(GOOD + ALLOWED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LevelsError) as error:
        current(file)
    assert str(error.value).startswith(f"{file}:{len(GOOD.splitlines()) + 1 + line}: ")
    assert sentence in str(error.value)
