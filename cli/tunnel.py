"""`mesh open --tunnel`: a private port of a stack, answering on this machine while the command runs."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from cli import output
from components.errors import UserError
from components.targets import Target

LOOPBACK = "127.0.0.1"
SECONDS = 60
"""How long a tunnel may take until it answers: an image is pulled, a session started."""
STANDARD = {"http": 80, "https": 443}


def place(port: dict[str, Any]) -> tuple[str, int]:
    """Host and number under which the stack's own programs find a port."""
    if "host" in port:
        return str(port["host"]), int(port["port"])
    parts = urlsplit(str(port.get("url") or port.get("endpoint") or port.get("address")))
    return str(parts.hostname), int(parts.port or STANDARD.get(parts.scheme, 0))


def moved(port: dict[str, Any], host: str, number: int) -> dict[str, Any]:
    """The same port at another place."""
    if "host" in port:
        return {**port, "host": host, "port": number}
    field = next(name for name in ("url", "endpoint", "address") if name in port)
    return {**port, field: urlsplit(str(port[field]))._replace(netloc=f"{host}:{number}").geturl()}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


@contextmanager
def tunnel(target: Target, host: str, number: int, local: int) -> Iterator[subprocess.Popen[bytes]]:
    """`host:number` of a stack at 127.0.0.1:`local`; ends with the block."""
    if answers(local):
        raise UserError(f"port {local} of this machine is taken", hint="name another by --local-port, or none")
    command = target.tunnel(host, number, local)
    if shutil.which(command[0]) is None:
        raise UserError(f"a tunnel to {target.name} needs `{command[0]}`, which is not on the PATH")
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            deadline = time.monotonic() + SECONDS
            with output.err.status(f"opening a tunnel to {host}:{number}"):
                while not answers(local):
                    if running.poll() is not None or time.monotonic() > deadline:
                        said.seek(0)
                        lines = said.read().decode(errors="replace").strip().splitlines()
                        why = lines[-1] if lines else f"nothing answered within {SECONDS} s"
                        raise UserError(f"the tunnel to {host}:{number} did not open: {why}")
                    time.sleep(0.1)
            yield running
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGINT)
                try:
                    running.wait(10)
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait()


def answers(port: int) -> bool:
    """Whether something on this machine takes connections there."""
    with closing(socket.socket()) as caller:
        caller.settimeout(1)
        return caller.connect_ex((LOOPBACK, port)) == 0
