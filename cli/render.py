"""`mesh render`: what a manifest becomes on a target, without cloud, credentials or the Pulumi CLI."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli import output, project
from components.errors import UserError, near
from stacks.domain import Domain, domains, stack_config
from stacks.program import Program
from stacks.recording import Recorded
from stacks.render import below, records, tree


def render(what: str, environment: str, target: str, file: Path | None, *, as_json: bool) -> None:
    """Show the tree of components and resources; write them to `file` as the judges of targets read them."""
    current = project.here()
    domain, product = _meant(current, what)
    if domain not in (known := domains(current.stacks)):
        raise UserError(f"there is no domain `{domain}`", hint=near(domain, known))
    stack = f"{domain}-{environment}"
    values = stack_config(stack, current.stacks)
    if target:
        values["target"] = target
    planned = Domain(stack, stacks=current.stacks, templates=current.templates)
    have = [one.name for one in planned.products]
    if product and product not in have:
        raise UserError(f"domain `{domain}` has no product `{product}`", hint=near(product, have))
    graph: list[Recorded] = Program(planned, values).recorded()
    if product:
        graph = below(graph, product)
    if file is not None:
        try:
            file.write_text(json.dumps(records(graph, stack), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{file} can't be written: {error.strerror}") from None
        output.err.print(f"{len(graph)} resources written to {file}", markup=False)
    elif as_json:
        output.document(records(graph, stack))
    else:
        sys.stdout.write(tree(graph, {str(current.root): "<project>"}))


def _meant(current: project.Project, what: str) -> tuple[str, str]:
    """Domain and product of `domain`, `domain/product` or a manifest's path."""
    path = Path(what)
    if path.suffix in (".yaml", ".yml"):
        folder = path.resolve().parent
        if folder.parent != current.stacks.resolve():
            raise UserError(f"{what} is no manifest of this project", hint="manifests lie in stacks/<domain>/")
        return folder.name, path.stem
    domain, _, product = what.partition("/")
    return domain, product
