"""`mesh new`: a manifest to start from, one that is accepted as it stands."""

from __future__ import annotations

import pydantic
import yaml

from cli import output, project
from components.errors import UserError
from components.names import ID
from stacks.manifest import Manifest
from templates.template import load_template

START = """# yaml-language-server: $schema=../../docs/schemas/manifest.json
apiVersion: meshwright/v1
kind: DataProduct
name: {product}
version: 1.0.0
description: Say in a sentence what {product} offers
owner: {domain}@example.org
costCentre: {domain}
classification: internal
template: {template}@{major}
"""
SOURCES = "sources:\n  - {name: example, file: example.csv}\n"
SCRIPT = '"""Say what this script does."""\n\nprint("nothing yet")\n'


def product(name: str, template: str) -> None:
    """Write stacks/<domain>/<product>.yaml and a file for it to load; never over an existing one."""
    current = project.here()
    domain, _, ident = name.partition("/")
    for part in (domain, ident):
        if not ID.fullmatch(part):
            raise UserError(f"`{name}` is no legal name", hint="<domain>/<product>: lower case, digits, single dashes")
    found = load_template(template, current.templates)
    file, folder = current.stacks / domain / f"{ident}.yaml", current.stacks / domain / ident
    if file.exists():
        raise UserError("there is a manifest already", file=file)
    text = START.format(product=ident, domain=domain, template=template, major=found.model.version.split(".")[0])
    files: dict[str, str] = {}
    required = [key for key, parameter in found.model.parameters.items() if parameter.required]
    if required:
        text += "parameters:\n"
        for key in required:
            # The one parameter without a default that templates have today is the team's script.
            text += f"  {key}: {key}.py\n"
            files[f"{key}.py"] = SCRIPT
    if "sources" in found.takes:
        text += SOURCES
        files["example.csv"] = "id,name\n1,first\n2,second\n"
    try:
        Manifest.model_validate(yaml.safe_load(text))
    except pydantic.ValidationError as error:
        raise UserError(f"`{ident}` can't name a product: {error.errors()[0]['msg']}") from None
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    for name_, content in files.items():
        (folder / name_).write_text(content, encoding="utf-8")
    stack = current.stacks / f"Pulumi.{domain}-dev.yaml"
    if not stack.exists():
        stack.write_text("config:\n  meshwright:target: local\n", encoding="utf-8")
    output.out.print(f"wrote {file.relative_to(current.root)}\nnext: edit it, then `mesh up {domain}`", markup=False)
