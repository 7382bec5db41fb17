"""CPU of the program's process in a preview of a large domain, against a program written by hand; one ratio a target.

Run from the project root: `.venv/bin/python benchmarks/preview.py [--products 100] [--runs 3] [TARGET ...]`. The two
programs run in turn; a figure is the median of the runs, a ratio that of the pairs (all five targets: 10 minutes).

Both programs register the same resources: types, names, parents, dependencies and inputs are taken from the recording
of our own. The one by hand is made of plain constructor calls of the SDKs, a function for a product that is called once
for each; it reads no manifest, checks nothing and prices nothing. Not the engine answers but a monitor in the same
process, as in the first preview of a stack: plain inputs come back, everything else is unknown. So gRPC and the
engine's own work, which are the same for both, are not in the figures; images are taken for pushed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
GOAL = 1.0
DOMAIN, STACK = "bench", "bench-dev"
VALUES: dict[str, dict[str, str]] = {
    "aws": {"region": "eu-west-1", "registry": "registry.example.org/mesh"},
    "azure": {"region": "westeurope", "registry": "example.azurecr.io/mesh"},
    "docker": {"dataDirectory": "/tmp/bench", "registry": "registry.example.org/mesh"},
    "kubernetes": {"registry": "registry.example.org/mesh"},
    "local": {"dataDirectory": "/tmp/bench"},
}
MESH = """\
apiVersion: meshwright/v1
kind: Mesh
tenant: bench
owner: bench@example.org
environments: {dev: {}}
"""
MANIFEST = """\
apiVersion: meshwright/v1
kind: DataProduct
name: {name}
description: For a benchmark
owner: bench@example.org
costCentre: bench
classification: internal
template: table@1
budget: {{monthly: 500, currency: USD}}
schedule: {{cron: "0 5 * * *"}}
sources: [{{name: data, file: data.csv}}]
"""


def product(number: int) -> str:
    """The name of the n-th product."""
    return f"p{number:03}"


def project(folder: Path, products: int) -> None:
    """A domain of so many tables."""
    stacks = folder / "stacks"
    (stacks / DOMAIN).mkdir(parents=True)
    (stacks / "mesh.yaml").write_text(MESH)
    (folder / "templates").symlink_to(ROOT / "templates")
    for number in range(products):
        name = product(number)
        (stacks / DOMAIN / f"{name}.yaml").write_text(MANIFEST.format(name=name))
        (stacks / DOMAIN / name).mkdir()
        (stacks / DOMAIN / name / "data.csv").write_text("id\n1\n")


def ours(folder: Path, target: str) -> Any:
    """Our program of the domain, and the target that takes its images for pushed."""
    from stacks.domain import Domain
    from stacks.program import Program

    domain = Domain(STACK, stacks=folder / "stacks", templates=folder / "templates")
    made = Program(domain, {"target": target, **VALUES[target]})
    made.kind.verify = lambda self: None  # type: ignore[method-assign]
    return made


def registered(program: Callable[[], None]) -> int:
    """Run a program as the engine's first preview would; how many resources it registered."""
    from google.protobuf import empty_pb2
    from pulumi.runtime import mocks
    from pulumi.runtime.proto import resource_pb2
    from pulumi.runtime.stack import run_pulumi_func

    class Monitor(mocks.MockMonitor):
        """Answers with the plain inputs, and counts."""

        count = 0

        def RegisterResource(self, request: Any) -> Any:
            self.count += 1
            urn = self.make_urn(request.parent, request.type, request.name)
            answer = resource_pb2.RegisterResourceResponse(urn=urn)
            for key, value in request.object.fields.items():
                if value.WhichOneof("kind") not in ("struct_value", "list_value"):
                    answer.object.fields[key].CopyFrom(value)
            return answer

        def RegisterResourceOutputs(self, request: Any) -> Any:
            return empty_pb2.Empty()

    class Nothing(mocks.Mocks):
        """Nobody asks it."""

        def new_resource(self, args: Any) -> Any:
            raise AssertionError(args)

        call = new_resource

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    monitor = Monitor(Nothing())
    mocks.set_mocks(Nothing(), "meshwright", STACK, preview=True, monitor=monitor)
    loop.run_until_complete(run_pulumi_func(lambda: program()))
    return monitor.count


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def child(kind: str, folder: Path, target: str, products: int) -> None:
    """One program in a process of its own; prints what it took."""
    if kind == "ours":  # what stacks/__main__.py does
        from stacks.engine import spare_collections, spare_stack_traces

        spare_collections()
        made = ours(folder, target)
        imported = cpu()
        spare_stack_traces()
        count = registered(made.run)
    else:
        written: dict[str, Any] = {}
        exec(compile((folder / f"{target}.py").read_text(), f"{target}.py", "exec"), written)
        imported = cpu()
        count = registered(lambda: written["main"](products))
    print(json.dumps({"resources": count, "imports": imported, "cpu": cpu()}))


def measured(kind: str, folder: Path, target: str, products: int) -> dict[str, float]:
    """What a child says."""
    words = [sys.executable, __file__, "--child", kind, "--folder", str(folder), "--products", str(products), target]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{kind} on {target}:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print a line a target, the worst ratio last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", default=list(VALUES))
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.folder, given.targets[0], given.products)
        return
    from benchmarks.by_hand import write

    ratios = {}
    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as name:
        folder = Path(name)
        project(folder, given.products)
        for target in given.targets:
            write(ours(folder, target).recorded(), product(0), product(1), folder / f"{target}.py")
            for kind in ("ours", "plain"):
                measured(kind, folder, target, 1)  # its byte code is there from now on
            kinds = ("ours", "plain")
            pairs = [[measured(kind, folder, target, given.products) for kind in kinds] for _ in range(given.runs)]
            own, plain = ({key: median(pair[side][key] for pair in pairs) for key in pairs[0][side]} for side in (0, 1))
            if own["resources"] != plain["resources"]:
                raise SystemExit(f"{target}: {own['resources']} resources against {plain['resources']}")
            ratios[target] = median(mine["cpu"] / theirs["cpu"] for mine, theirs in pairs)
            print(
                f"{target:11}{own['resources']:6.0f} resources  ours {own['cpu']:6.1f} s (imports {own['imports']:.1f})"
                f"  by hand {plain['cpu']:6.1f} s (imports {plain['imports']:.1f})  ratio {ratios[target]:.2f}",
                flush=True,
            )
    worst = max(ratios, key=lambda target: ratios[target])
    print(f"CPU of ours / by hand, worst target ({worst}): {ratios[worst]:.2f} (goal <= {GOAL:.1f})")


if __name__ == "__main__":
    main()
