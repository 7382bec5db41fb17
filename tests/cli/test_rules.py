"""`mesh rules` lists and explains every rule; a wrong name is told by what is like it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import rules
from cli.main import app
from policies import waivers
from policies.levels import current
from policies.rule import all_rules
from policies.waivers import Waiver, Waivers

MESH = str(Path(sys.executable).parent / "mesh")


def mesh(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MESH, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_the_list_has_every_rule_with_its_levels(tmp_path: Path) -> None:
    done = mesh(tmp_path, "rules")
    assert done.returncode == 0
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()[1:]}
    assert list(lines) == [rule.id for rule in all_rules()]
    assert lines["COST-01"] == ["COST-01", "high", "over-resource-cap", "mandatory"]
    assert f"{len(lines)} rules; `mesh rules show " in done.stderr


def test_the_list_for_machines(tmp_path: Path) -> None:
    every = json.loads(mesh(tmp_path, "rules", "--json").stdout)
    assert [rule["id"] for rule in every] == [rule.id for rule in all_rules()]
    first = every[0]
    assert set(first["levels"]) == {"default", *current().environments}
    assert set(first) == {"id", "name", "severity", "what", "why", "fix", "references", "misses", "reads", "levels"}


def test_another_level_in_an_environment_is_told() -> None:
    assert rules._levels({"default": "advisory", "dev": "advisory", "sandbox": "disabled"}) == (
        "[yellow]advisory[/], [dim]disabled in sandbox[/]"
    )


@pytest.mark.parametrize("name", ["COST-01", "cost-01", "over-resource-cap"])
def test_one_is_explained(tmp_path: Path, name: str) -> None:
    done = mesh(tmp_path, "rules", "show", name)
    assert done.returncode == 0
    rule = next(rule for rule in all_rules() if rule.id == "COST-01")
    assert done.stdout.startswith("COST-01 over-resource-cap (high)\n")
    for word in (rule.what, rule.fix, rule.why, *rule.reads, *rule.refs, *rule.misses, "prod: mandatory", "none"):
        assert word in done.stdout


def test_the_waivers_that_name_it_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    today = date.today()

    def waiver(resource: str, product: str, approved: int, expires: int) -> Waiver:
        return Waiver(
            rule="COST-01",
            resource=resource,
            product=product,
            environment="dev" if product else "",
            reason="Load test",
            owner="sales@example.org",
            approved_by="platform@example.org",
            ticket="OPS-1",
            approved=today + timedelta(days=approved),
            expires=today + timedelta(days=expires),
            line=1,
        )

    every = (waiver("churn--*", "", -1, 0), waiver("", "sales/churn", -9, -1), waiver("old--*", "", 1, 2))
    monkeypatch.setattr(waivers, "current", lambda: Waivers(every=every))
    said = CliRunner().invoke(app, ["rules", "show", "COST-01", "--json"]).stdout
    told: list[dict[str, Any]] = json.loads(said)["waivers"]
    assert [(one["state"], one["resource"], one["product"]) for one in told] == [
        ("in force", "churn--*", ""),
        ("expired", "", "sales/churn"),
        ("not yet", "old--*", ""),
    ]
    lines = [rules._line(one) for one in told]
    assert lines[0] == f"churn--*, until {today}, by sales@example.org (OPS-1): Load test"
    assert lines[1].startswith(f"sales/churn in dev, expired on {today - timedelta(days=1)}, by ")
    assert lines[2].startswith(f"old--*, from {today + timedelta(days=1)} until ")


@pytest.mark.parametrize(("wrong", "right"), [("COTS-01", "COST-01"), ("over-cap", "over-resource-cap")])
def test_a_wrong_name_is_told_by_what_is_like_it(tmp_path: Path, wrong: str, right: str) -> None:
    done = mesh(tmp_path, "rules", "show", wrong)
    assert done.returncode == 2
    assert f"error: there is no rule `{wrong}`" in done.stderr
    assert right in done.stderr
    assert done.stdout == ""


def test_a_mistake_in_waivers_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from components.errors import UserError

    def wrong() -> Waivers:
        return waivers_current(tmp_path / "waivers.yaml")

    waivers_current = waivers.current
    monkeypatch.setattr(waivers, "current", wrong)
    with pytest.raises(UserError, match=r"waivers\.yaml:1: the file can't be read"):
        rules._read()


def test_help_teaches(tmp_path: Path) -> None:
    said = mesh(tmp_path, "rules", "--help").stdout
    for word in ("levels.yaml", "waivers.yaml", "mandatory", "mesh rules show COST-01"):
        assert word in said
