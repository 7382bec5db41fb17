"""Our language host under the real Pulumi engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tools.conftest import Project

pytestmark = pytest.mark.engine

CHECKOUT = Path(__file__).resolve().parents[2]
HOST = CHECKOUT / "tools" / "language_host" / "pulumi-language-python"


@pytest.fixture(scope="module", autouse=True)
def our_host() -> None:
    """These tests are of our host: where the official one is installed there is nothing to test."""
    if (CHECKOUT / ".tools" / "bin" / "pulumi-language-python").resolve() != HOST:
        pytest.skip("the official Python language host is installed here")


def log(project: Project) -> list[str]:
    path = project.folder / "log"
    return path.read_text().split() if path.exists() else []


def seconds_of_an_up(project: Project) -> float:
    started = time.monotonic()
    project.up()
    return time.monotonic() - started


def test_preview_up_refresh_and_destroy_with_a_python_provider(project: Project) -> None:
    project.run("config", "set", "--secret", "word", "open sesame")
    assert "2 to create" in project.run("preview")
    assert log(project) == []

    project.up()
    assert [r["type"] for r in project.resources()] == [
        "pulumi:pulumi:Stack",
        "pulumi:providers:slow",
        "slow:index:Slow",
    ]
    assert json.loads(project.run("stack", "output", "--json", "--show-secrets")) == {"word": "open sesame"}
    assert "open sesame" not in project.run("stack", "export")
    assert "2 unchanged" in project.run("up", "--yes")

    project.run("refresh", "--yes", "--skip-preview")
    project.run("destroy", "--yes")
    assert project.resources() == []
    assert log(project) == ["creating", "created", "read", "deleted"]


def test_a_policy_pack_passes_and_blocks(project: Project) -> None:
    pack = {"PULUMI_OPTION_POLICY_PACK": "times"}
    assert "times" in project.up(**pack)
    assert log(project) == ["creating", "created"]

    project.run("config", "set", "seconds", "9")
    refused = project.up(code=1, **pack)
    assert refused.count("takes too long") == 1
    assert log(project) == ["creating", "created"]


def test_about_names_the_python_and_its_packages(project: Project) -> None:
    about = json.loads(project.run("about", "--json"))
    assert about["runtime"]["executable"] == str(CHECKOUT / ".venv" / "bin" / "python")
    assert re.fullmatch(r"3\.\d+\.\d+\S*", about["runtime"]["version"])
    names = {package["name"].lower().replace("_", "-") for package in about["dependencies"]}
    assert names
    assert "grpcio" not in names, "it is required by pulumi, so not a dependency of the program itself"


def test_automation_api(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulumi import automation as auto

    monkeypatch.setattr(os, "environ", project.environment.copy())
    stack = auto.select_stack("dev", work_dir=str(project.folder))
    kinds: set[str] = set()
    result = stack.up(on_event=lambda event: kinds.update(k for k, v in vars(event).items() if v is not None))
    assert result.summary.result == "succeeded"
    assert "resource_pre_event" in kinds
    stack.destroy()
    assert log(project) == ["creating", "created", "deleted"]


def test_automation_api_with_a_program_in_this_process(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import pulumi
    from pulumi import automation as auto

    monkeypatch.setattr(os, "environ", project.environment.copy())
    folder = project.folder / "inline"
    folder.mkdir()
    stack = auto.create_stack(
        "dev",
        project_name="inline",
        program=lambda: pulumi.export("answer", 42),
        opts=auto.LocalWorkspaceOptions(work_dir=str(folder)),
    )
    assert stack.up().outputs["answer"].value == 42


WAITING = """
    import time
    from pathlib import Path

    log = Path({log!r})
    try:
        log.write_text("waiting")
        time.sleep(60)
    finally:
        time.sleep(0.5)
        log.write_text("cleaned up")
