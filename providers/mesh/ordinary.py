"""How a server that refuses to run as root (PostgreSQL) is run by root, with its data anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .refusal import Refusal

NOBODY = 65534
"""User and group `nobody` of Linux: the kernel's overflow id (proc(5), overflowuid)."""
NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
"""Inside, root is user 1000 without capabilities, and still owns root's files; no user and no chown needed."""
DROPPED = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
# The one capability lets `nobody` pass through directories closed to others, such as /root.
PASSING = [
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
]


def prefix(data: Path, executable: Path) -> list[str]:
    """Words to put before the server's command; empty for an ordinary user.

    Root gets the first way that works for this data directory and this executable; data keeps the way it was made.
    """
    if os.geteuid():
        return []
    given = data.stat().st_uid == NOBODY
    ways = [NAMESPACE] if not given else []
    ways += [[*DROPPED, *PASSING], [*DROPPED, "--no-new-privs"]]
    for way in ways:
        tool = shutil.which(way[0])
        if not tool:
            continue
        command = [tool, *way[1:]]
        if way is not NAMESPACE:
            give(data)
        if _works([*command, str(executable), "--version"]) and _writes(command, data):
            return command
    raise Refusal(
        f"{executable.name} refuses to run as root, user namespaces are not allowed here, and user nobody can't reach "
        f"{data}; run as an ordinary user, or choose a data path and a cache (XDG_CACHE_HOME) that others may enter"
    )


def give(path: Path) -> None:
    """Make `nobody` the owner of a directory and all in it."""
    os.chown(path, NOBODY, NOBODY)
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            os.chown(Path(folder, name), NOBODY, NOBODY, follow_symlinks=False)


def _writes(command: list[str], data: Path) -> bool:
    probe = data / ".probe"
    found = _works([*command, "mkdir", str(probe)])
    if probe.is_dir():
        probe.rmdir()
    return found


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, cwd="/").returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
