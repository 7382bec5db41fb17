"""Whether an endpoint answers: an HTTP path or a TCP connect, asked by ourselves."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass

from . import ports

# A healthy local service answers in milliseconds; one that takes longer is asked again.
TIMEOUT = 2.0
PATIENT = 10.0
"""Seconds for the probe of a service that runs already: a busy one is not dead."""


@dataclass(frozen=True)
class Endpoint:
    """Where to ask: `health` is "tcp" or a path beginning with `/`."""

    name: str
    host: str
    port: int
    protocol: str = "tcp"
    health: str = "tcp"

    def answers(self, timeout: float = TIMEOUT) -> bool:
        """A connect succeeds; with a path, a GET gives 2xx or 3xx."""
        try:
            if self.health == "tcp":
                with socket.create_connection((self.host, self.port), timeout=timeout):
                    return True
            return self._status(timeout) < 400
        except (OSError, http.client.HTTPException):
            return False

    def _status(self, timeout: float) -> int:
        if self.protocol == "https":
            # Our own process on our own machine, recognised by its pid; the certificate is the client's matter.
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)  # type: ignore[assignment]
        try:
            connection.request("GET", self.health, headers={"Connection": "close"})
            return connection.getresponse().status
        finally:
            connection.close()

    def held_by(self, pids: set[int]) -> bool:
        """Whether one of these processes listens there."""
        inodes = ports.listeners(self.port)
        return any(ports.holds(pid, inodes) for pid in pids)

    def taken(self, pids: set[int]) -> bool:
        """Whether somebody listens there, and it is none of these processes."""
        inodes = ports.listeners(self.port)
        return bool(inodes) and not any(ports.holds(pid, inodes) for pid in pids)
