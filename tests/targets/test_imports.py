"""What is imported when a product is rendered: the chosen target's SDK, of it what is used, and nobody else's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.targets import TARGETS
from tests.stacks.test_snapshots import VALUES

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
SDKS = {
    "aws": "pulumi_aws",
    "azure": "pulumi_azure_native",
    "docker": "pulumi_docker",
    "kubernetes": "pulumi_kubernetes",
}
CLIENTS = ("boto3", "docker", "kubernetes", "azure.identity", "azure.mgmt")
"""Packages that ask the target itself; rendering asks nobody."""
RENDER = """\
import json, sys
from stacks.domain import Domain
from stacks.program import Program
graph = Program(Domain("flights-dev"), json.loads(sys.argv[1])).recorded()
print(json.dumps([sorted(sys.modules), sorted({resource.type for resource in graph})]))
"""
HELP = """\
import json, sys
sys.argv = ["mesh", "--help"]
from cli.main import main
try:
    main()
except SystemExit:
    print("\\n" + json.dumps(sorted(sys.modules)))
"""


def fresh(code: str, *words: str) -> Any:
    """The last line that a program of its own prints, as JSON."""
    run = [sys.executable, "-c", code, *words]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def services(modules: list[str], sdk: str) -> set[str]:
    """The parts of an SDK that are imported: its packages, by their first name."""
    parts = {name.split(".")[1] for name in modules if name.startswith(f"{sdk}.")}
    return {part for part in parts if f"{sdk}.{part}.outputs" in modules or f"{sdk}.{part}._inputs" in modules}


@pytest.mark.parametrize("target", TARGETS)
def test_only_the_chosen_sdk_and_of_it_what_is_used(target: str) -> None:
    modules, types = fresh(RENDER, json.dumps({"target": target, **VALUES[target]}))
    loaded = {sdk for sdk in SDKS.values() if sdk in modules}
    assert loaded == {SDKS[target]} & set(SDKS.values()) if target in SDKS else loaded == set()
    assert [name for name in CLIENTS if name in modules] == []
    if target in ("aws", "azure"):  # the others are small, or imported whole by their vendor
        used = {token.split(":")[1].split("/")[0] for token in types if token.split(":")[0] in ("aws", "azure-native")}
        assert services(modules, SDKS[target]) <= used


def test_help_imports_no_sdk_and_no_pulumi() -> None:
    modules = fresh(HELP)
    assert [name for name in (*SDKS.values(), *CLIENTS, "pulumi", "pydantic", "grpc") if name in modules] == []
