"""What is generated is equal to what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cli.schemas import schema
from components.base import technologies
from tools import matrix

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "manifest": sorted((ROOT / "stacks").glob("*/*.yaml")),
    "template": sorted((ROOT / "templates").glob("*.yaml")),
}
TOKENS = {
    "External": "mesh:data:External",
    "Bucket": "mesh:data:Bucket",
    "BucketAccess": "mesh:data:BucketAccess",
    "DaskCluster": "mesh:data:DaskCluster",
    "Database": "mesh:data:Database",
    "DatabaseAccess": "mesh:data:DatabaseAccess",
    "Ingest": "mesh:data:Ingest",
    "Job": "mesh:data:Job",
    "PythonJob": "mesh:data:PythonJob",
    "Secret": "mesh:data:Secret",
    "Service": "mesh:data:Service",
    "SparkCluster": "mesh:data:SparkCluster",
    "SparkJob": "mesh:data:SparkJob",
    "Superset": "mesh:data:Superset",
}
"""Part of every URN: a change here replaces what runs."""


def test_type_tokens_stay() -> None:
    assert {name: kind.type_token for name, kind in technologies().items()} == TOKENS


def test_support_matrix_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "support-matrix.md").read_text() == matrix.page()


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_kept_and_the_examples_fit(kind: str) -> None:
    kept = json.loads((ROOT / "docs" / "schemas" / f"{kind}.json").read_text())
    assert kept == json.loads(json.dumps(schema(kind), default=str))
    validator = jsonschema.Draft202012Validator(kept)
    for file in KINDS[kind]:
        # Dates are texts to JSON.
        data = json.loads(json.dumps(yaml.safe_load(file.read_text()), default=str))
        assert [error.message for error in validator.iter_errors(data)] == [], file.name
        assert file.read_text().startswith(
            f"# yaml-language-server: $schema=../{'../' if kind == 'manifest' else ''}docs/schemas/{kind}.json"
        )


@pytest.mark.parametrize("file", KINDS["manifest"], ids=lambda file: file.stem)
def test_a_manifest_is_short(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120


def test_every_picture_of_the_readme_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    for name in ("docs/images/dashboard.png", "docs/images/catalogue.png", "docs/rules.md", "docs/support-matrix.md"):
        assert name in text
        assert (ROOT / name).is_file()
    assert "make demo" in "\n".join(text.splitlines()[:40])
