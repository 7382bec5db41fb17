"""Connection: the one daemon that the stand-in speaks to."""

from __future__ import annotations

from functools import cache
from typing import Any

import docker

HOST: dict[str, str] = {}


def configure(values: dict[str, Any]) -> None:
    """Take the provider's `host`; DOCKER_HOST else."""
    if values.get("host"):
        HOST["base_url"] = str(values["host"])


@cache
def daemon() -> Any:
    """The client, its low-level calls under `.api`."""
    host = HOST.get("base_url")
    return docker.DockerClient(base_url=host, timeout=300) if host else docker.from_env(timeout=300)


def labels(written: list[dict[str, str]] | None) -> dict[str, str]:
    """[{label, value}] as the daemon takes them."""
    return {entry["label"]: entry["value"] for entry in written or []}
