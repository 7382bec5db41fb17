"""Environment: software with exact versions, installed by uv once and shared by all who name the same."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .fields import Failure, Field
from .home import tail, write
from .kind import Inputs, Kind, Operation, Outputs
from .ports import cache
from .refusal import Refusal
from .values import UNKNOWN, unknown_in

PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]+\])?\s*===?\s*[A-Za-z0-9][A-Za-z0-9.!+_-]*")
COMPLETE = ".complete"
"""The file that says that an environment is whole; it is written last."""


def lines(requirements: list[str]) -> list[str]:
    """Requirement lines as uv reads them: comments dropped, continued lines joined."""
    text = "\n".join(requirements).replace("\\\n", " ")
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [re.sub(r"\s+", " ", line) for line in stripped if line]


def legal_requirements(value: list[str]) -> str | None:
    """Every line an exact pin, with optional extras, marker and hashes."""
    for line in lines(value):
        pin = re.split(r"\s*;|\s+--hash", line)[0].strip()
        if not PIN.fullmatch(pin):
            return f"`{line[:80]}` is no exact version; write `name==version`"
    return None


def legal_artifacts(value: list[Any]) -> str | None:
    """[{url or package, sha256}]."""
    for item in value:
        if not isinstance(item, dict) or ("url" in item) == ("package" in item):
            return "an artifact is a map with either `url` or `package`, and its `sha256`"
        if not re.fullmatch(r"[0-9a-f]{64}", str(item.get("sha256", ""))):
            return f"artifact `{item.get('url') or item.get('package')}` needs its `sha256` (64 hexadecimal digits)"
        if "package" in item and not PIN.fullmatch(str(item["package"])):
            return f"artifact `{item['package']}` is no exact version; write `name==version`"
        if "url" in item and not re.match(r"(https|file)://", str(item["url"])):
            return f"artifact `{item['url']}` must be an https or file URL"
    return None


def legal_python(value: str) -> str | None:
    """`3.11`, or `3.11.7`."""
    return None if re.fullmatch(r"3\.\d+(\.\d+)?", value) else f"`{value}` is no Python version such as 3.11"


class Environment(Kind):
    """A virtual environment in the user's cache, named by the hash of what is in it; delete leaves the cache."""

    fields = {
        "software": Field("text", required=True),
        "requirements": Field("texts", required=True, check=legal_requirements),
        "python": Field("text", default=f"{sys.version_info.major}.{sys.version_info.minor}", check=legal_python),
        "artifacts": Field("list", check=legal_artifacts),
        "tags": Field("table"),
    }
    outputs = ("path", "hash")
    probed = True

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if unknown_in([new.get("requirements"), new.get("python"), new.get("artifacts")]):
            return {"path": UNKNOWN, "hash": UNKNOWN}
        return self._outputs(new)

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        path = Path(state.get("path", "/nowhere"))
        if not (path / COMPLETE).exists():
            return "it is not in the cache any more"
        return None if (path / "bin" / "python").exists() else "the Python below it is gone"

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        outputs = self._outputs(inputs)
        path = Path(outputs["path"])
        if self.dead(inputs, outputs) is None:
            return outputs
        with _lock(path.with_name(f"{path.name}.lock"), operation):
            if self.dead(inputs, outputs) is None:  # another made it while we waited
                return outputs
            shutil.rmtree(path, ignore_errors=True)
            try:
                self._install(operation, inputs, path)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
        return outputs

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        return self.create(operation, new)

    def identity(self, inputs: Inputs) -> str:
        return f"{inputs['software']}-{self._outputs(inputs)['hash']}"

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        yield from ()

    @staticmethod
    def _outputs(inputs: Inputs) -> Outputs:
        what = [
            sorted(lines(inputs["requirements"])),
            inputs["python"],
            inputs.get("artifacts", []),
            [platform.system(), platform.machine(), *platform.libc_ver()],
        ]
        name = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
        return {"path": str(cache() / "environments" / name), "hash": name}

    def _install(self, operation: Operation, inputs: Inputs, path: Path) -> None:
        software, wanted = inputs["software"], lines(inputs["requirements"])
        artifacts = inputs.get("artifacts", [])
        python = inputs["python"]
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        base = getattr(sys, "_base_executable", sys.executable) if python == own else python
        _uv(operation, software, ["venv", "--quiet", "--python", base, str(path)], path)
        packages = [f"{item['package']} --hash=sha256:{item['sha256']}" for item in artifacts if "package" in item]
        for group, listed in enumerate((wanted, packages)):
            if not listed:
                continue
            file = path / f"requirements{group or ''}.txt"
            write(file, "\n".join(listed) + "\n", 0o644)
            # Bytecode now, by all cores, rather than at every service's first start.
            install = ["pip", "install", "--python", str(path / "bin" / "python"), "--compile-bytecode"]
            _uv(operation, software, [*install, "--no-progress", "-r", str(file)], path)
        for item in artifacts:
            if "url" in item:
                _fetch(operation, item["url"], item["sha256"], path / "artifacts")
        write(path / COMPLETE, json.dumps({"software": software, "requirements": wanted}), 0o644)


@contextmanager
def _lock(path: Path, operation: Operation) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                operation.sleep(0.1)
        yield


def _uv(operation: Operation, software: str, arguments: list[str], path: Path) -> None:
    """Run uv; its failure becomes a sentence with the package that failed and the last lines."""
    binary = Path(sys.executable).with_name("uv")
    words = [str(binary)] if binary.exists() else [sys.executable, "-m", "uv"]
    variables = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH")
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "uv.log")
        with log.open("w") as output:
            process = subprocess.Popen(
                [*words, *arguments],
                env=variables,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                while process.poll() is None:
                    operation.sleep(0.03)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if process.returncode:
            shown = [re.sub(r"://[^/@\s]*@", "://", line.rstrip()) for line in tail(log, 20) if line.strip()]
            named = re.search(r"([A-Za-z0-9._-]+==[^\s`,]+)", " ".join(shown)) or re.search(
                r"(?:of|for|build|fetch|found in the package registry:?|[Bb]ecause) `?([A-Za-z0-9._-]+(?:==[^\s`]+)?)",
                " ".join(shown),
            )
            package = f": `{named[1]}` can't be installed" if named else ""
            text = "\n".join(f"  {operation.masks(line)}" for line in shown)
            raise Refusal(f"software `{software}` can't be installed{package}; uv's last lines:\n{text}")


def _fetch(operation: Operation, url: str, sha256: str, folder: Path) -> None:
    """Download, verify and unpack into `folder`."""
    folder.mkdir(exist_ok=True)
    file = folder / url.rsplit("/", 1)[-1]
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, file.open("wb") as output:
            while block := answer.read(1 << 20):
                operation.checkpoint()
                digest.update(block)
                output.write(block)
    except OSError as error:
        raise Refusal(f"artifact {url} can't be fetched: {error}") from error
    if digest.hexdigest() != sha256:
        raise Refusal(f"artifact {url} has the sha256 {digest.hexdigest()}, not the {sha256} that was given")
    if file.name.endswith((".zip", ".whl", ".jar")) or ".t" in file.name:
        shutil.unpack_archive(str(file), str(folder), "zip" if file.suffix in (".whl", ".jar") else None)
        file.unlink()
