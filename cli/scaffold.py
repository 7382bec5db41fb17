"""`mesh new`: a manifest to start from, one that is accepted as it stands."""

from __future__ import annotations

from cli import output, project
from components.errors import UserError
from components.names import ID
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
{parameters}sources:
  - {{name: example, file: example.csv}}
"""


def product(name: str, template: str) -> None:
    """Write stacks/<domain>/<product>.yaml and a file for it to load; never over an existing one."""
    current = project.here()
    domain, _, ident = name.partition("/")
    for part in (domain, ident):
        if not ID.fullmatch(part):
            raise UserError(f"`{name}` is no legal name", hint="<domain>/<product>: lower case, digits, single dashes")
    found = load_template(template, current.templates).model
    file = current.stacks / domain / f"{ident}.yaml"
    if file.exists():
        raise UserError("there is a manifest already", file=file)
    required = [(key, p) for key, p in found.parameters.items() if p.default is None]
    parameters = "parameters:\n" + "".join(f"  {key}: # {p.description}\n" for key, p in required) if required else ""
    folder = current.stacks / domain / ident
    folder.mkdir(parents=True, exist_ok=True)
    text = START.format(
        product=ident, domain=domain, template=template, major=found.version.split(".")[0], parameters=parameters
    )
    file.write_text(text, encoding="utf-8")
    (folder / "example.csv").write_text("id,name\n1,first\n2,second\n", encoding="utf-8")
    stack = current.stacks / f"Pulumi.{domain}-dev.yaml"
    if not stack.exists():
        stack.write_text("config:\n  meshwright:target: local\n", encoding="utf-8")
    output.out.print(f"wrote {file.relative_to(current.root)}\nnext: edit it, then `mesh up {domain}`", markup=False)
