"""A little mesh of its own for each test, so that no test depends on the example mesh."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from components.errors import Refused, UserError
from stacks.domain import Domain

TODAY = datetime.date(2026, 11, 25)

MESH = """\
apiVersion: meshwright/v1
kind: Mesh
tenant: acme
owner: platform@example.org
environments:
  dev: {}
  prod: {enforced: true, protected: true}
"""

TABLE = """\
apiVersion: meshwright/v1
kind: Template
name: table
version: 1.2.0
description: Files loaded into PostgreSQL
parameters:
  size: {type: string, enum: [small, medium, large], default: small}
components:
  warehouse: {type: Database, size: "${parameters.size}"}
  load:
    type: Ingest
    into: ${warehouse}
    schema: ${product.schema}
    sources: ${product.sources}
    inputs: ${product.inputs}
    contract: ${product.contract}
    folder: ${product.folder}
    schedule: ${product.schedule}
outputs:
  tables: {type: sql, from: "${load.tables}"}
"""

SCRIPT = """\
apiVersion: meshwright/v1
kind: Template
name: script
version: 2.0.0
description: A Python script that reads ports and fills a database and a bucket
parameters:
  script: {type: string}
  storage: {type: integer, minimum: 1, maximum: 100, default: 20}
components:
  results: {type: Database, storage: "${parameters.storage}"}
  files: {type: Bucket}
  work:
    type: PythonJob
    script: ${parameters.script}
    folder: ${product.folder}
    inputs: ${product.inputs}
    database: ${results}
    bucket: ${files}
outputs:
  tables: {type: sql, from: "${work.tables}"}
  objects: {type: s3, from: "${work.objects}"}
"""

PRODUCT = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
description: A product
owner: {domain}@example.org
costCentre: {domain}-1
classification: internal
template: {template}
"""


class LittleMesh:
    """A project in a folder of the test's own: two templates, and the products a test writes."""

    def __init__(self, root: Path) -> None:
        self.root, self.stacks, self.templates = root, root / "stacks", root / "templates"
        self.write("Pulumi.yaml", "name: meshwright\nruntime: python\n")
        self.write("stacks/mesh.yaml", MESH)
        self.write("templates/table.yaml", TABLE)
        self.write("templates/script.yaml", SCRIPT)

    def write(self, path: str, text: str) -> Path:
        """A file of the project."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def product(self, name: str, more: str = "", *, template: str = "table") -> Path:
        """A manifest for `<domain>/<product>`, the lines of `more` at its end."""
        domain, _, ident = name.partition("/")
        text = PRODUCT.format(name=ident, domain=domain, template=template)
        return self.write(f"stacks/{domain}/{ident}.yaml", text + more)

    def table(self, name: str, more: str = "") -> Path:
        """A product that loads a file of its own and offers `tables`."""
        self.write(f"stacks/{name}/data.csv", "id\n1\n")
        return self.product(name, "sources: [{name: data, file: data.csv}]\n" + more)

    def domain(self, stack: str) -> Domain:
        """The domain of a stack, checked on TODAY."""
        return Domain(stack, stacks=self.stacks, templates=self.templates, today=TODAY)

    def mistakes(self, stack: str) -> list[UserError]:
        """All that is wrong with a stack's domain."""
        with pytest.raises((Refused, UserError)) as caught:
            self.domain(stack)
        value = caught.value
        return list(value.errors) if isinstance(value, Refused) else [value] if isinstance(value, UserError) else []

    def mistake(self, stack: str) -> str:
        """The only thing that is wrong, as the user reads it."""
        (error,) = self.mistakes(stack)
        return error.text()


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleMesh:
    """An empty mesh in the working directory: places read `stacks/...` in its errors."""
    monkeypatch.chdir(tmp_path)
    return LittleMesh(tmp_path)
