"""Runs a job in a container: `docker_run.py JOB.json [--undo]`, secrets in its environment.

The container sees its files under /files, its secrets as files under /run/secrets and as environment variables, and
writes to /data and /tmp alone. Exits with the container's code; 2 where it could not be started.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import tarfile
import uuid
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import Mount

USER = 10001
"""The user of our images (components/targets/containers.py)."""
DATA, FILES, SECRETS = "/data", "/files", "/run/secrets"
OPEN = (
    f'for file in {SECRETS}/*; do [ -f "$file" ] || continue; '
    'text=$(cat "$file"; echo .); export "${file##*/}=${text%?}"; done; exec "$@"'
)
"""Makes environment variables of the files, each as it is: `docker inspect` shows what `docker run -e` is given."""
GRACE = 3
"""Seconds that a container has to end by itself; the runner gives us five."""
OWNER = "meshwright.job"
"""Label of a job's containers: `<home>:<name>`."""


class Refused(Exception):
    """Why the container can't run, in one sentence."""


def archive(files: dict[str, str], mode: int) -> bytes:
    """Files as the tar that the daemon unpacks, for our user alone."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        folders = {str(folder) for path in files for folder in Path(path).parents if str(folder) != "."}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, USER, USER
            tar.addfile(entry)
        for path, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, USER, USER
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def client(host: str | None) -> docker.DockerClient:
    """The daemon, asked once whether it is there."""
    try:
        found = docker.DockerClient(base_url=host) if host else docker.from_env()
        found.ping()
    except (DockerException, requests.RequestException) as error:
        where = host or os.environ.get("DOCKER_HOST") or "its usual socket"
        why = re.findall(r"'([^']+)'", str(error)) or [str(error)]
        raise Refused(f"the Docker daemon at {where} does not answer: {why[-1]}") from None
    return found


def reason(error: Exception) -> str:
    """The daemon's own words."""
    return str(getattr(error, "explanation", None) or error).splitlines()[0]


def pulled(daemon: docker.DockerClient, image: str) -> None:
    """Have the image on the daemon's machine."""
    try:
        daemon.images.get(image)
        return
    except ImageNotFound:
        pass
    print(f"pulling {image}", flush=True)
    try:
        daemon.images.pull(image)
    except APIError as error:
        raise Refused(f"the image {image} can't be pulled: {reason(error)}") from None


def create(daemon: docker.DockerClient, job: dict[str, Any], command: list[str]) -> Any:
    """The container, with its files and secrets in place, not started."""
    mark = f"{job['home']}:{job['name']}"
    for left in daemon.containers.list(all=True, filters={"label": f"{OWNER}={mark}"}):
        left.remove(force=True, v=True)  # of a run that was killed
    networks = job.get("networks") or []
    container = daemon.containers.create(
        job["image"],
        ["-c", OPEN, "sh", *command],
        entrypoint=["sh"],
        name=f"{Path(job['home']).name}-{job['name']}-{uuid.uuid4().hex[:8]}"[-128:].lstrip("-"),
        user=f"{USER}:{USER}",
        environment={"HOME": DATA, "PYTHONUNBUFFERED": "1", **job.get("variables", {})},
        working_dir=DATA,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": "exec,mode=1777"},  # Java unpacks its libraries there
        mounts=[Mount(place, None, type="volume") for place in (DATA, FILES, SECRETS)],
        network=networks[0] if networks else None,
        nano_cpus=int(job["cpu"] * 1e9) if job.get("cpu") else None,
        mem_limit=f"{int(job['memoryMiB'])}m" if job.get("memoryMiB") else None,
        labels={**job.get("tags", {}), OWNER: mark},
    )
    try:
        for network in networks[1:]:
            daemon.networks.get(network).connect(container)
        container.put_archive(FILES, archive(job.get("files", {}), 0o444))
        container.put_archive(SECRETS, archive({name: os.environ[name] for name in job["secrets"]}, 0o400))
    except BaseException:
        container.remove(force=True, v=True)
        raise
    return container


def run(job: dict[str, Any], command: list[str]) -> int:
    """Run to the end, showing every line; the container never outlives us."""
    daemon = client(job.get("dockerHost"))
    pulled(daemon, job["image"])
    try:
        container = create(daemon, job, command)
        try:
            container.start()
            for piece in container.logs(stream=True, follow=True):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            ended = int(container.wait()["StatusCode"])
            container.reload()
            if container.attrs["State"].get("OOMKilled"):
                print(f"ended by the memory limit of {job.get('memoryMiB', 0):g} MiB", flush=True)
            return ended
        finally:
            try:
                container.stop(timeout=GRACE)
            finally:
                container.remove(force=True, v=True)
    except APIError as error:
        raise Refused(reason(error)) from None


def main() -> None:
    """The command line."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        sys.exit(run(job, job["undo"] if "--undo" in sys.argv else job["command"]))
    except Refused as refused:
        print(refused, flush=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
