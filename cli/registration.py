"""`mesh catalogue`: reconcile with what runs, list, serve."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from cli import output, project
from cli.engine import query
from components.errors import UserError


def location(current: project.Project) -> str | Path:
    """The catalogue: `MESH_CATALOGUE_URL`, or a file beside the state."""
    return os.environ.get("MESH_CATALOGUE_URL") or current.state / "catalogue.sqlite"


def store(current: project.Project) -> Any:
    """The catalogue, opened."""
    from catalogue.store import Store

    return Store(location(current))


def reconcile(current: project.Project, stack: str) -> list[str]:
    """Make the catalogue agree with a stack; a line for each thing that changed or was refused."""
    from concurrent.futures import ThreadPoolExecutor

    from catalogue.register import RegistrationError, from_pulumi, register

    with ThreadPoolExecutor(2) as pool:
        history = pool.submit(query, current, "stack", "history", "--json", "-s", stack)
        outputs = pool.submit(query, current, "stack", "output", "--json", "-s", stack)
        past, exported = history.result(), outputs.result()
    if past is None:
        raise UserError(f"there is no stack {stack}", hint=f"`mesh up {stack.rpartition('-')[0]}` makes it")
    try:
        with store(current) as opened:
            done = register(opened, stack, from_pulumi(past, exported or {}))
    except RegistrationError as error:
        return [f"{stack}: {error}"]
    lines = [f"registered {urn}" for urn in done.registered]
    lines += [f"changed {urn}" for urn in done.changed]
    lines += [f"retired {urn}" for urn in done.retired]
    lines += [f"gone {urn}" for urn in done.tombstoned]
    lines += [f"refused {refusal.what}: {refusal.why}" for refusal in done.refused]
    return [*lines, done.note] if done.note else lines


def register(stacks: list[str], *, as_json: bool) -> None:
    """Reconcile the named stacks, or all of the backend."""
    current = project.here()
    names = stacks or [entry["name"] for entry in query(current, "stack", "ls", "--json") or []]
    lines = {name: reconcile(current, name) for name in names}
    if as_json:
        output.document(lines)
    else:
        for name, found in lines.items():
            for line in found or [f"{name}: the catalogue agrees already"]:
                output.out.print(line, markup=False)
    if any(line.startswith("refused ") for found in lines.values() for line in found):
        sys.exit(1)


def show(urn: str, *, as_json: bool) -> None:
    """The products, or one."""
    from catalogue.record import AddressError, parse_urn
    from stacks.manifest import read_mesh

    current = project.here()
    with store(current) as opened:
        entries = opened.entries()
    if urn:
        try:
            wanted = parse_urn(urn, tenant=read_mesh(current.stacks).tenant).product_urn
        except AddressError as error:
            raise UserError(str(error)) from None
        entries = [entry for entry in entries if entry.urn == wanted]
        if not entries:
            raise UserError(f"the catalogue has no product {wanted}", hint="`mesh catalogue show` lists them")
    if as_json or urn:
        output.document([{"state": entry.state, **entry.content} for entry in entries])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("product", "environment", "state", "owner", "ports"):
        table.add_column(title)
    for entry in entries:
        record = entry.content
        ports = ", ".join(f"{port['name']} ({port['protocol']})" for port in record["ports"])
        table.add_row(
            f"{record['domain']}/{record['name']}", record["environment"], entry.state, record["owner"], ports
        )
    output.out.print(table)


def serve(host: str, port: int) -> None:
    """Serve until Ctrl-C."""
    from catalogue import app

    def ready(address: str) -> None:
        output.err.print(f"catalogue on {address} (Ctrl-C ends it)", markup=False)

    try:
        app.serve(location(project.here()), host=host, port=port, ready=ready)
    except app.ListenError as error:
        raise UserError(str(error), hint="`--host 127.0.0.1 --port 0` takes a free port of this machine") from None
