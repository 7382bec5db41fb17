"""Jobs in containers: their lines and codes, their secrets, their end; nothing of them stays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal
from tests.docker.conftest import Place
from tests.providers.conftest import Made

SECRET = "p&ss w/rd+42"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def job(place: Place, home: Home) -> Iterator[Callable[..., Made]]:
    """Make a job that runs a shell script in a container on a network of its own."""
    network = place.daemon.networks.create("jobs")

    def make(script: str, **inputs: Any) -> Made:
        usual = {"image": place.base, "networks": ["jobs"], "dockerHost": place.host, "memoryMiB": 128.0, "cpu": 0.5}
        command = ["sh", "-c", script]
        return Made(
            "JobRun", executor="docker", home=str(home.path), name="load", command=command, **{**usual, **inputs}
        )

    yield make
    network.remove()


def failure(job: Made, operation: Operation | None = None) -> str:
    """Why a job can't be made."""
    with pytest.raises(Refusal) as caught:
        job.create(operation)
    return str(caught.value)


def gone(place: Place) -> bool:
    """Whether no container and no volume stayed."""
    left = place.left()
    return not left["containers"] and not left["volumes"]


def test_it_runs_with_files_variables_and_secrets(place: Place, home: Home, job: Callable[..., Made]) -> None:
    script = (
        'cat /files/in/words.txt; echo "$WHAT for $(id -u)"; test "$PW" = "$EXPECTED" && echo same; '
        'touch /etc/x || echo closed; touch /tmp/x && echo \'::mesh:: {"rows": 7}\'; echo "$PW"'
    )
    made = job(
        script,
        files={"in/words.txt": "hello\n"},
        variables={"WHAT": "flights", "EXPECTED": SECRET},
        secrets={"PW": SECRET},
    ).create()
    assert made.state["rows"] == 7
    log = home.log("load").read_text()
    for line in ("hello", "flights for 10001", "same", "closed"):
        assert line in log
    assert SECRET not in log
    assert gone(place)
    made.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_no_secret_is_shown_by_the_daemon(place: Place, job: Callable[..., Made]) -> None:
    operation = Operation()
    running = threading.Thread(target=failure_or_cancel, args=(job("sleep 60", secrets={"PW": SECRET}), operation))
    running.start()
    try:
        shown = next(iter(seen(place)))
        assert SECRET not in str(shown.attrs)
        assert shown.attrs["HostConfig"]["ReadonlyRootfs"]
        assert shown.attrs["HostConfig"]["CapDrop"] == ["ALL"]
    finally:
        operation.cancelled.set()
        running.join(30)
    assert gone(place), "an interrupted job leaves no container"


def failure_or_cancel(job: Made, operation: Operation) -> None:
    with pytest.raises(Cancelled):
        job.create(operation)


def seen(place: Place) -> Iterator[Any]:
    """The job's container, once it runs."""
    for _ in range(300):
        if found := place.daemon.containers.list():
            yield found[0]
            return
        threading.Event().wait(0.1)
    raise AssertionError("no container was started")


@pytest.mark.parametrize(
    ("script", "changes", "sentences"),
    [
        ("echo bad; exit 7", {}, ("exit code 7", "bad")),
        ('python3 -c "x = bytearray(400 << 20)"', {}, ("exit code 137", "memory limit of 128 MiB")),
        ("true", {"image": "127.0.0.1:1/none:1"}, ("image 127.0.0.1:1/none:1 can't be pulled", "refused")),
        ("true", {"networks": ["nowhere"]}, ("network nowhere not found",)),
        ("true", {"dockerHost": "unix:///nowhere.sock"}, ("daemon at unix:///nowhere.sock does not answer: No such",)),
        ("sleep 60", {"timeoutSeconds": 4.0}, ("exit code 124", "time limit of 4.0 s")),
    ],
)
def test_failures_in_a_sentence(
    place: Place, job: Callable[..., Made], script: str, changes: dict[str, Any], sentences: tuple[str, ...]
) -> None:
    said = failure(job(script, **changes))
    for sentence in sentences:
        assert sentence in said
    assert "Traceback" not in said
    assert gone(place)


def test_what_it_did_is_undone(place: Place, home: Home, job: Callable[..., Made]) -> None:
    made = job("echo done", undo=["sh", "-c", 'echo "undone by $PW"'], secrets={"PW": SECRET}).create()
    made.delete()
    assert "undone by [secret]" in home.log("load").read_text()
    assert gone(place)
