"""Target aws before a judge outside this repository: the real Terraform AWS provider, and moto for what it makes.

The judge turns our records into Terraform's words and asks the provider: schema, `validate`, `plan`, then `apply` and
`destroy` on moto, where what moto can't do is told apart. It has never raised a false alarm on what we make. Three
things are put differently for moto alone: it speaks plain HTTP, which our buckets refuse (`heard`); it has nobody's
certificate and zone (`planted`); and a protected database, which it refuses to delete as AWS does, loses its
protection. What the judge never catches (sizes that AWS does not sell) stands in test_sizes.py.
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

from components.primitives import Endpoint
from stacks.domain import Domain
from stacks.program import Program
from stacks.render import records
from tests.conftest import LittleMesh
from tests.evidence.listed import listed
from tests.stacks.test_snapshots import VALUES
from tests.targets.recorded import Graph

pytestmark = pytest.mark.judge
JUDGE = Path(__file__).resolve().parents[3] / "shared" / "evidence" / "aws" / "aws_evidence.py"
STACKS = ("weather-dev", "flights-dev")
"""Their products are of all four templates."""
PROTECTED = ("weather-prod", "flights-prod")
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
ZONE = "Z0123456789"
GIVEN = {"target": "aws", **VALUES["aws"]}
PAGES = {
    "certificateArn": CERTIFICATE,
    "publicDomain": "mesh.example.org",
    "zoneId": ZONE,
    "readers": ["10.8.0.0/16"],
}
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


def heard(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same where buckets refuse what nobody here asks for, in place of all without TLS: moto has none."""
    text = json.dumps(found)
    assert "s3:*" in text
    return list(json.loads(text.replace("s3:*", "s3:GetObjectTorrent")))


def planted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with a certificate and a zone that are really there, in place of those which the settings name."""
    (provider,) = [record for record in found if record["type"] == "pulumi:providers:aws"]
    beside: dict[str, Any] = {
        "parent": None,
        "custom": True,
        "dependencies": [],
        "protect": False,
        "propertyDependencies": {},
    }
    made, text = [], json.dumps(found)
    for kind, inputs, given, output in (
        (
            "acm/certificate:Certificate",
            {"domainName": "*.mesh.example.org", "validationMethod": "DNS"},
            CERTIFICATE,
            "arn",
        ),
        ("route53/zone:Zone", {"name": "mesh.example.org"}, ZONE, "zoneId"),
    ):
        urn = provider["urn"].replace("pulumi:providers:aws", f"aws:{kind}")
        asked = {**beside, "urn": urn, "type": f"aws:{kind}", "name": "given", "inputs": inputs}
        made.append({**asked, "provider": next(each["provider"] for each in found if each.get("provider"))})
        text = text.replace(given, f"${{{urn}#{output}}}")
    return [*made, *json.loads(text)]


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
    verdict = judge(stack, heard(recorded(stack)), *(MAKING if CAN_MAKE else ()))
    assert verdict.code == 0, verdict.report
    ours = len([record for record in recorded(stack) if record["type"].startswith("aws:")])
    for stage in ("schema", "validate", "plan"):
        assert verdict.number(stage) == ours, verdict.report
    if CAN_MAKE:
        # Moto starts no task and loses databases: what needs those is not tried.
        assert verdict.number("apply") > ours * 0.8, verdict.report
        assert verdict.number("apply", "FAIL") == verdict.number("destroy", "FAIL") == 0


@pytest.mark.parametrize("stack", PROTECTED)
def test_a_protected_environment_is_planned_made_and_destroyed(judge: Callable[..., Verdict], stack: str) -> None:
    found = recorded(stack)
    protected = [record for record in found if record["inputs"].get("deletionProtection")]
    assert protected
    for record in protected:
        assert record["protect"]
    text = json.dumps(heard(found)).replace('"deletionProtection": true', '"deletionProtection": false')
    verdict = judge(stack, json.loads(text), *(MAKING if CAN_MAKE else ()))
    assert verdict.code == 0, verdict.report


def test_pages_growth_and_followers_are_planned_and_made(judge: Callable[..., Verdict], little: LittleMesh) -> None:
    """What the example mesh has none of: a public page, one for the inside, a service that grows."""
    pages = {"web": Endpoint(protocol="http", port=8000, public=True), "more": Endpoint(protocol="http", port=8001)}
    graph = Graph(little, {**GIVEN, **PAGES})
    found = records(graph.service(endpoints=pages, maximum=4), "sales-dev")
    verdict = judge("pages", planted(heard(found)), *(MAKING if CAN_MAKE else ()))
    assert verdict.code == 0, verdict.report
    for kind in ("lb/loadBalancer", "lb/listener", "appautoscaling/policy", "route53/record"):
        assert any(record["type"].startswith(f"aws:{kind}:") for record in found), kind


def test_spark_on_emr_is_planned(judge: Callable[..., Verdict]) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mesh/spark-emr:7.12.0"
    found = records(Program(Domain("flights-dev"), {**GIVEN, "emrServerless": image}).recorded(), "flights-dev")
    assert any(record["type"].startswith("aws:emrserverless/application:") for record in found)
    verdict = judge("emr", found)
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
        assert judge(stack, heard(recorded(stack)), *(MAKING if CAN_MAKE else ())).code == 0
    assert listed("aws.e", {record["type"] for stack in STACKS for record in recorded(stack)})
