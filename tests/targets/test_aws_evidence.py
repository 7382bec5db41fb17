"""Target aws before a judge outside this repository: the real Terraform AWS provider, and moto for what it makes.

The judge turns our records into Terraform's words and asks the provider: schema, `validate`, `plan`, then `apply` and
`destroy` on moto, where what moto can't do is told apart. It has never raised a false alarm on this target; one would
be named here with its reason. What it never catches (sizes that AWS does not sell) stands in test_sizes.py.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stacks.domain import Domain
from stacks.program import Program
from stacks.render import records
from tests.evidence.listed import listed
from tests.stacks.test_snapshots import PRODUCTS, VALUES

pytestmark = pytest.mark.judge
JUDGE = Path(__file__).resolve().parents[3] / "shared" / "evidence" / "aws" / "aws_evidence.py"
STACKS = list(dict.fromkeys(stack for stack, _ in PRODUCTS.values()))
"""Their products are of all four templates."""
MAKING = ("--apply", "--warp", "20")
"""Makes and destroys everything on moto, the provider's clock 20 times as fast (needs root on x86-64)."""
CAN_MAKE = os.geteuid() == 0 and platform.machine() == "x86_64"


@dataclass(frozen=True)
class Verdict:
    """What the judge says: its exit code, and the line that ends its report."""

    code: int
    report: str

    def number(self, stage: str, verdict: str = "ok") -> int:
        """How many resources had this verdict at a stage."""
        line = self.report.strip().splitlines()[-1]
        found = re.search(rf"{stage}:[^;]*?(\d+) {verdict}", line)
        return int(found[1]) if found else 0


@cache
def recorded(stack: str) -> list[dict[str, Any]]:
    """The records of a stack's products, as `mesh render --records` writes them."""
    return records(Program(Domain(stack), {"target": "aws", **VALUES["aws"]}).recorded(), stack)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Verdict]:
    """Ask the judge, once for the same question."""
    if not JUDGE.is_file():
        pytest.skip(f"the judge is not here: {JUDGE.name}")
    if not shutil.which("terraform"):
        pytest.skip("the judge asks terraform, which is not here")
    folder, asked = tmp_path_factory.mktemp("records"), dict[tuple[str, ...], Verdict]()

    def ask(name: str, found: list[dict[str, Any]], *options: str) -> Verdict:
        if (name, *options) not in asked:
            file = folder / f"{name}.json"
            file.write_text(json.dumps(found))
            words = [sys.executable, str(JUDGE), str(file), *options]
            done = subprocess.run(words, capture_output=True, text=True, timeout=1200)
            asked[name, *options] = Verdict(done.returncode, done.stdout + done.stderr)
        return asked[name, *options]

    return ask


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_is_planned_made_and_destroyed(judge: Callable[..., Verdict], stack: str) -> None:
    verdict = judge(stack, recorded(stack), *(MAKING if CAN_MAKE else ()))
    assert verdict.code == 0, verdict.report
    ours = len([record for record in recorded(stack) if record["type"].startswith("aws:")])
    for stage in ("schema", "validate", "plan"):
        assert verdict.number(stage) == ours, verdict.report
    if CAN_MAKE:
        # Moto starts no task and loses databases: what needs those is not tried.
        assert verdict.number("apply") > ours * 0.8, verdict.report
        assert verdict.number("apply", "FAIL") == verdict.number("destroy", "FAIL") == 0


def test_a_protected_environment_is_planned(judge: Callable[..., Verdict]) -> None:
    verdict = judge("flights-prod", recorded("flights-prod"))
    assert verdict.code == 0, verdict.report


def test_the_judge_sees_a_misspelt_input(judge: Callable[..., Verdict]) -> None:
    (database,) = [record for record in recorded(STACKS[0]) if record["type"] == "aws:rds/instance:Instance"][:1]
    inputs = {key: value for key, value in database["inputs"].items() if "${" not in str(value)}
    wrong = {**database, "inputs": {**inputs, "storageEncryptedd": True}, "dependencies": [], "provider": None}
    verdict = judge("misspelt", [wrong])
    assert verdict.code != 0
    assert "storageEncryptedd" in verdict.report


def test_evidence_of_aws_is_what_the_judge_accepted(judge: Callable[..., Verdict]) -> None:
    for stack in STACKS:
        assert judge(stack, recorded(stack), *(MAKING if CAN_MAKE else ())).code == 0
    assert listed("aws.e", {record["type"] for stack in STACKS for record in recorded(stack)})
