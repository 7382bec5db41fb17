"""Manifests as people write them: those that are taken, and those that are refused with their first lines' sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.errors import Refused
from tests.conftest import LittleMesh

HERE = Path(__file__).parent
ACCEPTED = sorted(HERE.glob("*.ok.yaml"))
WRONG = sorted(HERE.glob("*.error.yaml"))


@pytest.fixture
def shop(little: LittleMesh) -> LittleMesh:
    """What the manifests of this folder rely on: they stand as sales/orders."""
    little.write("stacks/sales/orders/orders.csv", "id\n1\n")
    little.write("stacks/sales/orders/score.py", "")
    little.table("weather/observations", "grants: [{to: sales/orders, port: tables, until: 2027-01-01}]\n")
    return little


def expected(file: Path) -> str:
    """The comment at the head of a file."""
    lines = file.read_bytes().splitlines()
    head = [
        line.decode("ascii") for line in lines[: next((i for i, x in enumerate(lines) if not x.startswith(b"#")), None)]
    ]
    return "\n".join(line.removeprefix("# ") for line in head)


@pytest.mark.parametrize("file", ACCEPTED, ids=lambda file: file.name.split(".")[0])
def test_accepted(shop: LittleMesh, file: Path) -> None:
    shutil.copy(file, shop.stacks / "sales" / "orders.yaml")
    (planned,) = shop.domain("sales-dev").products
    assert planned.written.name == "sales/orders"
    assert planned.offers


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.name.split(".")[0])
def test_refused(shop: LittleMesh, file: Path) -> None:
    shutil.copy(file, shop.stacks / "sales" / "orders.yaml")
    with pytest.raises(Refused) as caught:
        shop.domain("sales-dev")
    assert str(caught.value) == expected(file)


def test_the_collection_is_there() -> None:
    assert len(ACCEPTED) >= 4 and len(WRONG) >= 30
