"""`mesh run`, `status`, `logs`: what runs, asked directly."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from cli import output, project
from cli.engine import resources
from components.errors import UserError, near
from stacks.domain import domains, stack_config

PATIENCE = 3.0
"""Seconds until a port counts as silent."""


def home_of(current: project.Project, stack: str) -> Path:
    """The data directory of a local stack."""
    from components.targets.local import state_home

    return Path(stack_config(stack, current.stacks).get("dataDirectory") or state_home() / stack)


def parts(name: str) -> tuple[str, str, str]:
    """Domain, product, rest (perhaps empty)."""
    domain, _, rest = name.partition("/")
    product, _, more = rest.partition("/")
    if not product:
        raise UserError(f"`{name}` names no product", hint="write <domain>/<product>")
    return domain, product, more


def run(name: str, environment: str) -> None:
    """Run the jobs of a product, or those whose name begins with the given part, in their order."""
    current = project.here()
    domain, product, job = parts(name)
    home = home_of(current, f"{domain}-{environment}")
    prefix = f"{product}--{job}" if job else f"{product}--"
    jobs = sorted(
        (folder.name for folder in (home / "jobs").glob("*") if (folder / "job.json").is_file()), key=lambda n: n
    )
    chosen = [j for j in jobs if j == prefix or j.startswith(prefix if prefix.endswith("--") else prefix + "--")]
    chosen = [j for j in chosen if job or not j.endswith("--role")]
    if not chosen:
        known = {j.removeprefix(f"{product}--").rpartition("--")[0] for j in jobs if j.startswith(f"{product}--")}
        raise UserError(
            f"there is no job `{name}` in {domain}-{environment}",
            hint=near(job, known) if known else f"mesh up {domain}",
        )
    runner = current.root / "providers" / "mesh" / "runner.py"
    for job_name in chosen:
        output.err.print(f"running {job_name}")
        started = time.time()
        code = subprocess.run(
            [sys.executable, str(runner), "run", str(home), job_name, "--by", "hand"], check=False
        ).returncode
        if code:
            output.err.print(
                f"[bold red]error:[/] {job_name} failed with code {code}; `mesh logs {domain}/{product}` shows more"
            )
            sys.exit(1)
        output.err.print(f"[green]✓[/] {job_name} in {time.time() - started:.1f} s")


def status(names: list[str], environment: str, *, as_json: bool) -> None:
    """Every process and port, asked now; code 1 where one is silent."""
    current = project.here()
    wanted = {name.partition("/")[0]: name.partition("/")[2] for name in names} or dict.fromkeys(
        domains(current.stacks), ""
    )
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda domain: resources(current, f"{domain}-{environment}"), wanted))
    rows: list[dict[str, Any]] = []
    for domain, state in zip(wanted, found, strict=True):
        for resource in state:
            name = resource["urn"].rsplit("::", 1)[-1]
            if wanted[domain] and name.split("--")[0] != wanted[domain]:
                continue
            for endpoint, (host, port, url) in endpoints(resource).items():
                rows.append(
                    {"domain": domain, "name": name, "endpoint": endpoint, "address": f"{host}:{port}", "url": url}
                )
    with ThreadPoolExecutor(16) as pool:
        for row, answer in zip(rows, pool.map(lambda r: probe(r["address"], r["url"]), rows), strict=True):
            row["healthy"], row["answer"] = answer
    if as_json:
        output.document(rows)
    else:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for title in ("", "process", "endpoint", "address", "answer"):
            table.add_column(title)
        for row in rows:
            mark = "[green]✓[/]" if row["healthy"] else "[red]✗[/]"
            table.add_row(mark, f"{row['domain']}/{row['name']}", row["endpoint"], row["address"], row["answer"])
        output.out.print(table if rows else "nothing runs")
    sys.exit(0 if all(row["healthy"] for row in rows) else 1)


def endpoints(resource: dict[str, Any]) -> dict[str, tuple[str, int, str]]:
    """Endpoint -> host, port, URL (for http) of a resource of the state."""
    outputs, kind = resource.get("outputs") or {}, resource["type"]
    if kind in ("mesh:index:PostgresServer", "mesh:index:ObjectStore") and "port" in outputs:
        return {"sql" if kind.endswith("Server") else "s3": (outputs["host"], int(outputs["port"]), "")}
    if kind == "mesh:index:Process":
        return {
            name: (
                entry["host"],
                int(entry["port"]),
                entry.get("url") or "" if str(entry.get("url", "")).startswith("http") else "",
            )
            for name, entry in (outputs.get("endpoints") or {}).items()
        }
    return {}


def probe(address: str, url: str) -> tuple[bool, str]:
    """Whether an address answers, and what."""
    host, _, port = address.rpartition(":")
    started = time.time()
    try:
        if url:
            with urlopen(url, timeout=PATIENCE) as answer:
                code = answer.status
            return code < 500, f"HTTP {code} in {(time.time() - started) * 1000:.0f} ms"
        with socket.create_connection((host, int(port)), PATIENCE):
            return True, f"connected in {(time.time() - started) * 1000:.0f} ms"
    except HTTPError as error:
        return error.code < 500, f"HTTP {error.code}"
    except (OSError, URLError) as error:
        return False, str(getattr(error, "reason", error))


def logs(name: str, environment: str, lines: int) -> None:
    """The last lines of every log of a product, or of one component."""
    current = project.here()
    domain, product, component = parts(name)
    home = home_of(current, f"{domain}-{environment}")
    prefix = f"{product}--{component}" if component else product
    files = sorted(
        file for file in (home / "logs").glob("*.log") if file.stem == prefix or file.stem.startswith(prefix + "--")
    )
    if not files:
        known = {file.stem.split("--")[0] for file in (home / "logs").glob("*.log")}
        raise UserError(f"there is no log of `{name}` in {domain}-{environment}", hint=near(product, known))
    for file in files:
        output.out.print(f"== {file.stem}", style="bold", markup=False)
        with file.open(errors="replace") as stream:
            for line in stream.readlines()[-lines:]:
                output.out.print(line.rstrip(), markup=False)
