"""Processes: started, watched, changed in place, healed, removed; driven without the engine."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from providers.mesh import marked
from providers.mesh.home import Home, tail
from providers.mesh.kind import Operation
from providers.mesh.masks import Masks
from providers.mesh.refusal import Cancelled, Refusal
from providers.mesh.supervisor import RUNNING, Supervisor

pytestmark = pytest.mark.processes

SERVE = [sys.executable, "-m", "http.server", "--bind", "{{http.host}}", "{{http.port}}"]
HTTP = {"http": {"protocol": "http", "health": "/"}}


def pids(home: Home, name: str = "web") -> set[int]:
    return set(marked.find(marked.PROCESS, home.path, name))


def within(seconds: float, what: Any) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def web(made: Any, **inputs: Any) -> Any:
    return made("Process", **{"name": "web", "command": SERVE, "endpoints": HTTP, **inputs})


def test_life(home: Home, made: Any) -> None:
    process = web(made, variables={"BRACES": "{{other}} {x}"}, files={"etc/a.txt": "port {{http.port}}"}).create()
    address = process.state["endpoints"]["http"]
    assert urllib.request.urlopen(address["url"]).status == 200
    assert process.dead is None
    assert (home.run("web") / "files/etc/a.txt").read_text() == f"port {address['port']}"
    (pid,) = pids(home)
    assert b"BRACES={{other}} {x}" in Path(f"/proc/{pid}/environ").read_bytes()

    process.update(tags={"owner": "me"}, cpu=2)
    assert pids(home) == {pid}, "what the process does not see restarts nothing"
    process.update(variables={"NEW": "1"})
    assert pids(home) != {pid}
    assert process.state["endpoints"]["http"] == address, "ports are kept"

    (pid,) = pids(home)
    os.kill(pid, signal.SIGKILL)
    assert within(10, lambda: pids(home) - {pid} and process.dead is None), "supervisor starts it again"

    process.delete()
    assert not pids(home)
    assert [path.name for path in home.path.iterdir()] == ["logs"]
    process.delete()  # twice is no error


def test_dead_without_autorestart_is_healed(home: Home, made: Any) -> None:
    process = web(made, autorestart=False).create()
    os.kill(next(iter(pids(home))), signal.SIGKILL)
    assert within(5, lambda: process.dead is not None)
    process.update()
    assert process.dead is None


@pytest.mark.parametrize("survivors", [True, False], ids=["supervisor killed", "all killed"])
def test_killed_supervisor(home: Home, made: Any, survivors: bool) -> None:
    process = web(made).create()
    (old,) = pids(home)
    address = process.state["endpoints"]
    os.kill(int((home.path / "supervisor/supervisord.pid").read_text()), signal.SIGKILL)
    if not survivors:
        os.kill(old, signal.SIGKILL)
    assert within(5, lambda: process.dead is not None)
    process.update()
    assert process.dead is None
    assert len(pids(home)) == 1
    assert pids(home) != {old}
    assert process.state["endpoints"] == address


def test_never_healthy_shows_its_last_lines_without_secrets(home: Home, made: Any) -> None:
    command = ["/bin/sh", "-c", 'echo "I need $WORD"; exec sleep 60']
    process = web(made, command=command, secrets={"WORD": "pass/word+1"}, startSeconds=0.6)
    with pytest.raises(Refusal, match=r"not healthy after 0.6 s; endpoint `http`") as caught:
        process.create(Operation(masks=Masks(["pass/word+1"])))
    assert "I need [secret]" in str(caught.value)
    assert not pids(home)
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_crashing_program_fails_before_the_limit(home: Home, made: Any) -> None:
    process = web(made, command=["/bin/sh", "-c", "echo no config; exit 3"])
    start = time.monotonic()
    with pytest.raises(Refusal, match=r"ended(.|\n)*no config"):
        process.create()
    assert time.monotonic() - start < 20


def test_taken_port(home: Home, made: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        wanted = web(made, endpoints={"http": {**HTTP["http"], "port": port}})
        with pytest.raises(Refusal, match=rf"port {port} .* is taken by `\S+` \(process {os.getpid()}\)"):
            wanted.create()
    process = web(made, autorestart=False).create()
    port = process.state["endpoints"]["http"]["port"]
    os.kill(next(iter(pids(home))), signal.SIGKILL)
    assert within(5, lambda: process.dead is not None)
    with socket.create_server(("127.0.0.1", port)):
        assert process.dead
        with pytest.raises(Refusal, match=f"port {port}"):
            process.update()
    process.update()
    assert process.state["endpoints"]["http"]["port"] == port


def test_cancel_removes_what_is_half_made(home: Home, made: Any) -> None:
    operation = Operation()
    threading.Timer(0.7, operation.cancelled.set).start()
    with pytest.raises(Cancelled):
        web(made, command=["/bin/sleep", "60"]).create(operation)
    assert not pids(home)
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_no_secret_in_arguments_logs_or_open_files(home: Home, made: Any) -> None:
    web(made, secrets={"PASSWORD": "canary-5f3a"}).create()
    (pid,) = pids(home)
    assert b"canary-5f3a" in Path(f"/proc/{pid}/environ").read_bytes(), "the search finds what is there"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"canary-5f3a" not in entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    holding = [path for path in home.path.rglob("*") if path.is_file() and b"canary-5f3a" in path.read_bytes()]
    assert [path.name for path in holding] == ["spec.json"]
    assert holding[0].stat().st_mode & 0o077 == 0
    assert home.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("folder", ["with space", "it's", "a #b ;c", "x" * 90])
def test_odd_data_paths(tmp_path: Path, made: Any, folder: str) -> None:
    home = Home(tmp_path / folder)
    process = web(made)
    process.inputs["home"] = str(home.path)
    process.create()
    assert process.dead is None
    process.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_long_name(home: Home, made: Any) -> None:
    name = "n" * 100
    process = made("Process", name=name, command=["/bin/sleep", "1000"]).create()
    assert (Supervisor(home).info(name) or {})["state"] == RUNNING
    process.delete()


def test_log_is_kept_and_its_tail_read(home: Home, made: Any) -> None:
    made("Process", name="talk", command=["/bin/sh", "-c", "echo hello; exec sleep 1000"]).create().delete()
    assert tail(home.log("talk")) == ["hello"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"bind": "0.0.0.0"}, "needs an `authentication`"),
        ({"bind": "everywhere"}, "no IP address"),
        ({"name": "Web_1"}, "no legal name"),
        ({"name": "n" * 101}, "no legal name"),
        ({"command": []}, "at least one word"),
        ({"command": "sleep"}, "must be a list of texts, not a text"),
        ({"comand": ["x"]}, "did you mean `command`"),
        ({"variables": {"a-b": "1"}}, "`a-b` is no legal name"),
        ({"variables": {"A": 1}}, "other values than texts"),
        ({"files": {"../x": ""}}, "relative path"),
        ({"endpoints": {"http": {"health": "/"}}}, "with a `protocol`"),
        ({"endpoints": {"http": {"protocol": "http", "port": 70000}}}, "1 to 65535"),
        ({"home": "/proc/nowhere"}, "can't be written"),
        ({"home": "relative"}, "must be absolute"),
        ({"home": "/etc/passwd/x"}, "no directory"),
        ({"autorestart": "yes"}, "must be true or false"),
        ({"stopSignal": "STOP"}, "none of TERM"),
    ],
)
def test_check_says_what_is_wrong(made: Any, change: dict[str, Any], sentence: str) -> None:
    process = web(made)
    process.inputs.update(change)
    (failure,) = process.failures()
    assert sentence in failure