"""


@pytest.mark.parametrize("where", ["provider", "program"])
def test_ctrl_c_in_the_middle_of_up(project: Project, where: str) -> None:
    program = (project.folder / "__main__.py").read_text()
    if where == "provider":
        project.run("config", "set", "seconds", "60")
    else:
        project.write(WAITING.format(log=str(project.folder / "log")))
    up = project.start("up", "--skip-preview", "--yes")
    assert project.wait_for(lambda: log(project) in (["creating"], ["waiting"]), 15)
    pressed = time.monotonic()
    project.press_ctrl_c(up)
    shown, _ = up.communicate(timeout=15)
    assert time.monotonic() - pressed < 30
    assert up.returncode != 0
    assert "KeyboardInterrupt" not in shown
    assert "Traceback" not in shown
    assert project.wait_for(lambda: not project.processes(), 1), project.processes()
    assert log(project) == (["creating", "cancelled"] if where == "provider" else ["cleaned", "up"])

    project.run("config", "set", "seconds", "0")
    project.write(program)
    project.up()
    assert len(project.resources()) == 3
    assert log(project)[-1] == "created"


def test_ctrl_c_ends_a_program_that_does_not_listen(project: Project) -> None:
    project.write("""
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        open("log", "w").write("waiting")
        time.sleep(60)
    """)
    up = project.start("up", "--skip-preview", "--yes")
    assert project.wait_for(lambda: log(project) == ["waiting"], 15)
    pressed = time.monotonic()
    project.press_ctrl_c(up)
    up.communicate(timeout=15)
    assert time.monotonic() - pressed < 30, "sooner than its 60 s"


def test_no_process_outlives_a_killed_engine(project: Project) -> None:
    project.run("config", "set", "seconds", "60")
    up = project.start("up", "--skip-preview", "--yes")
    assert project.wait_for(lambda: log(project) == ["creating"], 15)
    up.kill()
    up.communicate()
    assert project.wait_for(lambda: not project.processes(), 4), project.processes()


def test_a_traceback_is_shown_once(project: Project) -> None:
    project.write("""
        def deeper():
            raise LookupError("no such thing")
        deeper()
    """)
    shown = project.up(code=1)
    assert shown.count("LookupError: no such thing") == 1
    assert shown.count("Traceback") == 1
    assert 'raise LookupError("no such thing")' in shown
    assert "exited with code" not in shown


@pytest.mark.parametrize(
    "program, sentence",
    [
        ("import sys; sys.exit(32)", ""),
        ("import sys; sys.exit(3)", "The program exited with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "The program was ended by SIGKILL"),
        ("import pulumi; raise pulumi.RunError('not like this')", "not like this"),
        ("import absent_module", "No module named 'absent_module'"),
    ],
)
def test_how_a_program_fails(project: Project, program: str, sentence: str) -> None:
    project.write(program)
    shown = project.up(code=1).partition("Diagnostics:")[2]
    assert shown.count(sentence or "error") == bool(sentence)


def test_a_missing_environment_is_named(project: Project) -> None:
    settings = json.loads((project.folder / "Pulumi.yaml").read_text())
    settings["runtime"]["options"]["virtualenv"] = "not-there"
    (project.folder / "Pulumi.yaml").write_text(json.dumps(settings))
    shown = project.up(code=1)
    assert f"there is no Python environment in {project.folder / 'not-there'}" in shown


def test_a_daemon_that_keeps_the_output_open_delays_nothing(project: Project) -> None:
    without = seconds_of_an_up(project)
    daemon = 'import subprocess; subprocess.Popen(["sleep", "9"], start_new_session=True, env={})\n'
    for part in ("slow/__main__.py", "__main__.py"):
        path = project.folder / part
        path.write_text(daemon + path.read_text())
    assert seconds_of_an_up(project) - without < 3


def test_a_missing_language_feature_is_refused_in_words(project: Project) -> None:
    assert "installs nothing: run make install" in project.run("install", code=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_host_starts_fast_and_ends_at_once(number: signal.Signals) -> None:
    def start() -> tuple[subprocess.Popen[bytes], float]:
        started = time.monotonic()
        host = subprocess.Popen([HOST, "127.0.0.1:1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert host.stdout is not None
        assert int(host.stdout.readline()) > 0
        return host, time.monotonic() - started

    starts = []
    for _ in range(3):
        host, took = start()
        starts.append(took)
        asked = time.monotonic()
        host.send_signal(number)
        assert host.wait(timeout=5) == 0
        assert time.monotonic() - asked < 0.5
    assert min(starts) < 0.6, starts


def test_an_empty_up_is_fast(project: Project) -> None:
    project.write("import pulumi")
    took: list[float] = []
    while len(took) < 5 and min(took, default=9) > 4:  # again where other work takes the processor
        took.append(seconds_of_an_up(project))
    assert min(took) <= 4, took
