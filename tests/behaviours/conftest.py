"""Each behaviour is asked of every target; a known gap must still be one."""

from __future__ import annotations

import pytest

from components.targets import TARGETS
from tests.behaviours.gaps import GAPS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The parameter `target` of a behaviour."""
    if "target" not in metafunc.fixturenames:
        return
    behaviour = metafunc.module.__name__.rpartition(".")[2].removeprefix("test_")
    metafunc.parametrize("target", [case(behaviour, target) for target in TARGETS])


def case(behaviour: str, target: str) -> object:
    """A target, expected to fail where there is a gap."""
    reason = GAPS.get((behaviour, target))
    marks = [pytest.mark.xfail(raises=AssertionError, strict=True, reason=reason)] if reason else []
    return pytest.param(target, marks=marks)
