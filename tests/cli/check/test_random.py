"""Manifests from the JSON Schema, good and bad: never a traceback, every mistake with its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.check.run import Checker
from policies import levels
from policies.dispatch import Dispatcher
from policies.rule import all_rules
from tests.conftest import TODAY, LittleMesh

pytestmark = pytest.mark.generated

ROOT = Path(__file__).resolve().parents[3]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "schemas" / "manifest.json").read_text(encoding="utf-8"))
EXAMPLES = 1000
"""Of each kind: 2,000 in all, the first half of them sound."""
SEEN = {"sound": 0, "refused": 0}

words = st.text("abcdefghij", min_size=1, max_size=12)
columns = st.lists(
    st.fixed_dictionaries(
        {
            "name": words,
            "logicalType": st.sampled_from(["string", "integer", "number", "boolean", "date", "timestamp"]),
            "personalData": st.booleans(),
            "required": st.booleans(),
        }
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda column: column["name"],
)
sound = st.fixed_dictionaries(
    {
        "apiVersion": st.just("meshwright/v1"),
        "kind": st.just("DataProduct"),
        "name": words.filter(lambda name: not name.startswith("pg")),
        "description": st.text(min_size=1, max_size=40),
        "owner": words.map(lambda name: f"{name}@example.org"),
        "costCentre": st.text(min_size=1, max_size=12),
        "classification": st.sampled_from(["public", "internal", "confidential", "restricted"]),
        "template": st.just("table@1"),
        "sources": st.just([{"name": "data", "file": "data.csv"}]),
        "outputPorts": columns.map(
            lambda made: [{"name": "tables", "schema": [{"name": "data", "properties": made}]}],
        ),
    },
    optional={
        "version": st.tuples(*[st.integers(0, 99)] * 3).map(lambda three: ".".join(map(str, three))),
        "purpose": st.text(max_size=40),
        "parameters": st.fixed_dictionaries({"size": st.sampled_from(["small", "medium", "large"])}),
        "budget": st.fixed_dictionaries({"monthly": st.floats(0, 1e6), "currency": st.just("USD")}),
        "schedule": st.fixed_dictionaries({"cron": st.just("5 4 * * *"), "timezone": st.just("Asia/Kolkata")}),
        "personalData": st.fixed_dictionaries(
            {
                "purpose": words,
                "lawfulBasis": st.sampled_from(["consent", "contract"]),
                "retentionDays": st.integers(1, 999),
            }
        ),
    },
)


def allowed(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """What a part of the schema allows, by its words for shape; patterns and bounds are now and then broken."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([allowed(each, depth) for each in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema and depth < 6:
        parts = {name: allowed(each, depth + 1) for name, each in schema["properties"].items()}
        needed = set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in needed},
            optional={name: part for name, part in parts.items() if name not in needed},
        )
    if kind == "array" and depth < 6:
        return st.lists(allowed(schema.get("items", {}), depth + 1), max_size=3)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        "string": st.one_of(words, st.text(max_size=20), st.just("sales/orders/tables"), st.just("2027-01-01")),
        "integer": st.integers(-5, 500),
        "number": st.floats(-5, 1e9),
        "boolean": st.booleans(),
        "object": st.dictionaries(words, st.one_of(words, st.integers()), max_size=3),
        "array": st.just([]),
        "null": st.none(),
    }
    return plain.get(kind) or st.one_of(words, st.integers(), st.none())


# What the schema alone allows: names of templates, ports and files that are not there, and texts of every kind.
random = allowed(SCHEMA)
broken = st.tuples(sound, st.sampled_from(sorted(SCHEMA["properties"])), st.one_of(random, st.none(), st.text())).map(
    lambda three: {**three[0], three[1]: three[2].get(three[1]) if isinstance(three[2], dict) else three[2]}
)


def check(mesh: LittleMesh, manifest: dict[str, Any]) -> None:
    """Check one manifest of its own domain; whatever is wrong has a place."""
    text = yaml.safe_dump(manifest, allow_unicode=True, sort_keys=False)
    mesh.write("stacks/sales/orders.yaml", text)
    dispatcher = Dispatcher(rules=all_rules(), levels=levels.current())
    report = Checker(root=mesh.root, dispatcher=dispatcher, today=TODAY).check(["sales-dev"])
    for mistake in report.mistakes:
        assert mistake.file == "stacks/sales/orders.yaml", mistake
        assert 1 <= mistake.line <= text.count("\n") + 1, mistake
        assert mistake.what.strip()
        assert "Traceback" not in mistake.what
    assert bool(report.mistakes) != bool(report.products)
    for found in report.findings:
        assert found.outcome != "error", found
        assert (ROOT / found.file).parts
        assert found.line >= 1
    SEEN["refused" if report.mistakes else "sound"] += 1


def prepared(little: LittleMesh) -> LittleMesh:
    little.write("stacks/sales/orders/data.csv", "id\n1\n")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    return little


endless = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@endless
@given(manifest=sound)
def test_a_sound_manifest_is_checked(little: LittleMesh, manifest: dict[str, Any]) -> None:
    before = SEEN["sound"]
    check(prepared(little), manifest)
    assert SEEN["sound"] == before + 1, yaml.safe_dump(manifest)


@endless
@given(manifest=st.one_of(random, broken))
def test_any_other_is_refused_with_its_line_or_checked(little: LittleMesh, manifest: Any) -> None:
    check(prepared(little), manifest)
