"""The table of gaps names behaviours and targets that there are; each behaviour is one file with one test."""

from __future__ import annotations

import ast
from pathlib import Path

from components.targets import TARGETS
from tests.behaviours.gaps import GAPS

HERE = Path(__file__)
FILES = [file for file in sorted(HERE.parent.glob("test_*.py")) if file != HERE]


def test_every_gap_is_of_a_behaviour_and_a_target_and_has_a_reason() -> None:
    known = {file.stem.removeprefix("test_") for file in FILES}
    assert {behaviour for behaviour, _ in GAPS} <= known
    assert {target for _, target in GAPS} <= set(TARGETS)
    assert all(reason.strip() for reason in GAPS.values())


def test_each_behaviour_is_one_test_of_every_target() -> None:
    assert len(FILES) > 10
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
        assert [node.name for node in tests] == ["test_it"], file.name
        assert "target" in {argument.arg for argument in tests[0].args.args}, file.name
