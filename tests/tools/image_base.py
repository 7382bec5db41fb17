"""What tests of images stand on: Debian's docker-registry, and a base image made by mmdebstrap."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tools.images.oci import LAYER, MANIFEST, Descriptor, assembled
from tools.images.registry import Registry
from tools.images.store import Store, default_root

PACKAGES = "python3,ca-certificates,libexpat1"
NEEDED = ("mmdebstrap", "docker-registry")
CHUNK = 1 << 20


def missing() -> str:
    """Why this machine can't make a base image; empty if it can."""
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"needs {' and '.join(absent)} (apt-get install {' '.join(absent)})"
    return "" if os.geteuid() == 0 else "mmdebstrap needs root"


def debian() -> Path:
    """A root file system with Python 3.11, made once (about a minute) and kept in the user's cache."""
    made = default_root().parent / "tests" / "bookworm-python.tar"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        half = made.with_suffix(f".{os.getpid()}.tar")
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(half)]
        subprocess.run(command, check=True)
        half.replace(made)
    return made


@contextmanager
def registry(folder: Path, *lines: str) -> Iterator[str]:
    """An empty registry on a free port of the loopback; its host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: '{host}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'data'}'}}}}\n" + "\n".join(lines) + "\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
        try:
            for _ in range(100):
                try:
                    httpx.get(f"http://{host}/v2/", trust_env=False)
                    break
                except httpx.TransportError:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.1)
            yield host
        finally:
            process.terminate()
            process.wait(10)


def push_base(host: str, store: Store) -> str:
    """The base image in a registry; its name."""
    root, inner = debian(), hashlib.sha256()

    def packed() -> Iterator[bytes]:
        squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
        with root.open("rb") as file:
            while chunk := file.read(CHUNK):
                inner.update(chunk)
                yield squeeze.compress(chunk)
        yield squeeze.flush()

    digest = store.take(packed())
    layer = Descriptor(LAYER, digest, store.path(digest).stat().st_size)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"], "Cmd": ["bash"], "Entrypoint": ["/bin/never"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{inner.hexdigest()}"]},
    }
    image = assembled(store, "python", "bookworm", config=config, layers=(layer,), annotations={})
    to = Registry(host, print)
    for blob in (image.config, layer):
        to.push_blob("base/python", blob, store, "the base")
    to.push_manifest("base/python", "bookworm", image.manifest, MANIFEST)
    return f"{host}/base/python:bookworm"
