"""Small Pulumi projects on the real engine, each in a folder of its own."""

import json
import os
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = CHECKOUT / ".tools" / "bin"

PROVIDER = '''
"""A resource that takes `seconds`, and leaves a line in `log` at every step."""
import asyncio
import sys
from pathlib import Path
from pulumi.provider.experimental import provider as p
from pulumi.provider.experimental.server import main

class Slow(p.Provider):
    cancelled = False

    async def check(self, request):
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request):
        return p.DiffResponse(changes=request.old_state != request.new_inputs)

    async def create(self, request):
        if not request.preview:
            note(request.properties, "creating")
            for _ in range(int(request.properties["seconds"].value * 20)):
                if self.cancelled:
                    note(request.properties, "cancelled")
                    raise RuntimeError("cancelled while it was created")
                await asyncio.sleep(0.05)
            note(request.properties, "created")
        return p.CreateResponse(resource_id="slow", properties=request.properties)

    async def update(self, request):
        return p.UpdateResponse(properties=request.news)

    async def read(self, request):
        note(request.properties, "read")
        return p.ReadResponse(resource_id=request.resource_id, properties=request.properties, inputs=request.inputs)

    async def delete(self, request):
        note(request.properties, "deleted")

    async def cancel(self):
        self.cancelled = True

def note(properties, word):
    with Path(properties["log"].value).open("a") as log:
        log.write(word + chr(10))

if __name__ == "__main__":
    main(sys.argv[1:], "1.0.0", Slow())
'''

POLICIES = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

def quick(args, report):
    if args.resource_type == "slow:index:Slow" and args.props["seconds"] > 5:
        report("takes too long")

PolicyPack("times", enforcement_level=EnforcementLevel.MANDATORY,
           policies=[ResourceValidationPolicy(name="quick", description="Nothing slow", validate=quick)])
"""

PROGRAM = """
import pulumi

class Slow(pulumi.CustomResource):
    def __init__(self, name, **props):
        super().__init__("slow:index:Slow", name, props)

config = pulumi.Config()
Slow("one", seconds=config.require_int("seconds"), log=config.require("log"))
pulumi.export("word", config.get_secret("word"))
"""


@dataclass(frozen=True)
class Project:
    """A project with one stack, `dev`, and the environment that plain `pulumi` needs for it."""

    folder: Path
    environment: dict[str, str]

    def write(self, program: str) -> None:
        (self.folder / "__main__.py").write_text(textwrap.dedent(program))

    def run(self, *words: str, code: int = 0, **environment: str) -> str:
        """Output of `pulumi WORDS`, which must end with `code`."""
        ran = subprocess.run(
            [TOOLS / "pulumi", *words, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert ran.returncode == code, ran.stdout
        return ran.stdout

    def up(self, **expect: Any) -> str:
        return self.run("up", "--skip-preview", "--yes", **expect)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The same in a process group of its own, as a shell starts it."""
        return subprocess.Popen(
            [TOOLS / "pulumi", *words, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def resources(self) -> list[dict[str, Any]]:
        state = json.loads(self.run("stack", "export"))
        found: list[dict[str, Any]] = state["deployment"].get("resources", [])
        return found

    def processes(self) -> list[str]:
        """Command lines of all that still run and carry this project's environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("PULUMI_HOME") == self.environment["PULUMI_HOME"]:
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    @staticmethod
    def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (met := condition()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return met

    @staticmethod
    def press_ctrl_c(process: "subprocess.Popen[str]") -> None:
        """As a terminal does: to the process group in the foreground, which is the CLI's."""
        os.killpg(process.pid, signal.SIGINT)


@pytest.fixture(scope="session")
def pulumi() -> Path:
    if not (TOOLS / "pulumi").exists():
        pytest.fail(f"no pulumi in {TOOLS}: run python3 tools/install.py")
    return TOOLS / "pulumi"


@pytest.fixture
def project(tmp_path: Path, pulumi: Path) -> Iterator[Project]:
    """A project whose program makes one resource by a Python provider, its stack not yet filled."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    runtime = {"name": "python", "options": {"virtualenv": str(CHECKOUT / ".venv")}}
    plugins = {"providers": [{"name": "slow", "path": "slow"}]}
    files = {
        "passphrase": "a passphrase",
        "Pulumi.yaml": json.dumps({"name": "small", "runtime": runtime, "plugins": plugins}),
        "Pulumi.dev.yaml": json.dumps({"config": {"small:seconds": "0", "small:log": str(tmp_path / "log")}}),
        "slow/PulumiPlugin.yaml": json.dumps({"runtime": runtime}),
        "slow/__main__.py": PROVIDER,
        "times/PulumiPolicy.yaml": json.dumps({"runtime": runtime, "version": "1.0.0"}),
        "times/__main__.py": POLICIES,
        "__main__.py": PROGRAM,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "home").mkdir()
    it = Project(tmp_path, environment)
    it.run("stack", "init", "dev")
    yield it
    assert it.wait_for(lambda: not it.processes(), 3), f"still running: {it.processes()}"
