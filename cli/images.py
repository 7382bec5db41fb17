"""`mesh images build`, `push`, `list`: the software of a stack as OCI images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli import output, project
from components.errors import UserError, near
from components.primitives import LOCKS, Software, locked
from stacks.domain import Domain, stack_config
from stacks.images import read_images, write_images
from stacks.program import Program
from tools.images.build import Builder
from tools.images.oci import Image, write_archive, write_layout
from tools.images.publish import Publisher, base_of, local_name, reference_of
from tools.images.registry import megabytes
from tools.images.store import Store


def build(names: list[str], stack: str, base: str, folder: Path | None, *, as_json: bool) -> None:
    """Make images on this machine: of a stack, of the named software, or of what both name."""
    if stack:
        values, software = of_stack(stack)
        chosen = named(names, software) if names else software
        base = base or base_of(values)
        registry = str(values["registry"])
    else:
        if not names:
            raise UserError("no software is named", hint="mesh images build -s STACK, or " + near("", locks()))
        chosen = named(names, tuple(locked(name) for name in locks()))
        base, registry = base or base_of({}), ""
    store = Store()
    builder = Builder(base, store, say)
    rows: list[dict[str, Any]] = []
    for one in chosen:
        started = time.monotonic()
        image: Image = builder.image(one)
        reference = reference_of(registry, one) if registry else local_name(one)
        path = write_archive(image, store, reference, folder) if folder else write_layout(image, store, reference)
        rows.append(
            {
                "software": one.name,
                "reference": reference,
                "digest": image.digest,
                "bytes": image.size,
                "ownBytes": image.layers[-1].size,
                "seconds": round(time.monotonic() - started, 1),
                "path": str(path),
            }
        )
    shown = [(r["software"], r["digest"], megabytes(r["bytes"]), megabytes(r["ownBytes"]), r["path"]) for r in rows]
    _show(rows, ("software", "digest", "size", "of it ours", "path"), shown, as_json)


def push(stack: str, *, as_json: bool) -> None:
    """Bring a stack's images into its registry, and their digests into stacks/images.yaml."""
    current = project.here()
    values, software = of_stack(stack)
    publisher = _publisher(values, current)
    rows = []
    for published in publisher.publish(software):
        # Written one by one: what was pushed stays known, also where a later one fails.
        write_images(current.stacks, {published.key: published.digest})
        rows.append(
            {
                "software": published.software,
                "reference": published.reference,
                "digest": published.digest,
                "new": published.new,
            }
        )
    _show(
        rows,
        ("state", "software", "image"),
        [("pushed" if r["new"] else "there", r["software"], r["reference"]) for r in rows],
        as_json,
    )
    output.err.print(f"[green]✓[/] stacks/images.yaml names every image of {stack} ({len(rows)}); commit it")


def list_(stack: str, *, as_json: bool) -> None:
    """Which images a stack runs, and whether its registry has them."""
    values, software = of_stack(stack)
    publisher = _publisher(values, project.here())
    rows = []
    for one in software:
        reference, digest = publisher.reference(one), publisher.digest(one)
        state = "not pushed" if not digest else "pushed" if publisher.there(one, digest) else "not in the registry"
        rows.append({"software": one.name, "reference": reference, "digest": digest or None, "state": state})
    _show(rows, ("state", "software", "image"), [(r["state"], r["software"], r["reference"]) for r in rows], as_json)


def of_stack(stack: str) -> tuple[dict[str, Any], tuple[Software, ...]]:
    """The configuration of a stack, and the software that it runs as images."""
    current = project.here()
    domain = Domain(stack, stacks=current.stacks, templates=current.templates)
    values = stack_config(stack, current.stacks)
    program = Program(domain, values)
    software = program.software()
    if not software:
        raise UserError(
            f"stack {stack} runs on {program.kind.name}, which takes no images", hint="nothing has to be pushed"
        )
    return values, software


def locks() -> list[str]:
    """The names of all software that has a lock."""
    return sorted(file.stem for file in LOCKS.glob("*.txt"))


def named(names: list[str], software: tuple[Software, ...]) -> tuple[Software, ...]:
    """Those of `software` that have one of the names."""
    known = {one.name for one in software}
    for name in names:
        if name not in known:
            raise UserError(f"there is no software `{name}`", hint=near(name, known))
    return tuple(one for one in software if one.name in names)


def say(line: str) -> None:
    """Progress, on stderr."""
    output.err.print(line, markup=False, style="dim")


def _publisher(values: dict[str, Any], current: project.Project) -> Publisher:
    builder = Builder(base_of(values), Store(), say)
    return Publisher(str(values["registry"]), builder, read_images(current.stacks))


def _show(rows: list[dict[str, Any]], titles: Sequence[str], cells: Sequence[Sequence[Any]], as_json: bool) -> None:
    """Columns that are never cut: digests are there to be copied."""
    if as_json:
        output.document(rows)
        return
    lines = [titles, *cells]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(titles))]
    for line in lines:
        text = "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        output.out.print(text, markup=False, style="bold" if line is titles else "")
