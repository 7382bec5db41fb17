"""Target azure before a judge outside this repository: the vendor's own models; and before our own policies."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from components.primitives import Endpoint
from policies.dispatch import Dispatcher
from policies.levels import current
from policies.rule import Options, Resource, all_rules
from stacks.domain import Domain, domains
from stacks.program import Program
from stacks.recording import COMPUTED, SECRET, SYMBOL, Recorded
from tests.conftest import LittleMesh
from tests.evidence.listed import listed
from tests.stacks.test_snapshots import VALUES as OF_ALL
from tests.targets.recorded import Graph

JUDGE = Path(__file__).resolve().parents[3] / "shared" / "evidence" / "azure" / "azure_evidence.py"


UNJUDGED = {  # not in the judge's models; their second source: the SDK's own typed Args, under mypy
    "azure-native:dbforpostgresql:Configuration",
    "azure-native:keyvault:Secret",
    "azure-native:network:PrivateDnsZoneGroup",
    "azure-native:storage:BlobServiceProperties",
}


@pytest.fixture(scope="module")
def examples() -> list[Recorded]:
    """The products of the example mesh, and of a protected environment."""
    found = []
    for stack in [*(f"{domain}-dev" for domain in domains()), "flights-prod"]:
        found += Program(Domain(stack), {"target": "azure", **OF_ALL["azure"]}).recorded()
    return found


@pytest.fixture(scope="module")
def judge() -> Any:
    """The judge, as a module."""
    if not JUDGE.is_file():
        pytest.skip(f"the judge is not here: {JUDGE.name}")
    spec = importlib.util.spec_from_file_location("azure_evidence", JUDGE)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def judged(judge: Any, resources: Iterable[Recorded]) -> tuple[int, list[str], set[str]]:
    """How many resources the judge knows, what it finds, and the types that it does not know."""
    checked, findings, unjudged = 0, [], set()
    for resource in resources:
        if not resource.type.startswith("azure-native:"):
            continue
        found = judge.check(resource.type, unknowns(resource.inputs, judge.UNKNOWN))
        if found is None:
            unjudged.add(resource.type)
            continue
        checked += 1
        findings += [f"{resource.type} {resource.name}: {at} {why}" for at, why in found]
    return checked, findings, unjudged


def test_the_vendors_own_models_accept_every_input(judge: Any, examples: list[Recorded]) -> None:
    """Every resource of every template (level e of the matrix)."""
    checked, findings, unjudged = judged(judge, examples)
    assert findings == []
    assert checked > 250
    assert unjudged == UNJUDGED
    assert listed("azure.e", {resource.type for resource in examples})


def test_they_accept_a_public_service_that_grows(judge: Any, little: LittleMesh) -> None:
    graph = Graph(little, {"target": "azure", **OF_ALL["azure"], "public": True})
    endpoints = {"web": Endpoint(protocol="http", port=8000, health="/", public=True)}
    checked, findings, _ = judged(judge, [*graph.resources, *graph.service(endpoints=endpoints, maximum=5)])
    assert findings == []
    assert checked > 50


def unknowns(value: Any, mark: str) -> Any:
    """Inputs as the engine has them: what is not known yet is the engine's own mark."""
    if isinstance(value, dict):
        return {key: unknowns(item, mark) for key, item in value.items()}
    if isinstance(value, list):
        return [unknowns(item, mark) for item in value]
    if isinstance(value, str) and (value == SECRET or COMPUTED in value or SYMBOL.search(value)):
        return mark
    return value


def test_every_rule_of_the_policy_pack_is_kept(examples: list[Recorded]) -> None:
    # The rate card has no price of Azure yet.
    assert broken(examples) <= {"COST-06"}


def test_a_public_service_that_asks_for_a_login_breaks_no_rule(little: LittleMesh) -> None:
    graph = Graph(little, {"target": "azure", **OF_ALL["azure"], "public": True})
    endpoints = {"web": Endpoint(protocol="http", port=8000, health="/", public=True)}
    assert broken([*graph.resources, *graph.service(endpoints=endpoints)]) <= {"COST-06"}


def broken(resources: Iterable[Recorded]) -> set[str]:
    """The rules of the policy pack that resources break."""
    rules, found = Dispatcher(rules=all_rules(), levels=current()), set()
    for resource in (each for each in resources if each.custom):
        options = Options(protect=resource.protect, parent=resource.parent or "")
        stack = (resource.inputs.get("tags") or {}).get("environment", "")
        seen = Resource(
            type=resource.type, props=resource.inputs, name=resource.name, options=options, environment=stack
        )
        found |= {finding.rule.id for finding in rules.findings(seen)}
    return found
