"""`--changed-since REF`: which products a git difference can affect."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from components.errors import Refused, UserError
from stacks.manifests import Manifests, manifest_files
from templates.document import load

EVERYTHING = ("components/", "policies/", "providers/", "stacks/mesh.yaml", "stacks/budgets.yaml", "pyproject.toml")
"""Prefixes of paths that every product depends on; Python files of stacks/ and templates/ are among them."""


def affected(root: Path, since: str, stacks: Iterable[str]) -> dict[str, frozenset[str]]:
    """Stack -> the products to check again; a stack that is missing is checked whole, an empty set is not checked.

    A product is affected by its manifest, its folder, its template (also one that extends another), its stack's file,
    and by a change of any product that it reads, however far up.
    """
    paths = changed(root, since)
    every = list(stacks)
    if any(path.startswith(EVERYTHING) or (path.endswith(".py") and "/" in path) for path in paths):
        return {}
    manifests = Manifests(root / "stacks", root / "templates")
    domains = sorted({file.parent.name for file in (root / "stacks").glob("*/*.yaml")})
    templates = _templates(root / "templates", paths)
    touched = {
        f"{domain}/{file.stem}"
        for domain in domains
        for file in manifest_files(root / "stacks" / domain)
        if any(
            path == f"stacks/{domain}/{file.name}" or path.startswith(f"stacks/{domain}/{file.stem}") for path in paths
        )
        or _template(file) in templates
    }
    reads = {
        written.name: {"/".join(port.parts[:2]) for port in written.model.input_ports}
        for domain in domains
        for written in manifests.of(domain).values()
    }
    while grown := {name for name, inputs in reads.items() if name not in touched and inputs & touched}:
        touched |= grown
    whole = {stack for stack in every if f"stacks/Pulumi.{stack}.yaml" in paths}
    return {
        stack: frozenset(name.split("/")[1] for name in touched if name.split("/")[0] == stack.rpartition("-")[0])
        for stack in every
        if stack not in whole
    }


def changed(root: Path, since: str) -> list[str]:
    """The paths that differ from `since`, committed or not, relative to the project."""
    words = ["git", "-C", str(root), "diff", "--name-only", "--relative", "--no-renames", since, "--"]
    others = ["git", "-C", str(root), "ls-files", "--others", "--exclude-standard"]
    found: list[str] = []
    for command in (words, others):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UserError("`--changed-since` needs git") from None
        if done.returncode:
            reason = [*done.stderr.strip().splitlines(), "it gave no reason"][0].removeprefix("fatal: ")
            raise UserError(
                f"git can't compare with `{since}`: {reason}",
                hint="in a pull request fetch the base first: `git fetch --depth=1 origin main`",
            )
        found += done.stdout.splitlines()
    return found


def _template(file: Path) -> str:
    """The template a manifest names; empty where it can't be read: its own change is what makes it checked."""
    try:
        data = load(file).data
    except Refused:
        return ""
    return str(data.get("template", "")).partition("@")[0] if isinstance(data, dict) else ""


def _templates(folder: Path, paths: Iterable[str]) -> set[str]:
    """The templates that changed, and those that extend them."""
    found = {Path(path).stem for path in paths if path.startswith("templates/") and path.endswith(".yaml")}
    extends = {}
    for file in folder.glob("*.yaml"):
        try:
            data = load(file).data
        except Refused:
            continue
        extends[file.stem] = str((data or {}).get("extends") or "").partition("@")[0]
    while grown := {name for name, base in extends.items() if name not in found and base in found}:
        found |= grown
    return found
