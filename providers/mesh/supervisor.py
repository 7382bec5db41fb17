"""The supervisord of a stack's home: started on first need, stopped with its last program."""

from __future__ import annotations

import hashlib
import http.client
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import marked
from .home import Home, read, tail, write
from .refusal import Refusal

# sun_path holds 108 bytes (man 7 unix); supervisord binds a temporary name some characters longer first.
SOCKET_LENGTH = 85
STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL = 0, 10, 20, 30, 40, 100, 200
"""States as supervisor numbers them (supervisor/states.py)."""
ENDED = (STOPPED, EXITED, FATAL)

# Paths are relative to supervisord's directory, `<home>/supervisor`:
# supervisor would expand `%` and cut at ` ;` in the path of a home.
MAIN = """\
[unix_http_server]
file={socket}
chmod=0700
[supervisord]
logfile=../logs/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=supervisord.pid
childlogdir=../logs
umask=077
silent=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[include]
files=programs/*.conf
"""
PROGRAM = """\
[program:{name}]
command={command}
autostart=true
autorestart={autorestart}
startsecs=1
startretries={retries}
stopsignal={signal}
stopwaitsecs={seconds}
stopasgroup={group}
killasgroup=true
redirect_stderr=true
stdout_logfile=../logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


class Supervisor:
    """Talks XML-RPC over a unix socket that only its owner can open; one connection a call."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.path / "supervisor"
        self.config = self.folder / "supervisord.conf"

    def answers(self) -> bool:
        """Whether supervisord is there and working."""
        try:
            return bool(self._call("getState")["statecode"] == 1)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def info(self, name: str) -> dict[str, Any] | None:
        """State, pid, exit status of a program; None where it, or supervisord, is not there."""
        try:
            found: dict[str, Any] = self._call("getProcessInfo", name)
            return found
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None

    def program(
        self, name: str, spec: Path, autorestart: bool, stop_signal: str, stop_seconds: int, group: bool
    ) -> str:
        """The configuration of one program: only the launcher's line, its spec holds everything else."""
        launcher = Path(__file__).with_name("launch.py")
        words = [shlex.quote(word).replace("%", "%%") for word in (sys.executable, "-S", "-E", "-s", str(launcher))]
        words.append(f"../{spec.relative_to(self.home.path)}")
        return PROGRAM.format(
            name=name,
            command=" ".join(words),
            autorestart=str(autorestart).lower(),
            # Some failures at a start after a reboot are normal: what it needs is still starting.
            retries=10 if autorestart else 0,
            signal=stop_signal,
            seconds=stop_seconds,
            group=str(group).lower(),
        )

    def put(self, name: str, text: str, restart: bool) -> None:
        """Make the program run as configured; one that runs so already is left alone unless `restart`."""
        path = self.folder / "programs" / f"{name}.conf"
        same = read(path) == text
        if restart or not same:
            self.stop(name)  # outside the lock: it may take long
        with self.home.lock():
            write(path, text)
            fresh = not self.answers()
            if not fresh and read(self.config) != self._main():  # started by an earlier version of ours
                self._end()
                fresh = True
            if fresh:
                self._start()  # starts every program that is configured, this one too
            here = self.info(name)
            if not fresh and here and (restart or not same):
                self._stop(name)
                self._call("removeProcessGroup", name)
                here = None
            if here is None:
                self._call("reloadConfig")
                with _unless("ALREADY_ADDED"):
                    self._call("addProcessGroup", name)
            elif here["state"] in ENDED:
                with _unless("ALREADY_STARTED", "SPAWN_ERROR"):
                    self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop the program and what it started; no error where it does not run."""
        if self.info(name):
            self._stop(name)

    def start(self, name: str) -> None:
        """Start a configured program; no error where it runs."""
        with _unless("ALREADY_STARTED"):
            self._call("startProcess", name, False)

    def signal(self, name: str, word: str) -> None:
        """Send a signal (HUP, ...) to the program."""
        self._call("signalProcess", name, word)

    def remove(self, name: str) -> None:
        """Forget a program, ended with all its processes; with the last one supervisord ends too."""
        self.stop(name)
        marked.end(marked.PROCESS, self.home.path, name)
        with self.home.lock():
            (self.folder / "programs" / f"{name}.conf").unlink(missing_ok=True)
            if self.info(name):
                with _unless("STILL_RUNNING", "BAD_NAME"):
                    self._call("removeProcessGroup", name)
                self._call("reloadConfig")
            if not list(self.folder.glob("programs/*.conf")):
                self._shut_down()

    def _stop(self, name: str) -> None:
        with _unless("NOT_RUNNING", "BAD_NAME"):
            self._call("stopProcess", name, False)
        delay = 0.01
        while (info := self.info(name)) and info["state"] not in ENDED:
            if info["state"] == BACKOFF:
                with _unless("NOT_RUNNING"):
                    self._call("stopProcess", name, False)
            time.sleep(delay)
            delay = min(delay * 1.5, 0.2)

    def _start(self) -> None:
        self._clear()
        write(self.config, self._main())
        (self.folder / "programs").mkdir(exist_ok=True, mode=0o700)
        words = [sys.executable, "-s", "-c", "from supervisor.supervisord import main; main()", "-c", str(self.config)]
        # Nothing of our own environment (passphrases, tokens) goes to what lives longer than we.
        bare = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        done = subprocess.run(
            words, env=bare, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        deadline = time.monotonic() + 20
        while not self.answers():
            if done.returncode or time.monotonic() > deadline:
                lines = (done.stdout + done.stderr).splitlines() or tail(self.home.logs / "supervisord.log")
                raise Refusal("supervisord can't be started:\n" + "\n".join(lines[-10:]))
            time.sleep(0.01)

    def _clear(self) -> None:
        """After a crash or a reboot: end what still runs without its supervisor, remove stale socket and pid file."""
        with suppress(FileNotFoundError, ValueError):
            pid = int((self.folder / "supervisord.pid").read_text())
            if str(self.config).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)  # it lives but does not answer
        stops: dict[str, tuple[int, float]] = {}
        for pid, name in marked.find(marked.PROCESS, self.home.path).items():
            if name not in stops:
                stops[name] = self._stop_of(name)
            with suppress(ProcessLookupError):
                os.kill(pid, stops[name][0])
        for name, (number, seconds) in stops.items():
            marked.end(marked.PROCESS, self.home.path, name, number, seconds)
        Path(self._socket()).unlink(missing_ok=True)
        (self.folder / "supervisord.pid").unlink(missing_ok=True)

    def _stop_of(self, name: str) -> tuple[int, float]:
        text = read(self.folder / "programs" / f"{name}.conf") or ""
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        number = signal.Signals[f"SIG{values.get('stopsignal', 'TERM')}"]
        return number, float(values.get("stopwaitsecs", "10"))

    def _main(self) -> str:
        return MAIN.format(socket=self._socket(for_config=True))

    def _end(self) -> None:
        """End supervisord, and with it all programs, in order."""
        pid = read(self.folder / "supervisord.pid")
        self._call("shutdown")
        deadline = time.monotonic() + 60
        while Path(f"/proc/{(pid or '').strip() or 'none'}").exists() and time.monotonic() < deadline:
            if self._reaped(pid):
                break
            time.sleep(0.01)

    def _shut_down(self) -> None:
        if self.answers():
            self._end()
        else:
            self._clear()
        Path(self._socket()).unlink(missing_ok=True)
        self.home.forget(self.folder)

    @staticmethod
    def _reaped(pid: str | None) -> bool:
        # In a container without an init an ended daemon stays as a zombie.
        state = read(Path(f"/proc/{(pid or '').strip()}/stat")) or ""
        return ") Z" in state

    def _socket(self, for_config: bool = False) -> str:
        inside = self.folder / "supervisor.sock"
        if len(os.fsencode(inside)) <= SOCKET_LENGTH:
            return "supervisor.sock" if for_config else str(inside)
        folder = Path(tempfile.gettempdir(), f"meshwright-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode) or about.st_mode & 0o077:
            raise Refusal(f"{folder} is not ours alone; remove it, or choose a shorter data path than {self.home.path}")
        return str(folder / f"{hashlib.sha256(os.fsencode(self.home.path)).hexdigest()[:16]}.sock")

    def _call(self, method: str, *args: Any) -> Any:
        with xmlrpc.client.ServerProxy("http://supervisor", transport=_Unix(self._socket())) as proxy:
            return getattr(proxy.supervisor, method)(*args)


class _Unix(xmlrpc.client.Transport):
    """XML-RPC over a unix socket; supervisor's own transport has no time limit."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("supervisor", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(self.path)
        return connection


@contextmanager
def _unless(*faults: str) -> Iterator[None]:
    """Pass over these of supervisor's faults."""
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if not fault.faultString.startswith(faults):
            raise
