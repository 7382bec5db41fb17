"""A copy of the checkout with domains of the test's own in place of the example's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.example.running import Running, copy_of_checkout

HEAD = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
description: A product of the tests
owner: tests@example.org
costCentre: tests
classification: internal
budget: {{monthly: 100, currency: USD}}
"""


def copy_without_products(folder: Path) -> Running:
    """The copy, without any domain."""
    made = copy_of_checkout(folder / "checkout", folder / "state")
    stacks = made.root / "stacks"
    for domain in ("weather", "flights"):
        subprocess.run(["rm", "-r", str(stacks / domain), str(stacks / f"Pulumi.{domain}-dev.yaml")], check=True)
    return made


def stack(running: Running, domain: str, *settings: str, environment: str = "dev") -> None:
    """Write the stack file of a domain: `target: local` and the like."""
    (running.root / "stacks" / domain).mkdir(exist_ok=True)
    lines = "".join(f"  meshwright:{setting}\n" for setting in settings)
    (running.root / "stacks" / f"Pulumi.{domain}-{environment}.yaml").write_text(f"config:\n{lines}")


def product(running: Running, name: str, more: str, **files: str) -> None:
    """Write the manifest of `<domain>/<product>`, `more` at its end, and its files; `orders_csv` is `orders.csv`."""
    domain, _, ident = name.partition("/")
    folder = running.root / "stacks" / domain / ident
    folder.mkdir(exist_ok=True)
    folder.with_suffix(".yaml").write_text(HEAD.format(name=ident) + more)
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)
