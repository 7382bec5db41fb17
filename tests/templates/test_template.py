"""A template is checked against the components it names when it is loaded."""

from __future__ import annotations

import pytest

from components.errors import Refused, UserError
from templates.template import Template, load_template
from tests.conftest import LittleMesh

HEAD = "apiVersion: meshwright/v1\nkind: Template\nname: {name}\nversion: 1.0.0\ndescription: Of a test\n"


def loaded(little: LittleMesh, body: str, name: str = "mine") -> Template:
    little.write(f"templates/{name}.yaml", HEAD.format(name=name) + body)
    return load_template(name, little.templates)


@pytest.mark.parametrize(
    ("body", "sentence", "line"),
    [
        (
            "components:\n  a: {type: Databse}\n",
            "unknown component `Databse`\n  hint: did you mean `Database` or `DatabaseAccess`?",
            7,
        ),
        ("components:\n  a: {type: Database, sise: small}\n", "`Database` takes no `sise`", 7),
        (
            "components:\n  a: {type: Database, size: huge}\n",
            "'huge' stands where one of small, medium, large is needed",
            7,
        ),
        ("components:\n  a: {type: Database, storage: much}\n", "'much' stands where a whole number is needed", 7),
        ("components:\n  a: {type: Ingest, sources: []}\n", "`a` (Ingest) lacks `into`", 7),
        (
            "components:\n  a: {type: Database}\n  b: {type: Ingest, into: '${a.conection}', sources: []}\n",
            "`conection` is no output of component Database",
            8,
        ),
        ("components:\n  b: {type: Ingest, into: '${gone}', sources: []}\n", "`${gone}` names nothing here", 7),
        (
            "components:\n  a: {type: Secret}\n  b: {type: Ingest, into: '${a}', sources: []}\n",
            "`${a}` is Secret; Database or Bucket is needed",
            8,
        ),
        ("components:\n  a: {type: Database, size: '${parameters.size}'}\n", "there is no parameter `size`", 7),
        (
            "components:\n  a: {type: Database}\noutputs:\n  t: {type: sql, from: '${a.connection}'}\n",
            "is a database that nothing fills",
            9,
        ),
        (
            "components:\n  a: {type: Database}\noutputs:\n  t: {type: sql, from: '${a}'}\n",
            "`${a}` is Database; a port is needed",
            9,
        ),
        ("components:\n  a--b: {type: Database}\n", "`a--b` is no legal key", 7),
        (
            "components:\n  a: {type: Database}\n  b: {type: Database, renamedFrom: a}\n",
            "was renamed from `a`, which is a component again",
            8,
        ),
        ("parameters:\n  size: {type: string, enum: [s, m], default: l}\n", "the default of `size` can't be 'l'", 7),
        (
            "parameters:\n  size: {type: string, enum: [small, tiny], default: small}\n"
            "components:\n  a: {type: Database, size: '${parameters.size}'}\n",
            "may be 'tiny'",
            9,
        ),
    ],
)
def test_a_wrong_template_says_what_and_where(little: LittleMesh, body: str, sentence: str, line: int) -> None:
    with pytest.raises(Refused) as caught:
        loaded(little, body)
    said = str(caught.value)
    assert sentence in said
    assert f"mine.yaml:{line}" in said


def test_components_in_a_circle_are_refused(little: LittleMesh) -> None:
    body = (
        "components:\n  d: {type: Database}\n"
        "  a: {type: Ingest, into: '${d}', sources: [], inputs: {b: '${b.tables}'}}\n"
        "  b: {type: Ingest, into: '${d}', sources: [], inputs: {a: '${a.tables}'}}\n"
    )
    with pytest.raises(Refused, match="circle"):
        print(loaded(little, body).parts)


def test_parts_are_ordered_and_extended(little: LittleMesh) -> None:
    template = loaded(little, "extends: table@1\ncomponents:\n  more: {type: Bucket}\n")
    keys = list(template.parts)
    assert set(keys) == {"warehouse", "load", "more"}
    assert keys.index("warehouse") < keys.index("load")
    assert set(template.outputs) == {"tables"}


def test_an_unknown_template_names_the_near_one(little: LittleMesh) -> None:
    with pytest.raises(UserError, match="there is no template `tabel`") as caught:
        load_template("tabel", little.templates)
    assert "did you mean `table`?" in str(caught.value)
