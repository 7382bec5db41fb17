"""Two domains that stand, one reading the other."""

from __future__ import annotations

import pytest

from tests.conftest import LittleMesh

INPUT = "inputPorts: [{name: weather, from: weather/observations/tables}]\nparameters: {script: score.py}\n"


@pytest.fixture
def shop(little: LittleMesh) -> LittleMesh:
    """sales/orders stands; sales/score reads weather/observations, which is granted."""
    little.table("sales/orders")
    little.table("weather/observations", "grants: [{to: sales/score, port: tables, until: 2027-01-01}]\n")
    little.write("stacks/sales/score/score.py", "")
    little.product("sales/score", INPUT, template="script")
    return little
