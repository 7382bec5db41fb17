"""`mesh dashboards pull`: what was edited in Superset, back into the product's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cli import project
from cli.engine import resources
from cli.operate import parts
from components.errors import UserError
from stacks.domain import Domain


def pull(name: str, environment: str) -> None:
    """Fetch every dashboard that the manifest names; the program says what changed on disk."""
    current = project.here()
    domain, product, _ = parts(name)
    stack = f"{domain}-{environment}"
    found = Domain(stack, stacks=current.stacks, templates=current.templates)
    planned = next((p for p in found.products if p.name == product), None)
    if planned is None:
        raise UserError(f"domain `{domain}` has no product `{product}`")
    if not planned.written.model.dashboards:
        raise UserError(
            f"{domain}/{product} names no dashboards",
            file=planned.written.file,
            hint="add `dashboards: [dashboards/<name>]`",
        )
    url, password = superset(current, stack, product)
    script = Path(__file__).resolve().parent.parent / "components" / "programs" / "superset_pull.py"
    for folder in planned.written.model.dashboards:
        target = planned.written.folder / folder
        done = subprocess.run(
            [sys.executable, str(script), str(target), Path(folder).name],
            env={**os.environ, "SUPERSET_URL": url, "SUPERSET_USER": "admin", "SUPERSET_PASSWORD": password},
            check=False,
        )
        if done.returncode:
            sys.exit(1)


def superset(current: project.Project, stack: str, product: str) -> tuple[str, str]:
    """Address and administrator's password of the product's Superset, from the stack's state."""
    state = {(r["type"], r["urn"].rsplit("::", 1)[-1]): r for r in resources(current, stack, "--show-secrets")}
    for kind, name in state:
        if kind == "mesh:data:Superset" and name.split("--")[0] == product:
            web = state.get(("mesh:index:Process", f"{name}--web"))
            secret = state.get(("mesh:index:SecretValue", f"{name}--admin"))
            if web and secret:
                value = secret["outputs"]["value"]
                return web["outputs"]["endpoints"]["web"]["url"], json.loads(value["plaintext"]) if isinstance(
                    value, dict
                ) else value
    raise UserError(f"{product} runs no Superset in {stack}", hint=f"mesh up {stack.rpartition('-')[0]}")
