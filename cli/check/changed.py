"""`--changed-since REF`: which products a git difference can affect."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from components.errors import Refused, UserError
from stacks.manifests import Manifests, manifest_files
from templates.document import load

EVERYTHING = ("components/", "policies/", "providers/", "stacks/mesh.yaml", "stacks/budgets.yaml", "pyproject.toml")
"""Prefixes of paths that every product depends on; Python files of stacks/ and templates/ are among them."""


MANIFEST = re.compile(r"stacks/[^/]+/[^/.]+\.yaml")


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
    names = {w.file: w.model.name for domain in domains for w in manifests.of(domain).values()}
    # A manifest that was taken away, or can't be read, is known by its file alone.
    touched = {f"{Path(path).parent.name}/{Path(path).stem}" for path in paths if MANIFEST.fullmatch(path)}
    for domain in domains:
        for file in manifest_files(root / "stacks" / domain):
            if _template(file) in templates or any(_belongs(path, file) for path in paths):
                touched.add(f"{domain}/{names.get(file, file.stem)}")
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


def _belongs(path: str, manifest: Path) -> bool:
    """Whether a path is a manifest, or stands in its folder; without one the domain's folder holds its files."""
    domain = f"stacks/{manifest.parent.name}"
    if path == f"{domain}/{manifest.name}" or path.startswith(f"{domain}/{manifest.stem}/"):
        return True
    if not path.startswith(f"{domain}/") or manifest.with_suffix("").is_dir():
        return False
    head = path.split("/")[2]
    return not MANIFEST.fullmatch(path) and not (manifest.parent / f"{head}.yaml").is_file()


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
        extends[file.stem] = str(data.get("extends") or "").partition("@")[0] if isinstance(data, dict) else ""
    while grown := {name for name, base in extends.items() if name not in found and base in found}:
        found |= grown
    return found
