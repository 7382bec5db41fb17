"""Node: the first process of a machine inside this one, with processes, mounts and network of its own.

Started by `unshare` with a plan (cluster.py): it lays folders over the fixed paths of this machine, makes the bridge
of the pods, and starts the programs. When it is killed, the kernel ends all that it started, mounts and network too.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def run(*words: str) -> None:
    """A command that must end well."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def start(name: str, words: list[str], logs: Path) -> int:
    """A program, its output in `logs`."""
    with (logs / f"{name}.log").open("a") as log:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/").pid


def network(link: str, address: str, outside: str, bridge: str) -> None:
    """A bridge for the pods, with this machine's end of the link on it."""
    while not Path(f"/proc/sys/net/ipv4/conf/{link}").exists():
        time.sleep(0.02)
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", bridge, "type", "bridge")
    run("ip", "address", "add", f"{address}/24", "dev", bridge)
    run("ip", "link", "set", link, "master", bridge, "up")
    run("ip", "link", "set", bridge, "up")
    run("ip", "route", "add", "default", "via", outside)  # services too, before they are translated
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def answers(url: str) -> bool:
    """Whether the API server is ready."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=ssl._create_unverified_context()) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def orphaned() -> None:
    """End when whoever started us has ended, however that came about."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """The plan of `sys.argv[1]`, to the end."""
    threading.Thread(target=orphaned, daemon=True).start()
    plan: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for place, folder in plan["over"].items():
        run("mount", "--bind", folder, place)
    network(plan["link"], plan["address"], plan["outside"], plan["bridge"])
    logs, running = Path(plan["logs"]), {}
    for name, words in plan["first"].items():
        running[start(name, words, logs)] = name, words
    while not answers(plan["ready"]):
        time.sleep(0.1)
    for name, words in plan["then"].items():
        running[start(name, words, logs)] = name, words
    while True:
        ended, _ = os.wait()  # orphans of the containers are ours, too
        if ended in running:
            name, words = running.pop(ended)
            time.sleep(0.5)
            running[start(name, words, logs)] = name, words


if __name__ == "__main__":
    main()
