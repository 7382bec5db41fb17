"""TCP ports: chosen once, reserved over all stacks of a user, never stolen; and who listens on one."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path

from .home import Home, write
from .refusal import Refusal

# Below Linux' ephemeral range (32768-60999): no outgoing connection can sit on a chosen port after a reboot.
FIRST, LAST = 20000, 32000
LISTEN = "0A"  # state TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h)


def cache() -> Path:
    """Meshwright's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meshwright"


class Ports:
    """Port reservations of one program; a reservation is a file that names its owner."""

    def __init__(self, home: Home, name: str) -> None:
        self.home, self.name = home, name
        self.folder = cache() / "ports"
        self.owner = f"{home.path}\n{name}"

    def choose(self, endpoint: str, bind: str) -> int:
        """A free port, the same for the same home, program and endpoint where possible."""
        key = f"{self.home.path}:{self.name}:{endpoint}".encode()
        start = int.from_bytes(hashlib.sha256(key).digest()[:4], "big")
        for step in range(LAST - FIRST):
            port = FIRST + (start + step * 7) % (LAST - FIRST)
            if self._reserve(port) and free(bind, port):
                return port
        raise Refusal(f"no port between {FIRST} and {LAST} is free for endpoint `{endpoint}` of `{self.name}`")

    def claim(self, port: int, endpoint: str) -> int:
        """Reserve a port that is wanted, or was chosen earlier."""
        if not self._reserve(port):
            home, name = (self.folder / str(port)).read_text().split("\n")[:2]
            wanted = f"port {port} wanted for endpoint `{endpoint}` of `{self.name}`"
            raise Refusal(f"{wanted} belongs to `{name}` of the stack in {home}")
        return port

    def release(self) -> None:
        """Give back every port of this program."""
        with suppress(FileNotFoundError):
            for path in list(self.folder.iterdir()):
                with suppress(OSError):
                    if path.read_text() == self.owner:
                        path.unlink()

    def _reserve(self, port: int) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / str(port)
        fresh = path.with_name(f".{port}.{os.getpid()}.{id(self)}")
        write(fresh, self.owner)
        try:
            os.link(fresh, path)  # whole or not at all, and one winner
        except FileExistsError:
            text = path.read_text()
            home, _, name = text.partition("\n")
            if text == self.owner:
                return True
            if Home(Path(home)).run(name).exists():
                return False
            fresh.replace(path)  # its program is gone
        finally:
            fresh.unlink(missing_ok=True)
        return True


def free(bind: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def listeners(port: int) -> set[str]:
    """Inodes of the sockets that listen on a port (any address, IPv4 and IPv6)."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTEN and int(words[1].rsplit(":", 1)[1], 16) == port:
                    found.add(words[9])
    return found


def holds(pid: int, inodes: set[str]) -> bool:
    """Whether a process has one of these sockets open."""
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(entry.path)  # noqa: PTH115 (hundreds of them)
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return True
    return False


def holder(port: int) -> str:
    """The program that listens on a port, as words for a sentence."""
    inodes = listeners(port)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and holds(int(entry.name), inodes):
            with suppress(OSError):
                return f"`{Path(entry.path, 'comm').read_text().strip()}` (process {entry.name})"
    return "another program"
