"""Sentences for a user's mistakes: what, where, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import Refused, UserError, near


def test_a_place_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = tmp_path / "stacks" / "a.yaml", Path("/elsewhere/a.yaml")
    assert UserError("wrong", file=inside, line=3).place() == "stacks/a.yaml:3"
    assert UserError("wrong", file=outside, line=3).place() == "/elsewhere/a.yaml:3"
    assert UserError("wrong", file=inside).place() == "stacks/a.yaml"
    assert UserError("wrong").place() == ""


def test_the_text_is_sentence_place_and_hint() -> None:
    assert str(UserError("it is wrong", file="a.yaml", line=1, hint="mend it")) == (
        "a.yaml:1: it is wrong\n  hint: mend it"
    )
    assert str(UserError("it is wrong")) == "it is wrong"


def test_all_mistakes_are_one_refusal() -> None:
    refused = Refused(UserError(what) for what in ("first", "second"))
    assert [error.what for error in refused.errors] == ["first", "second"]
    assert str(refused) == "first\nsecond"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("sise", ["size", "script"], "did you mean `size`?"),
        ("SIZE", ["size"], "did you mean `size`?"),
        ("database", ["Database", "DatabaseAccess"], "did you mean `Database` or `DatabaseAccess`?"),
        ("tabels", ["table", "tables", "label", "other"], "did you mean `tables` or `table` or `label`?"),
        ("x", ["size", "script"], "known: `script`, `size`"),
        ("x", [], "there is none to choose from"),
        ("x", [f"name{n:02}" for n in range(20)], ", `name11`, ..."),
    ],
)
def test_near_names(name: str, known: list[str], hint: str) -> None:
    assert near(name, known).endswith(hint)


def test_at_most_three_near_names() -> None:
    assert near("name", [f"name{n}" for n in range(9)]).count("`") == 6
