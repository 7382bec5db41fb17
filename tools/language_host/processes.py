"""The processes that a language host runs for the engine: programs and plugins."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

GRACE = 2.0
"""Seconds that a process has to end by itself; the engine gives the whole host 5."""

POLL = 0.1
"""Seconds until the end of a process is noticed whose output a daemon of its own holds open."""

DRAIN = 1.0
"""Seconds at most to read on after a process ended."""


class Processes:
    """All that run now. They stay in the host's process group, which the engine signals as a whole."""

    def __init__(self) -> None:
        self._running: dict[subprocess.Popen[bytes], signal.Signals] = {}
        self._lock = threading.Lock()

    def start(
        self, command: Sequence[str], cwd: str, env: Mapping[str, str], stop: signal.Signals
    ) -> subprocess.Popen[bytes]:
        """Start one that signal `stop` ends. Its output goes through us: a daemon that inherits our own would
        keep the engine waiting.
        """
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with self._lock:
            self._running[process] = stop
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.pop(process, None)

    def end(self, *only: subprocess.Popen[bytes]) -> None:
        """Ask them (or all) to end, kill what is still there after a while."""
        with self._lock:
            chosen = {process: stop for process, stop in self._running.items() if not only or process in only}
        for process, stop in chosen.items():
            process.send_signal(stop)
        deadline = time.monotonic() + GRACE
        for process in chosen:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def end_soon(self, *only: subprocess.Popen[bytes]) -> None:
        """The same without waiting for it."""
        threading.Thread(target=self.end, args=only, daemon=True).start()


def output(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """What a process writes, as ("stdout" or "stderr", bytes), until it ends."""
    assert process.stdout and process.stderr
    deadline = None
    with selectors.DefaultSelector() as pipes, process.stdout, process.stderr:
        pipes.register(process.stdout, selectors.EVENT_READ, "stdout")
        pipes.register(process.stderr, selectors.EVENT_READ, "stderr")
        while pipes.get_map():
            if deadline is None and process.poll() is not None:
                deadline = time.monotonic() + DRAIN
            ready = pipes.select(POLL if deadline is None else 0)
            if deadline and (not ready or time.monotonic() > deadline):
                break  # a daemon that it started holds the pipe
            for key, _ in ready:
                if chunk := os.read(key.fd, 65536):
                    yield key.data, chunk
                else:
                    pipes.unregister(key.fileobj)
        process.wait()


def how_it_ended(code: int) -> str:
    """Of a process that did not end with 0, in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
