"""`mesh render`: the tree a person reads, and the records that judges of a target read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from tests.conftest import LittleMesh


@pytest.fixture(autouse=True)
def orders(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> LittleMesh:
    little.table("sales/orders")
    little.table("sales/returns")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    monkeypatch.chdir(little.root)
    return little


def mesh(*words: str) -> int:
    """The exit code of `mesh ...` in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["mesh", *words])
        main()
    return int(ended.value.code or 0)


def test_a_product_and_its_manifest_show_the_same_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert mesh("render", "sales/orders") == 0
    tree = capsys.readouterr().out
    assert "orders--warehouse mesh:index:PostgresServer" in tree
    assert "returns" not in tree
    assert mesh("render", "stacks/sales/orders.yaml") == 0
    assert capsys.readouterr().out == tree


def test_another_target_than_the_stacks(capsys: pytest.CaptureFixture[str], orders: LittleMesh) -> None:
    assert mesh("render", "sales", "--target", "kubernetes") == 2
    assert "needs `meshwright:registry`" in capsys.readouterr().err
    orders.write("stacks/Pulumi.sales-dev.yaml", "config: {meshwright:target: local, meshwright:registry: r.example}\n")
    assert mesh("render", "sales", "--target", "kubernetes") == 0
    assert "orders--warehouse kubernetes:apps/v1:StatefulSet" in capsys.readouterr().out


def test_records_name_each_other_by_urn(tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    assert mesh("render", "sales", "--records", str(file)) == 0
    found = {record["urn"]: record for record in json.loads(file.read_text())}
    load = next(r for r in found.values() if r["name"] == "orders--load--run" and r["type"] == "mesh:index:JobRun")
    assert load["custom"]
    assert load["parent"] in found
    assert load["dependencies"]
    assert set(load["dependencies"]) <= found.keys()
    assert load["inputs"]["environment"] == "${urn:pulumi:sales-dev::meshwright::mesh:index:Environment::ingest#path}"
    assert load["inputs"]["secrets"]["TARGET_PASSWORD"].endswith("#value}"), "a secret by reference"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [("sale", "there is no domain `sale`"), ("sales/order", "no product `order`"), ("x.yaml", "is no manifest")],
)
def test_what_is_not_there(what: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert mesh("render", what) == 2
    assert sentence in capsys.readouterr().err
