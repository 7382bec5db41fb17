"""`mesh init stack`: the stack file of a domain on a target, and whether that target lets this machine in."""

from __future__ import annotations

import yaml

from cli import output, project
from components.errors import UserError, near
from components.targets import load
from stacks.domain import Domain, domains


def stack(domain: str, environment: str, target: str, settings: list[str], *, check: bool) -> None:
    """Write stacks/Pulumi.<domain>-<environment>.yaml, never over an existing one; then ask the target."""
    current = project.here()
    if domain not in (known := domains(current.stacks)):
        raise UserError(f"there is no domain `{domain}`", hint=near(domain, known))
    name, kind, values = f"{domain}-{environment}", load(target), dict(_setting(text) for text in settings)
    if missing := [key for key in kind.needs if key not in values]:
        given = " ".join(f"--set {key}={kind.needs[key]}" for key in missing)
        raise UserError(
            f"target {target} needs {' and '.join(f'`{key}`' for key in missing)}",
            hint=f"mesh init stack {domain} --target {target} {given}",
        )
    planned = Domain(name, stacks=current.stacks, templates=current.templates)
    wanted = kind(planned.settings({"target": target, **values}))
    wanted.refuse_unknown()
    file = current.stacks / f"Pulumi.{name}.yaml"
    config = {f"meshwright:{key}": value for key, value in {"target": target, **values}.items()}
    try:
        with file.open("x", encoding="utf-8") as stream:
            yaml.safe_dump({"config": config}, stream, sort_keys=False)
    except FileExistsError:
        raise UserError("there is a stack file already", file=file, hint=f"pulumi config set ... -s {name}") from None
    output.out.print(f"wrote {file.relative_to(current.root)}", markup=False)
    if check:
        wanted.authorised()
        output.out.print(f"{target} lets this machine in\nnext: `mesh preview {domain} -e {environment}`", markup=False)


def _setting(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"`{text}` is no setting", hint="write it as <name>=<value>, such as region=eu-west-1")
    return key.removeprefix("meshwright:"), yaml.safe_load(value)
