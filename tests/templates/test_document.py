"""Documents: every value with its line, every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import Refused
from stacks.manifest import Manifest, Mesh
from templates.document import fields, load, shown, type_at
from templates.model import TemplateModel

TEXT = """\
# a comment
name: orders
sources:
  - name: first
    file: a.csv
  - {name: second,
     file: b.csv}
shared: &shared
  size: small
parameters:
  <<: *shared
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "file.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("sources",), 3),
        (("sources", 0), 4),
        (("sources", 0, "file"), 5),
        (("sources", 1, "file"), 7),
        (("sources", 1, "no-such-key"), 6),
        (("sources", 9), 3),
        (("parameters", "size"), 10),
        (("nothing",), 2),
        ((), 2),
    ],
)
def test_the_line_of_a_path(tmp_path: Path, path: tuple[str | int, ...], line: int) -> None:
    assert load(written(tmp_path, TEXT)).line(*path) == line


def test_values_are_plain(tmp_path: Path) -> None:
    data = load(written(tmp_path, TEXT)).data
    assert data["parameters"] == {"size": "small"}
    assert data["sources"][1] == {"name": "second", "file": "b.csv"}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"gone\.yaml: can't be read: No such file"):
        load(tmp_path / "gone.yaml")
    with pytest.raises(Refused, match="can't be read: Is a directory"):
        load(tmp_path)


def test_every_doubled_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        load(written(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n"))
    assert [(error.what, error.line) for error in caught.value.errors] == [
        ("`a` stands twice", 2),
        ("`c` stands twice", 3),
    ]


def test_a_reference_within_braces_has_a_hint_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        load(written(tmp_path, "a: 1\nb: {size: ${parameters.size}}\n"))
    (error,) = caught.value.errors
    assert error.line == 2
    assert 'stands in quotes: {size: "${parameters.size}"}' in error.hint


def test_the_fields_of_a_model_by_path() -> None:
    assert "inputPorts" in fields(Manifest, ())
    assert "input_ports" not in fields(Manifest, ())
    assert fields(Manifest, ("inputPorts", 0)) == ["name", "from"]
    assert "nulls" in fields(Manifest, ("sources", 3))
    assert "primaryKey" in fields(Manifest, ("outputPorts", 0, "schema", 0, "properties", 0))
    assert fields(Manifest, ("schedule",)) == ["cron", "timezone"]
    assert "minimum" in fields(TemplateModel, ("parameters", "any-name"))
    assert fields(Mesh, ("environments", "prod")) == ["enforced", "protected"]
    assert fields(Manifest, ("name", "below")) == []
    assert type_at(Manifest, ("parameters", "size", "deeper")) is not None


def test_a_path_as_it_is_shown() -> None:
    assert shown(("sources", 0, "file")) == "sources[0].file"
    assert shown(("environments", "a", "[key]")) == "environments.a"
    assert shown(()) == "the file"


@pytest.mark.parametrize(
    ("text", "sentence", "line"),
    [
        ("environments: {}\ntenant: acme\n", "`apiVersion` is missing", 1),
        ("tenant: Acme\n", "`tenant` can't be `Acme`\n  hint: lower case, digits, single dashes; a letter first", 1),
        ("environments:\n  prod: {enforcd: true}\n", "unknown field `environments.prod.enforcd`", 2),
        ("environments:\n  prod: {enforcd: true}\n", "did you mean `enforced`?", 2),
        ("environments:\n  prod: {enforced: perhaps}\n", "wants true or false, got `perhaps`", 2),
        ("environments:\n  pre-prod: {}\n", "`pre-prod` is no environment's name", 1),
    ],
)
def test_the_mesh_file(tmp_path: Path, text: str, sentence: str, line: int) -> None:
    with pytest.raises(Refused) as caught:
        load(written(tmp_path, text)).parse(Mesh)
    assert f"{written(tmp_path, text)}:{line}: " in str(caught.value)
    assert sentence in str(caught.value)
