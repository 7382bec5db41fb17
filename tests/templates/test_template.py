"""A template is checked against the components it names when it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import Refused, UserError
from templates.model import Parameter
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
        (
            "parameters:\n  size: {type: string}\ncomponents:\n  a: {type: Database, size: '${parameters.size}'}\n",
            "`${parameters.size}` may be any string; one of small, medium, large is needed",
            9,
        ),
        (
            "parameters:\n  n: {type: number, default: 5}\n"
            "components:\n  a: {type: Database, storage: '${parameters.n}'}\n",
            "`${parameters.n}` may be any number; a whole number is needed",
            9,
        ),
        ("parameters:\n  n: {type: integer, enum: [1, two]}\n", "a value of `n` wants integer, got 'two'", 7),
        ("parameters:\n  n: {type: integer, default: 5, maximum: 4}\n", "the default of `n` is at most 4, got 5", 7),
        (
            "parameters:\n  n: {type: string, minimum: 4}\n",
            "`parameters.n`: minimum and maximum bound a number, not a parameter of type string",
            7,
        ),
        (
            "parameters:\n  n: {type: string, default: '${product.name}'}\n",
            "the default of `n` refers to something\n  hint: a default is a plain value",
            7,
        ),
        ("parameters:\n  n: {type: text}\n", "`parameters.n.type` can't be `text`", 7),
        ("parameters:\n  n: {type: string, defualt: a}\n", "hint: did you mean `default`?", 7),
        ("components:\n  a: {type: Database, storage: '7'}\n", "'7' stands where a whole number is needed", 7),
        ("components:\n  a: {type: Database, storage: true}\n", "True stands where a whole number is needed", 7),
        ("components:\n  a: {type: Database, name: '${product.nam}'}\n", "`nam` is no output of product", 7),
        ("components:\n  a: {type: Database, name: '${product.name'}\n", "opens a reference and does not close it", 7),
        (
            "components:\n  a: {type: Database, size: '${product.name}-small'}\n",
            "a text stands where one of small, medium, large is needed",
            7,
        ),
        (
            "components:\n  d: {type: Database}\n  a: {type: Database, name: 'of ${d}'}\n",
            "`${d}` is Database; a text or a whole number or a number or true or false is needed",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n  b: {type: Ingest, into: d, sources: []}\n",
            "'d' stands where Database or Bucket is needed\n  hint: a reference is written ${d}",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n  b: {type: Ingest, into: '${d}', sources: [], inputs: {x: '${d}'}}\n",
            "`${d}` is Database; a port is needed",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n"
            "  b: {type: Ingest, into: '${d}', sources: [], inputs: {x: '${d.connection}'}}\n",
            "`${d.connection}` is a database that nothing fills",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n"
            "  b: {type: Ingest, into: '${d}', sources: [], schedule: {corn: '${product.name}'}}\n",
            "Schedule has no `corn`\n  hint: did you mean `cron`?",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n"
            "  b: {type: Ingest, into: '${d}', sources: [], schedule: {timezone: '${product.name}'}}\n",
            "Schedule lacks `cron`",
            8,
        ),
        (
            "components:\n  d: {type: Database}\n"
            "  b: {type: Ingest, into: '${d}', sources: [], schedule: {cron: '1 1 * * *', timezoen: UTC}}\n",
            "Schedule has no `timezoen`; did you mean `timezone`?",
            8,
        ),
        (
            "components:\n  j: {type: Job, software: x, command: [5]}\n",
            "[5] stands where a list of a text is needed",
            7,
        ),
        ("components:\n  j: {type: Job, software: x, command: [a]}\n", "'x' stands where Software is needed", 7),
        (
            "components:\n  b: {type: Ingest, into: '${b}', sources: [], inputs: {x: text}}\n",
            "'text' stands where Port is needed",
            7,
        ),
        ("components:\n  parameters: {type: Database}\n", "`parameters` is no legal key", 7),
        (
            "components:\n  a: {type: Database, renamedFrom: old}\n  b: {type: Database, renamedFrom: old}\n",
            "`b` and `a` were both renamed from `old`",
            8,
        ),
        ("components:\n  a: {type: Database, renamedFrom: Old}\n", "`components.a.renamedFrom` can't be `Old`", 7),
        ("components:\n  a: {size: small}\n", "`components.a.type` is missing", 7),
        (
            "components:\n  f: {type: Bucket}\noutputs:\n  Files: {type: s3, from: '${f.objects}'}\n",
            "`Files` is no legal name of a port",
            9,
        ),
        (
            "components:\n  f: {type: Bucket}\noutputs:\n  f: {type: s3, from: f.objects}\n",
            "`f.objects` is no reference\n  hint: write ${component.output}",
            9,
        ),
        (
            "components:\n  f: {type: Bucket}\noutputs:\n  f: {type: s3, from: '${f.objects}', tables: [a]}\n",
            "`tables` narrows a port of type sql, not s3",
            9,
        ),
        (
            "components:\n  f: {type: Bucket}\noutputs:\n  f: {type: s3, from: '${f.objects.bucket}'}\n",
            "`bucket` is no output of f.objects",
            9,
        ),
        ("outputs:\n  w: {type: sql, from: '${product.inputs.weather}'}\n", "belongs to another product", 7),
        ("outputs:\n  w: {type: ftp, from: '${a.b}'}\n", "`outputs.w.type` can't be `ftp`", 7),
        (
            "components:\n  a: {type: Databse}\noutputs:\n  t: {type: sql, from: '${a.connection}'}\n",
            "unknown component `Databse`",
            7,
        ),
        ("extends: tabel\n", "there is no template `tabel`\n  hint: did you mean `table`?", 6),
        ("extends: table@2\n", "template table is at 1.2.0, this one extends 2\n  hint: write `extends: table@1`", 6),
        ("extends: table@one\n", "`extends` can't be `table@one`", 6),
        ("extends: mine\n", "templates extend each other in a circle: mine -> mine", 6),
        (
            "extends: table\ncomponents:\n  load: null\n",
            "with outputs.tables of `table`: `${load.tables}` names nothing here",
            6,
        ),
        (
            "extends: table\nparameters:\n  size: {type: string, enum: [huge], default: huge}\n",
            "with components.warehouse of `table`: `${parameters.size}` may be 'huge'",
            6,
        ),
    ],
)
def test_a_wrong_template_says_what_and_where(little: LittleMesh, body: str, sentence: str, line: int) -> None:
    with pytest.raises(Refused) as caught:
        loaded(little, body)
    said = str(caught.value)
    assert sentence in said
    assert f"mine.yaml:{line}" in said


def test_a_wrong_template_says_one_thing(little: LittleMesh) -> None:
    body = "components:\n  a: {type: Databse}\noutputs:\n  t: {type: sql, from: '${a.connection}'}\n"
    with pytest.raises(Refused) as caught:
        loaded(little, body)
    assert len(caught.value.errors) == 1, "what refers to an unknown component is no mistake of its own"


def test_components_in_a_circle_are_refused_when_loaded(little: LittleMesh) -> None:
    body = (
        "components:\n  d: {type: Database}\n"
        "  a: {type: Ingest, into: '${d}', sources: [], inputs: {b: '${b.tables}'}}\n"
        "  b: {type: Ingest, into: '${d}', sources: [], inputs: {a: '${a.tables}'}}\n"
    )
    with pytest.raises(Refused, match=r"mine.yaml:[89]: .* in a circle: (a -> b -> a|b -> a -> b)$"):
        loaded(little, body)
    alone = "components:\n  d: {type: Database}\n  a: {type: Ingest, into: '${a}', sources: []}\n"
    with pytest.raises(Refused, match="in a circle: a -> a"):
        loaded(little, alone)


def test_templates_that_extend_each_other_are_refused(little: LittleMesh) -> None:
    little.write("templates/other.yaml", HEAD.format(name="other") + "extends: mine\n")
    with pytest.raises(Refused, match=r"other.yaml:6: templates extend each other in a circle: mine -> other -> mine"):
        loaded(little, "extends: other\n")


def test_a_mistake_of_the_base_is_told_in_its_file(little: LittleMesh) -> None:
    little.write("templates/other.yaml", HEAD.format(name="other") + "components:\n  a: {type: Databse}\n")
    with pytest.raises(Refused, match=r"other.yaml:7: unknown component `Databse`"):
        loaded(little, "extends: other\n")


def test_all_mistakes_are_told_at_once(little: LittleMesh) -> None:
    body = "components:\n  a: {type: Databse}\n  b: {type: Database, sise: small}\n  c: {type: Ingest, sources: []}\n"
    with pytest.raises(Refused) as caught:
        loaded(little, body)
    assert [error.line for error in caught.value.errors] == [7, 8, 9]


def test_a_template_is_named_as_its_file(little: LittleMesh) -> None:
    little.write("templates/mine.yaml", HEAD.format(name="yours"))
    with pytest.raises(Refused, match=r"mine.yaml:3: template `yours` stands in mine.yaml"):
        load_template("mine", little.templates)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("size", "small", ""),
        ("size", "tiny", "can't be 'tiny'; it is one of small, medium, large"),
        ("packages", ["a==1"], ""),
        ("packages", [1], "is `requirements` of PythonJob: [1] stands where a list of a text is needed"),
        ("packages", "a==1", "wants array, got 'a==1'"),
        ("storage", 5, ""),
        ("storage", True, "wants integer, got True"),
        ("storage", float("nan"), "wants integer, got nan"),
    ],
)
def test_a_parameters_value_fits_what_takes_it(little: LittleMesh, name: str, value: Any, why: str) -> None:
    template = loaded(
        little,
        "parameters:\n  size: {type: string, enum: [small, medium, large], default: small}\n"
        "  packages: {type: array, default: []}\n  storage: {type: integer, default: 20}\n"
        "components:\n  d: {type: Database, size: '${parameters.size}', storage: '${parameters.storage}'}\n"
        "  j: {type: PythonJob, script: a.py, folder: '${product.folder}', requirements: '${parameters.packages}'}\n",
    )
    assert template.refuses(name, value) == why


@pytest.mark.parametrize("bound", [("minimum", 1, 0), ("maximum", 1, 2), ("minimum", 1, float("nan"))])
def test_bounds_hold_for_every_number(bound: tuple[str, float, float]) -> None:
    name, limit, value = bound
    assert "is at " in Parameter.model_validate({"type": "number", name: limit}).refuses(value)


def test_a_template_knows_what_it_takes_of_a_product(little: LittleMesh) -> None:
    assert load_template("table", little.templates).takes >= {"sources", "inputs", "contract", "schedule"}
    assert load_template("script", little.templates).takes == {"folder", "inputs"}


def test_parts_are_ordered_and_extended(little: LittleMesh) -> None:
    template = loaded(little, "extends: table@1\ncomponents:\n  more: {type: Bucket}\n")
    keys = list(template.parts)
    assert set(keys) == {"warehouse", "load", "more"}
    assert keys.index("warehouse") < keys.index("load")
    assert set(template.outputs) == {"tables"}
    assert template.reference == "mine@1.0.0"
    assert template.model.parameters["size"].default == "small"


def test_an_extending_template_replaces_and_takes_out(little: LittleMesh) -> None:
    template = loaded(
        little,
        "extends: table@1\ncomponents:\n  warehouse: {type: Bucket}\noutputs:\n  tables: null\n"
        "  files: {type: s3, from: '${load.tables}', prefix: raw/}\n",
    )
    assert template.parts["warehouse"].type == "Bucket"
    assert set(template.outputs) == {"files"}


def test_an_unknown_template_names_the_near_one(little: LittleMesh) -> None:
    with pytest.raises(UserError, match="there is no template `tabel`") as caught:
        load_template("tabel", little.templates)
    assert "did you mean `table`?" in str(caught.value)


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "templates").glob("*.yaml")), ids=lambda f: f.stem)
def test_ours_are_sound(file: Path) -> None:
    template = load_template(file.stem, file.parent)
    assert template.outputs
    assert all(parameter.description for parameter in template.model.parameters.values())
    assert all(output.description for output in template.outputs.values())
