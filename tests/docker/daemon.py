"""Daemon: a Docker daemon of the tests' own, with a data directory of its own, which ends with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.tools import image_base

PULUMI = Path(__file__).resolve().parents[2] / ".tools" / "bin" / "pulumi"


def missing() -> str:
    """Why containers can't be run here; empty if they can."""
    if shutil.which("dockerd") is None:
        return "needs dockerd (apt-get install docker.io)"
    if os.geteuid() != 0:
        return "dockerd needs root"
    if not PULUMI.exists():
        return "tools/ has not brought the Pulumi CLI yet: run `make install`"
    return image_base.missing()


@contextmanager
def dockerd(folder: Path) -> Iterator[str]:
    """A daemon without a default network; yields what DOCKER_HOST must be."""
    folder.mkdir(parents=True, exist_ok=True)
    host = f"unix://{folder / 'docker.sock'}"
    # Where the tests are killed, the daemon ends too.
    command = ["setpriv", "--pdeathsig", "TERM", "dockerd", "-H", host, "--exec-root", str(folder / "exec")]
    command += [
        "--data-root",
        str(folder / "data"),
        "--pidfile",
        str(folder / "pid"),
        "--bridge=none",
        "--iptables=true",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(300):
            try:
                docker.DockerClient(base_url=host).ping()
                break
            except DockerException:
                assert process.poll() is None, (folder / "log").read_text()[-3000:]
                time.sleep(0.1)
        else:
            raise AssertionError((folder / "log").read_text()[-3000:])
        yield host
    finally:
        process.terminate()
        process.wait(60)
