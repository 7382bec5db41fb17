"""CPU of the policy pack's process: to start, and for each resource of a preview and of an `up`.

Run from the project root: `.venv/bin/python benchmarks/pack.py [--resources 2000] [--target aws] [--profile FILE]`.

The process is started as the engine's language host does it and asked over its gRPC interface what the engine asks:
Remediate and Analyze for each resource, AnalyzeStack at the end. The resources are those of a recorded domain of ours,
repeated. What nothing could beat is measured in the same run: a pack of the Pulumi SDK with one policy that does
nothing. CPU seconds are those of the pack's process alone, by the kernel's count.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
PACK = ROOT / "policies"
START, EACH = 1.5, 2.0
"""The goal: CPU seconds to start, CPU milliseconds for each resource."""
EMPTY = """\
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

PolicyPack("empty", [ResourceValidationPolicy("nothing", "Does nothing", lambda args, report: None)])
"""
PROFILED = """\
import cProfile, runpy, signal, sys
profile = cProfile.Profile()
def end(*_):
    profile.dump_stats({file!r})
    sys.exit()
signal.signal(signal.SIGTERM, end)
sys.argv = ["pulumi.policy", *sys.argv[1:]]
import concurrent.futures.thread as pool
inner = pool._WorkItem.run
pool._WorkItem.run = lambda self: profile.runcall(inner, self)
runpy.run_module("pulumi.policy", run_name="__main__")
"""
SIGNATURE, SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def requests(target: str, count: int, preview: bool) -> list[Any]:
    """So many resources of a domain of ours as the engine sends them; in a preview what nobody knows yet is unknown."""
    from pulumi.runtime.proto import analyzer_pb2
    from pulumi_policy.deserialize import serialize_properties
    from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

    from benchmarks.preview import STACK, ours, project
    from stacks.recording import COMPUTED, SECRET
    from stacks.render import records

    def sent(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: sent(item) for key, item in value.items()}
        if isinstance(value, list):
            return [sent(item) for item in value]
        if value == SECRET:
            return {SIGNATURE: SECRET_SIGNATURE, "value": "only a benchmark"}
        if value == COMPUTED or (isinstance(value, str) and "${urn:" in value):
            return UNKNOWN_STRING_VALUE if preview else "arn:aws:thing:eu-west-1:123456789012:known-now"
        return value

    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as name:
        project(Path(name), 5)
        graph = records(ours(Path(name), target).recorded(), STACK)
    made = []
    for number in range(count):
        one = graph[number % len(graph)]
        request = analyzer_pb2.AnalyzeRequest(
            type=one["type"], urn=f"{one['urn']}-{number}", name=f"{one['name']}-{number}"
        )
        request.properties.update(serialize_properties(sent(one["inputs"])))
        request.options.protect = bool(one["protect"])
        request.options.parent = one["parent"] or ""
        made.append(request)
    return made


@contextmanager
def running(pack: Path, profile: Path | None) -> Iterator[tuple[Any, Callable[[], float]]]:
    """A pack's process as the language host starts it: its interface, and its CPU seconds so far."""
    import grpc
    import psutil
    from pulumi.runtime.proto import analyzer_pb2_grpc

    how = ["-c", PROFILED.format(file=str(profile))] if profile else ["-m", "pulumi.policy"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-u", *how, "127.0.0.1:0", str(pack)], cwd=pack, env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        port = process.stdout.readline().decode().strip()
        if not port:
            raise SystemExit(f"{pack}: the pack did not start")
        of_process = psutil.Process(process.pid)

        def cpu() -> float:
            used = of_process.cpu_times()
            return float(used.user + used.system)

        with grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        ) as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel), cpu
    finally:
        process.terminate()
        process.wait()


def measured(pack: Path, sent: list[Any], preview: bool, profile: Path | None = None) -> tuple[float, float]:
    """CPU seconds to start, and CPU milliseconds a resource."""
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import analyzer_pb2

    with running(pack, profile) as (stub, cpu):
        stub.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(stack="bench-dev", dry_run=preview))
        stub.GetAnalyzerInfo(empty_pb2.Empty())
        start = cpu()
        for request in sent:
            with suppress(grpc.RpcError):  # which a pack need not offer
                stub.Remediate(request)
            stub.Analyze(request)
        whole = analyzer_pb2.AnalyzeStackRequest()
        for request in sent:
            one = whole.resources.add(type=request.type, urn=request.urn, name=request.name)
            one.properties.CopyFrom(request.properties)
        stub.AnalyzeStack(whole)
        return start, (cpu() - start) * 1000 / len(sent)


def main() -> None:
    """Measure both packs in both ways; the goal last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--resources", type=int, default=2000)
    parser.add_argument("--target", default="aws")
    parser.add_argument("--profile", type=Path, help="Write cProfile's data of our pack's `up`; no figures then.")
    given = parser.parse_args()
    if given.profile:
        measured(PACK, requests(given.target, given.resources, preview=False), False, given.profile)
        return
    starts, eaches = [], []
    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as name:
        empty = Path(name)
        (empty / "__main__.py").write_text(EMPTY)
        for kind in ("preview", "up"):
            sent = requests(given.target, given.resources, kind == "preview")
            for pack in (empty, PACK):
                measured(pack, sent[:1], kind == "preview")  # its byte code is there from now on
            nothing, own = (measured(pack, sent, kind == "preview") for pack in (empty, PACK))
            starts.append(own[0])
            eaches.append(own[1])
            print(
                f"{kind:8}{len(sent):6} resources  ours {own[0]:.2f} s to start, {own[1]:.2f} ms each"
                f"  empty {nothing[0]:.2f} s, {nothing[1]:.2f} ms"
                f"  ratio {own[0] / nothing[0]:.2f}, {own[1] / nothing[1]:.2f}",
                flush=True,
            )
    print(f"CPU of the pack: {max(starts):.2f} s + {max(eaches):.2f} ms each (goal <= {START} s + {EACH} ms)")


if __name__ == "__main__":
    main()
