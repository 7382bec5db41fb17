"""How fast `mesh check` is, against checkov on as many Terraform resources in the same run.

Run from the project root: `.venv/bin/python benchmarks/check.py` (checkov is installed into a cache the first time).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MESH = str(Path(sys.executable).parent / "mesh")
CHECKOV = "checkov==3.3.30"
DOMAINS, EACH = 10, 100
LARGE = 5
"""Times as many products, to see whether it stays linear."""
MANIFEST = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
version: 1.0.0
description: One of many
owner: {domain}@example.org
costCentre: {domain}
classification: internal
template: table@1
parameters: {{size: small}}
budget: {{monthly: 500, currency: USD}}
sources:
  - {{name: orders, file: orders.csv}}
outputPorts:
  - name: tables
    schema:
      - name: orders
        properties: [{{name: id, logicalType: integer}}, {{name: day, logicalType: date}}]
"""
MESH_FILE = """\
apiVersion: meshwright/v1
kind: Mesh
tenant: bench
owner: platform@example.org
environments: {dev: {}}
"""


@dataclass(frozen=True)
class Run:
    """A process that ended: `wall` and `cpu` in seconds, `memory` in MiB (its largest process), what it said."""

    wall: float
    cpu: float
    memory: float
    said: str


def run(words: list[str], folder: Path, environment: dict[str, str] | None = None) -> Run:
    """A command, watched by a process of its own, so that each has its own account."""
    watch = (
        "import json, resource, subprocess, sys, time; start = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]));"
        "sys.stdout.flush(); sys.stdout.buffer.write(done.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch, *words],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    figures, _, said = done.stdout.partition("\n")
    wall, cpu, memory = json.loads(figures)
    return Run(wall, cpu, memory, said)


def mesh(folder: Path, domains: int, each: int) -> Path:
    """A project of `domains` x `each` products on target local."""
    root = folder / f"mesh-{domains * each}"
    shutil.copytree(ROOT / "templates", root / "templates", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    stacks = root / "stacks"
    stacks.mkdir()
    (root / "Pulumi.yaml").write_text("name: meshwright\nruntime: python\n")
    (stacks / "mesh.yaml").write_text(MESH_FILE)
    for number in range(domains):
        domain = f"domain-{number}"
        (stacks / f"Pulumi.{domain}-dev.yaml").write_text("config:\n  meshwright:target: local\n")
        for index in range(each):
            product = stacks / domain / f"product-{index}"
            product.mkdir(parents=True)
            (product / "orders.csv").write_text("id,day\n1,2026-01-01\n")
            product.with_suffix(".yaml").write_text(MANIFEST.format(name=product.name, domain=domain))
    return root


def terraform(folder: Path, count: int) -> Path:
    """As many resources of the kinds that a data product has, as Terraform JSON: what checkov reads fastest."""
    kinds = {
        "aws_s3_bucket": {"bucket": "b-{}", "tags": {"owner": "o"}},
        "aws_db_instance": {"identifier": "d-{}", "instance_class": "db.t4g.micro", "storage_encrypted": True},
        "aws_iam_role": {"name": "r-{}", "assume_role_policy": "{{}}"},
        "aws_secretsmanager_secret": {"name": "s-{}"},
        "aws_security_group": {"name": "g-{}", "vpc_id": "vpc-1"},
    }
    made: dict[str, dict[str, object]] = {kind: {} for kind in kinds}
    for number in range(count):
        kind = list(kinds)[number % len(kinds)]
        made[kind][f"n{number}"] = json.loads(json.dumps(kinds[kind]).replace("{}", str(number)))
    root = folder / f"terraform-{count}"
    root.mkdir()
    (root / "main.tf.json").write_text(json.dumps({"resource": made}))
    return root


def checkov() -> str:
    """The program, in an environment of its own."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshwright" / "benchmarks" / CHECKOV
    program = cache / "bin" / "checkov"
    if not program.exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(cache)], check=True)
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", str(cache / "bin" / "python"), CHECKOV], check=True
        )
    return str(program)


def main() -> None:
    """Print each figure with its goal; the ratio last."""
    judge = checkov()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        thousand, one = mesh(folder, DOMAINS, EACH), mesh(folder, 1, 1)
        run([MESH, "check"], one)  # what is compiled once
        single = run([MESH, "check"], one)
        ours = run([MESH, "check", "--json"], thousand)
        resources = int(json.loads(ours.said)["resources"])
        print(f"one product: {single.cpu:.2f} CPU s (goal: at most 1.0)")
        print(f"{DOMAINS * EACH} products, {resources} resources: {ours.wall:.2f} s wall, {ours.cpu:.2f} CPU s", end="")
        print(f", {ours.memory:.0f} MiB a process (goal: 10,000 resources in 3 s, below 1 GiB)")
        large = run([MESH, "check", "--json"], mesh(folder, DOMAINS * LARGE, EACH))
        many = int(json.loads(large.said)["resources"])
        growth = (large.cpu / many) / (ours.cpu / resources)
        print(f"{many} resources: {large.wall:.2f} s wall, {large.memory:.0f} MiB a process; CPU a resource ", end="")
        print(f"{growth:.2f} times that of {resources} (goal: at most 1.1)")
        theirs = run([judge, "--compact", "--quiet", "-d", "."], terraform(folder, resources))
        rates = resources / ours.wall, resources / theirs.wall
        print(f"resources a second: mesh check {rates[0]:.0f}, checkov {rates[1]:.0f} ({theirs.wall:.0f} s)")
        print(f"ratio {rates[0] / rates[1]:.1f} (goal: at least 50)")


if __name__ == "__main__":
    main()
