"""Reference: an image by name, `host/repository:tag@digest`, as everyone writes it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from components.errors import UserError

DOCKER_HUB = "docker.io"
DOCKER_HUB_API = "registry-1.docker.io"
PATTERN = re.compile(
    r"(?P<name>[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?)?"
    r"(?P<path>(/?[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*)"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
"""The grammar of github.com/distribution/reference, digests of SHA-256 alone."""


@dataclass(frozen=True)
class Reference:
    """`host` as it is written in Docker's configuration, `repository` within it."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def of(cls, text: str) -> Reference:
        """Read a reference; without a host it is on Docker Hub, without a tag it is `latest`."""
        rest, _, digest = text.strip().partition("@")
        first, slash, more = rest.partition("/")
        named = bool(slash) and ("." in first or ":" in first or first == "localhost")
        host, path = (first, more) if named else (DOCKER_HUB, rest)
        path, colon, tag = path.partition(":")
        if host == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        if not PATTERN.fullmatch(f"{host}/{path}:{tag if colon else 'latest'}" + (f"@{digest}" if digest else "")):
            raise UserError(
                f"`{text}` is no image", hint="write it as host/repository:tag or host/repository@sha256:..."
            )
        return cls(host, path, tag or ("" if digest else "latest"), digest)

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest where there is one."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"


def api(host: str) -> str:
    """Where a registry's API answers; one on this machine speaks plain HTTP."""
    return f"http://{host}" if loopback(host) else f"https://{DOCKER_HUB_API if host == DOCKER_HUB else host}"


def loopback(host: str) -> bool:
    """Whether a registry is on this machine."""
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
