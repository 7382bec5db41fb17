"""`tests/evidence/local.txt` lists the components that really run in the example mesh (tests/evidence/ran.py)."""

from __future__ import annotations

import pytest

from tests.evidence.ran import ran
from tests.example.running import Running

pytestmark = [pytest.mark.engine, pytest.mark.software]


def test_evidence_of_local_is_what_runs(running: Running) -> None:
    assert running.mesh("status").returncode == 0, "all that the stacks hold answers"
    assert ran("local", running, "weather-dev", "flights-dev")
