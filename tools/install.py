"""Brings the Pulumi CLI and its Python language host into .tools/bin: `python3 tools/install.py`."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

MINIMUM = (3, 259, 0)
PINNED = "3.259.0"
"""What is downloaded or built; the same as in go.mod."""

RELEASES = os.environ.get("MESHWRIGHT_PULUMI_RELEASES", "https://get.pulumi.com/releases/sdk")
REACH = 4.0
"""Seconds to find out whether the download site can be reached."""

CHECKOUT = Path(__file__).resolve().parents[1]
MODULE = CHECKOUT / "tools"
TOOLS = CHECKOUT / ".tools"
BIN = TOOLS / "bin"
CLI, HOST, EXEC = "pulumi", "pulumi-language-python", "pulumi-language-python-exec"
OUR_HOST = MODULE / "language_host" / HOST
SDK = "github.com/pulumi/pulumi/sdk/v3"
ADVICE = (
    f"install Pulumi {MINIMUM[0]}.{MINIMUM[1]} or newer (https://www.pulumi.com/docs/install/) "
    "or Go (https://go.dev/dl/), then run this again"
)


class Unavailable(Exception):
    """One way to get Pulumi does not work here; the message says why, in a few words."""


class Progress:
    """Says on stderr what takes longer than 2 s, and every 15 s that it still goes on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)

    def _speak(self) -> None:
        start = time.monotonic()
        wait = 2.0
        while not self._over.wait(wait):
            print(f"{self._what} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
            wait = 15.0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()


@contextmanager
def alone() -> Iterator[None]:
    """Only one installation at a time in a checkout."""
    BIN.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        with Progress("waiting for another installation"):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for what is not complete yet, on the file system where it will be needed."""
    for left in TOOLS.glob("new-*"):  # of an installation that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=TOOLS) as folder:
        yield Path(folder)


def link(name: str, target: Path | str) -> None:
    with workplace() as folder:
        (folder / name).symlink_to(target)
        (folder / name).replace(BIN / name)


def version_of(cli: Path) -> str | None:
    """Of an executable that says it is a suitable Pulumi CLI; a symlink's target counts."""
    checked = TOOLS / "checked.json"
    try:
        status = cli.stat()
    except OSError:
        return None
    identity = [str(cli.resolve()), status.st_size, status.st_mtime_ns]
    try:
        known = json.loads(checked.read_text())
        if known["file"] == identity:
            return str(known["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        ran = subprocess.run([cli, "version"], capture_output=True, text=True, timeout=60, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)\s*$", ran.stdout)
    if not found or not MINIMUM <= tuple(int(part) for part in found.groups()) < (MINIMUM[0] + 1,):
        return None
    version = ".".join(found.groups())
    if cli == BIN / CLI:
        with workplace() as folder:
            (folder / "checked").write_text(json.dumps({"file": identity, "version": version}))
            (folder / "checked").replace(checked)
    return version


def on_path(name: str) -> list[Path]:
    """Executables of this name on PATH, but those in .tools/bin."""
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    return [folder / name for folder in folders if folder.resolve() != BIN and os.access(folder / name, os.X_OK)]


def from_path() -> None:
    candidates = on_path(CLI)
    for candidate in candidates:
        if version_of(candidate):
            link(CLI, candidate.absolute())
            return
    raise Unavailable("the one on PATH is too old" if candidates else "none on PATH")


def from_download() -> None:
    """The official release, with its own language host."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if not system or not machine:
        raise Unavailable(f"no official release for {platform.system()} {platform.machine()}")
    answer = reach(f"{RELEASES}/pulumi-v{PINNED}-{system}-{machine}.tar.gz")
    with workplace() as folder, Progress(f"downloading Pulumi {PINNED}"), answer:
        try:
            with tarfile.open(fileobj=answer, mode="r|gz") as archive:
                for member in archive:
                    name = Path(member.name).name
                    if member.isfile() and (name == CLI or "-python" in name):
                        content = archive.extractfile(member)
                        assert content is not None
                        with (folder / name).open("wb") as file:
                            shutil.copyfileobj(content, file)
                        (folder / name).chmod(0o755)
        except (OSError, EOFError, tarfile.TarError) as problem:
            raise Unavailable(f"the download broke off ({problem})") from problem
        if not version_of(folder / CLI):
            raise Unavailable("the downloaded one does not run here")
        for complete in sorted(folder.iterdir(), reverse=True):  # the CLI last: it says that all is there
            complete.replace(BIN / complete.name)


def reach(url: str) -> IO[bytes]:
    """The answer to a request of `url`; in a thread, because looking up a name knows no timeout."""
    from urllib.request import urlopen

    answers: list[IO[bytes]] = []

    def ask() -> None:
        with suppress(OSError, ValueError):
            answers.append(urlopen(url, timeout=30))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH)
    if not answers:
        raise Unavailable("the download site can't be reached")
    return answers[0]


def from_go() -> None:
    """Built from the pinned tools module: some five minutes on two cores with empty caches."""
    build = ["build", "-trimpath", "-tags", "osusergo,grpcnotrace"]
    stamp = ["-ldflags", f"-s -w -X {SDK}/go/common/version.Version=v{PINNED}"]
    package = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
    with workplace() as folder, Progress(f"building Pulumi {PINNED} with Go, up to 6 min the first time"):
        go(*build, *stamp, "-o", str(folder / CLI), package)
        if not version_of(folder / CLI):
            raise Unavailable("the one built with Go does not run here")
        (folder / CLI).replace(BIN / CLI)


def go(*words: str) -> str:
    """Output of `go WORDS` in the tools module."""
    program = shutil.which("go")
    if not program:
        raise Unavailable("no Go")
    ran = subprocess.run([program, *words], cwd=MODULE, capture_output=True, text=True)
    if ran.returncode:
        (TOOLS / "go.log").write_text(ran.stdout + ran.stderr)
        last = (ran.stderr.strip().splitlines() or ["no output"])[-1]
        raise Unavailable(f"go {words[0]} failed: {last} (all of it in {TOOLS / 'go.log'})")
    return ran.stdout


def language_host() -> str:
    """Put the official host into .tools/bin if this machine has one, else ours; says which."""
    host, executor = BIN / HOST, BIN / EXEC
    ours = host.exists() and host.resolve() == OUR_HOST
    if not (host.exists() and executor.exists()):
        cli = (BIN / CLI).resolve()
        for candidate in (cli.with_name(HOST), *on_path(HOST)):
            beside = candidate.with_name(EXEC)
            foreign = candidate.resolve().parent.name == OUR_HOST.parent.name  # ours, but another checkout's
            if candidate.parent != BIN and not foreign and candidate.exists() and beside.exists():
                link(EXEC, beside.absolute())
                link(HOST, candidate.absolute())
                break
        else:
            ours = True
            if not executor.exists():
                module = json.loads(go("mod", "download", "-json", SDK))
                with workplace() as folder:
                    shutil.copyfile(Path(module["Dir"], "python", "cmd", EXEC), folder / EXEC)
                    (folder / EXEC).chmod(0o755)
                    (folder / EXEC).replace(executor)
            link(HOST, os.path.relpath(OUR_HOST, BIN))
    return "ours" if ours else "official"


def install() -> str:
    reasons: list[str] = []
    if not version_of(BIN / CLI):
        for bring in (from_path, from_download, from_go):
            try:
                bring()
                break
            except Unavailable as reason:
                reasons.append(str(reason))
        else:
            raise Unavailable(f"Pulumi could not be installed ({'; '.join(reasons)}): {ADVICE}")
    try:
        host = language_host()
    except Unavailable as reason:
        raise Unavailable(f"Pulumi's Python language host could not be installed ({reason}): {ADVICE}") from reason
    return f"pulumi {version_of(BIN / CLI)} in {BIN}, Python language host: {host}"


def main() -> int:
    try:
        with alone():
            print(install())
    except Unavailable as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
