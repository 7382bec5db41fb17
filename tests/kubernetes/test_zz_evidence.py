"""`tests/evidence/kubernetes.txt` lists the components that really ran in the cluster (tests/evidence/listed.py)."""

from __future__ import annotations

import pytest

from tests.evidence.listed import listed
from tests.kubernetes.conftest import Place


def test_evidence_of_kubernetes_is_what_ran(place: Place, request: pytest.FixtureRequest) -> None:
    if request.session.testsfailed or not place.ran:
        pytest.skip("tells something only after all tests of this folder have passed")
    assert listed("kubernetes", place.ran)
