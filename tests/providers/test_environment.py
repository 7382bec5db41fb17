"""Environments: exact versions, shared, made whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from providers.mesh.environment import lines
from providers.mesh.kind import Operation
from providers.mesh.refusal import Refusal
from tests.providers.conftest import Made

SMALL = ["iniconfig==2.1.0"]


def test_made_once_and_shared(cache: Path) -> None:
    first = Made("Environment", software="one", requirements=SMALL).create()
    path = Path(first.state["path"])
    assert path == cache / "meshwright" / "environments" / first.state["hash"]
    start = time.monotonic()
    second = Made("Environment", software="two", requirements=["iniconfig==2.1.0  # via x"]).create()
    assert time.monotonic() - start < 0.1
    assert second.state == first.state
    done = subprocess.run(
        [path / "bin/python", "-c", "import iniconfig; print(iniconfig.__cached__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).exists(), "bytecode is made with it"
    first.delete()
    assert second.dead is None
    (path / ".complete").unlink()
    assert second.dead
    second.update()
    assert second.dead is None


def test_two_at_once_make_one() -> None:
    both = [Made("Environment", software=name, requirements=["iniconfig==2.0.0"]) for name in ("a", "b")]
    threads = [threading.Thread(target=one.create) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both[0].state == both[1].state
    assert both[0].dead is None


def test_package_that_can_not_be_installed() -> None:
    environment = Made("Environment", software="broken", requirements=["iniconfig==999.0"])
    with pytest.raises(Refusal, match=r"software `broken` can't be installed: `iniconfig==999.0`"):
        environment.create()
    assert not Path(environment.kind.foresee({}, {}, environment.inputs)["path"]).exists()


def test_cancel() -> None:
    operation = Operation()
    operation.cancelled.set()
    environment = Made("Environment", software="broken", requirements=["iniconfig==1.1.1"])
    with pytest.raises(Refusal, match="interrupted"):
        environment.create(operation)
    assert not Path(environment.kind.foresee({}, {}, environment.inputs)["path"]).exists()


def test_artifact(tmp_path: Path) -> None:
    archive = tmp_path / "tool.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("tool/readme", "hello")
    sha = hashlib.sha256(archive.read_bytes()).hexdigest()
    wrong = [{"url": archive.as_uri(), "sha256": "0" * 64}]
    with pytest.raises(Refusal, match="has the sha256"):
        Made("Environment", software="tool", requirements=[], artifacts=wrong).create()
    made = Made("Environment", software="tool", requirements=[], artifacts=[{"url": archive.as_uri(), "sha256": sha}])
    assert Path(made.create().state["path"], "artifacts/tool/readme").read_text() == "hello"


def test_lock_lines() -> None:
    lock = [
        "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb",
        "    # via x",
        "b[c]==2 ; python_version < '3.12'",
    ]
    assert lines(lock) == ["a==1 --hash=sha256:aa --hash=sha256:bb", "b[c]==2 ; python_version < '3.12'"]
    assert Made("Environment", software="x", requirements=lock).failures() == []


@pytest.mark.parametrize(
    "requirement", ["iniconfig", "iniconfig>=2", "iniconfig==2.*", "-r other.txt", "git+https://x"]
)
def test_only_exact_versions(requirement: str) -> None:
    (sentence,) = Made("Environment", software="x", requirements=[requirement]).failures()
    assert "no exact version" in sentence


def test_check(made: Any) -> None:
    (sentence,) = Made("Environment", software="x", requirements=[], python="three").failures()
    assert "no Python version" in sentence
