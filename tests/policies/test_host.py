"""The host's view of a resource: plain values from the engine's proxies, unknown ones marked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pulumi_policy import PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.__main__ import plain, resource
from policies.levels import current
from policies.rule import UNKNOWN
from policies.unknown import UndeterminedError

ROOT = Path(__file__).resolve().parents[2]


def test_proxies_become_plain_and_unknowns_are_marked() -> None:
    proxy = unknown_checking_proxy({"a": {"b": [1.0, UNKNOWN_STRING_VALUE]}, "c": UNKNOWN_STRING_VALUE, "d": None})
    assert repr(plain(proxy)) == repr({"a": {"b": [1.0, UNKNOWN]}, "c": UNKNOWN, "d": None})


def test_resource_has_the_stacks_environment_and_its_protection() -> None:
    options = PolicyResourceOptions(True, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], None)
    props = unknown_checking_proxy({"tags": UNKNOWN_STRING_VALUE, "cpu": 1.0})
    urn = "urn:pulumi:flights-prod::meshwright::mesh:index:Process::x"
    seen = resource(ResourceValidationArgs("mesh:index:Process", props, urn, "x", options, None, None), current())
    assert (seen.environment, seen.options.protect, seen.props["cpu"]) == ("prod", True, 1.0)
    with pytest.raises(UndeterminedError, match="tags"):
        _ = seen.tags


def test_rules_load_without_the_pulumi_sdk() -> None:
    program = "import sys, policies.rule; policies.rule.all_rules(); print('pulumi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["levels.yaml", "prices/ratecard.csv"])
def test_the_pack_does_not_start_on_a_mistake(tmp_path: Path, name: str) -> None:
    import shutil

    for folder in ("policies", "components"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "policies" / name).write_text("x\n", encoding="utf-8")
    command = [sys.executable, str(tmp_path / "policies")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert f"error: {tmp_path / 'policies' / name}:1: " in done.stderr
    assert "Traceback" not in done.stderr
