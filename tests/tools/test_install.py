"""tools/install.py on machines of every kind, with stand-ins for what it finds there."""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

SOURCE = Path(__file__).resolve().parents[2] / "tools"
NOWHERE = "http://127.0.0.1:9/releases"

GO = """#!/bin/sh
case "$1" in
build)
    echo build >> "$MACHINE/builds"
    sleep "${BUILD_SECONDS:-0}"
    [ -z "$BUILD_FAILS" ] || { echo "tools.go:7:2: $BUILD_FAILS" >&2; exit 1; }
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho v3.259.0\\n' > "$2"
    chmod +x "$2" ;;
mod)
    mkdir -p "$MACHINE/module/python/cmd"
    echo "# runs programs" > "$MACHINE/module/python/cmd/pulumi-language-python-exec"
    echo "{\\"Dir\\": \\"$MACHINE/module\\"}" ;;
esac
"""


@dataclass
class Machine:
    """A fresh checkout, and a PATH that holds what a test puts there."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.folder / "checkout" / ".tools" / "bin"

    def has(self, name: str, script: str) -> None:
        path = self.folder / "path" / name
        path.write_text(script)
        path.chmod(0o755)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, self.folder / "checkout" / "tools" / "install.py"],
            env={
                "PATH": str(self.folder / "path"),
                "MACHINE": str(self.folder),
                "MESHWRIGHT_PULUMI_RELEASES": NOWHERE,
                **self.variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # As from a terminal: started in the background, a shell's children ignore the interrupt.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def install(self, code: int = 0) -> str:
        process = self.start()
        stdout, stderr = process.communicate(timeout=30)
        assert process.returncode == code, stdout + stderr
        return stdout + stderr

    def version(self) -> str:
        return subprocess.check_output([self.bin / "pulumi"], text=True).strip()

    def builds(self) -> int:
        path = self.folder / "builds"
        return len(path.read_text().split()) if path.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "path").mkdir()
    tools = tmp_path / "checkout" / "tools"
    (tools / "language_host").mkdir(parents=True)
    for name in ("install.py", "language_host/pulumi-language-python"):
        shutil.copy(SOURCE / name, tools / name)
    for name in ("sleep", "mkdir", "chmod"):  # what the stand-ins need, and nothing else of this machine
        (tmp_path / "path" / name).symlink_to(str(shutil.which(name)))
    return Machine(tmp_path)


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[str]:
    """A download site that has one release, for every platform that the tests run on."""
    folder = tmp_path / "releases"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    content = {
        "pulumi": b"#!/bin/sh\necho v3.259.0\n",
        "pulumi-language-python": b"#!/bin/sh\necho official\n",
        "pulumi-language-python-exec": b"# official\n",
        "pulumi-language-go": b"not needed",
    }
    for platform in ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"):
        with tarfile.open(folder / f"pulumi-v3.259.0-{platform}.tar.gz", "w:gz") as archive:
            for name, text in content.items():
                member = tarfile.TarInfo(f"pulumi/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_suitable_one_on_path_is_linked_with_its_own_host(machine: Machine) -> None:
    for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
        machine.has(name, "#!/bin/sh\necho v3.300.1\n")
    machine.has("go", "#!/bin/sh\nexit 1\n")
    assert "pulumi 3.300.1" in (said := machine.install())
    assert "host: official" in said
    assert (machine.bin / "pulumi").readlink() == machine.folder / "path" / "pulumi"
    assert (machine.bin / "pulumi-language-python").readlink().parent == machine.folder / "path"


@pytest.mark.parametrize("version", ["v3.258.9", "v4.0.0", "v3.259.0-dev", "unknown"])
def test_an_unsuitable_one_on_path_is_passed_over(machine: Machine, version: str) -> None:
    machine.has("pulumi", f"#!/bin/sh\necho {version}\n")
    machine.has("go", GO)
    machine.install()
    assert machine.version() == "v3.259.0"
    assert machine.builds() == 1


def test_the_official_release_is_downloaded(machine: Machine, releases: str) -> None:
    machine.variables["MESHWRIGHT_PULUMI_RELEASES"] = releases
    assert "host: official" in machine.install()
    assert {path.name for path in machine.bin.iterdir()} == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
    }
    assert "host: official" in machine.install()


def test_a_broken_download_falls_back(machine: Machine, releases: str) -> None:
    for archive in (machine.folder / "releases").iterdir():
        archive.write_bytes(archive.read_bytes()[:100])
    machine.variables["MESHWRIGHT_PULUMI_RELEASES"] = releases
    machine.has("go", GO)
    machine.install()
    assert machine.builds() == 1


def test_a_build_brings_our_host(machine: Machine) -> None:
    machine.has("go", GO)
    assert "host: ours" in machine.install()
    host = machine.bin / "pulumi-language-python"
    assert host.resolve() == machine.folder / "checkout" / "tools" / "language_host" / "pulumi-language-python"
    assert os.access(host, os.X_OK)
    assert (machine.bin / "pulumi-language-python-exec").read_text() == "# runs programs\n"


def test_a_second_run_is_quick_and_changes_nothing(machine: Machine) -> None:
    machine.has("go", GO)
    machine.install()
    before = {path.name: path.lstat().st_mtime_ns for path in machine.bin.iterdir()}
    took = []
    for _ in range(3):
        started = time.monotonic()
        machine.install()
        took.append(time.monotonic() - started)
    assert min(took) < 0.5, took
    assert {path.name: path.lstat().st_mtime_ns for path in machine.bin.iterdir()} == before
    assert machine.builds() == 1


def test_a_link_whose_target_went_away_is_replaced(machine: Machine) -> None:
    machine.has("pulumi", "#!/bin/sh\necho v3.300.1\n")
    machine.has("go", GO)
    machine.install()
    (machine.folder / "path" / "pulumi").unlink()
    assert "pulumi 3.259.0" in machine.install()


def test_two_at_once_build_once(machine: Machine) -> None:
    machine.has("go", GO)
    machine.variables["BUILD_SECONDS"] = "3"
    both = [machine.start(), machine.start()]
    said = [process.communicate(timeout=30) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert machine.builds() == 1
    assert sorted(progress.partition(" (")[0] for _, progress in said) == [
        "building Pulumi 3.259.0 with Go, up to 6 min the first time",
        "waiting for another installation",
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_build_leaves_nothing_half_done(machine: Machine, number: signal.Signals) -> None:
    machine.has("go", GO)
    machine.variables["BUILD_SECONDS"] = "5"
    process = machine.start()
    while not machine.builds():
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=10)
    assert "Traceback" not in said
    assert list(machine.bin.iterdir()) == []
    machine.variables["BUILD_SECONDS"] = "0"
    machine.install()
    assert machine.version() == "v3.259.0"
    assert not list((machine.folder / "checkout" / ".tools").glob("new-*"))


@pytest.mark.parametrize(
    "go, reason",
    [(None, "no Go"), (GO, "go build failed: tools.go:7:2: no such module")],
)
def test_one_sentence_where_nothing_works(machine: Machine, go: str | None, reason: str) -> None:
    machine.variables["BUILD_FAILS"] = "no such module"
    if go:
        machine.has("go", go)
    said = machine.install(code=2)
    assert said.count("\n") == 1
    assert said.startswith("Pulumi could not be installed (none on PATH; the download site can't be reached; ")
    assert reason in said
    assert "install Pulumi 3.259 or newer" in said
