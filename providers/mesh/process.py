"""Process: a long-running program of this machine, supervised, with its own health check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import ports, program
from .fields import (
    COMMON,
    Failure,
    Field,
    at_least,
    legal_bind,
    legal_files,
    legal_variables,
    loopback,
    one_of,
)
from .health import Endpoint
from .home import Home
from .kind import Inputs, Kind, Operation, Outputs
from .program import Program
from .supervisor import Supervisor
from .values import UNKNOWN, unknown_in

SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL")
SCHEMES = {"dask": "tcp", "sql": "postgresql", "s3": "http"}
"""URL schemes where they differ from the protocol's name."""


def legal_endpoints(value: dict[str, Any]) -> str | None:
    """{name: {protocol, health?, port?}}."""
    for name, about in value.items():
        if not isinstance(about, dict) or not isinstance(about.get("protocol"), str):
            return f"endpoint `{name}` must be a map with a `protocol`"
        if unknown := about.keys() - {"protocol", "health", "port"}:
            return f"endpoint `{name}` has no `{sorted(unknown)[0]}`; it has protocol, health and port"
        health, port = about.get("health", "tcp"), about.get("port", 1)
        if not isinstance(health, str) or not (health == "tcp" or health.startswith("/")):
            return f"endpoint `{name}`: health must be `tcp` or a path that begins with `/`"
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            return f"endpoint `{name}`: port must be a number from 1 to 65535"
    return None


def legal_command(value: list[str]) -> str | None:
    """At least one word."""
    return None if value and value[0] else "a command needs at least one word"


def exposed(new: Inputs) -> Iterator[Failure]:
    """Another machine may only reach what asks who it is."""
    bind = new.get("bind", "127.0.0.1")
    if bind != UNKNOWN and not loopback(bind) and new.get("authentication", "none") == "none":
        yield "bind", f"`bind: {bind}` opens this to other machines; it then needs an `authentication` other than none"


class Process(Kind):
    """A supervised program; changed in place, restarted only where it would see a difference."""

    fields = {
        **COMMON,
        "environment": Field("text"),
        "command": Field("texts", required=True, check=legal_command),
        "variables": Field("table", check=legal_variables),
        "secrets": Field("table", check=legal_variables),
        "files": Field("table", check=legal_files),
        "endpoints": Field("map", check=legal_endpoints),
        "bind": Field("text", default="127.0.0.1", check=legal_bind),
        "autorestart": Field("flag", default=True),
        "startSeconds": Field("number", default=60, check=at_least(0.1)),
        "stopSignal": Field("text", default="TERM", check=one_of(*SIGNALS)),
        "stopSeconds": Field("number", default=10, check=at_least(0)),
        "authentication": Field("text", default="none", check=one_of("password", "tls", "token", "none")),
    }
    outputs = ("endpoints", "directory")
    replaced_by = frozenset({"home", "name"})
    probed = True

    def verify(self, new: Inputs) -> Iterator[Failure]:
        yield from exposed(new)

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if not state or unknown_in([new.get("endpoints"), new.get("bind")]):
            return {"endpoints": UNKNOWN, "directory": state.get("directory", UNKNOWN)}
        known = state.get("endpoints", {})
        shown = {}
        for name, about in new.get("endpoints", {}).items():
            port = about.get("port") or known.get(name, {}).get("port")
            unknown = {"host": program.reachable(new["bind"]), "port": UNKNOWN, "url": UNKNOWN}
            shown[name] = self._address(new, about, int(port)) if port else unknown
        return {"endpoints": shown, "directory": state.get("directory", UNKNOWN)}

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        home = Home(Path(inputs["home"]))
        if not (home.run(inputs["name"]) / "spec.json").exists():
            return "its definition is gone"
        known = {name: about["port"] for name, about in state.get("endpoints", {}).items() if "port" in about}
        return self._program(inputs, known, render=False).dead()

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        had_data = home.data(name).exists()
        try:
            return self._up(operation, inputs, {})
        except BaseException:
            Supervisor(home).remove(name)
            ports.Ports(home, name).release()
            home.forget(home.run(name), *(() if had_data else (home.data(name),)))
            raise

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        try:
            return self._up(operation, new, state.get("endpoints", {}))
        except BaseException:
            # A program that fails is not left to fail again and again; the next `up` starts it anew.
            Supervisor(Home(Path(new["home"]))).stop(new["name"])
            raise

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:
        program.remove(Home(Path(inputs["home"])), inputs["name"])

    def _up(self, operation: Operation, inputs: Inputs, known: dict[str, Any]) -> Outputs:
        home, wanted = Home(Path(inputs["home"])), inputs.get("endpoints", {})
        chosen = program.addresses(home, inputs["name"], wanted, known, inputs["bind"])
        self._program(inputs, chosen).up(operation)
        shown = {name: self._address(inputs, about, chosen[name]) for name, about in wanted.items()}
        return {"endpoints": shown, "directory": str(home.data(inputs["name"]))}

    @staticmethod
    def _address(inputs: Inputs, about: dict[str, Any], port: int) -> dict[str, Any]:
        host = program.reachable(inputs["bind"])
        scheme = SCHEMES.get(about["protocol"], about["protocol"])
        return {"host": host, "port": port, "url": f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"}

    def _program(self, inputs: Inputs, chosen: dict[str, int], render: bool = True) -> Program:
        home, name, bind = Home(Path(inputs["home"])), inputs["name"], inputs["bind"]
        places = {"data": home.data(name), "files": home.run(name) / "files", "logs": home.logs}
        addresses = {endpoint: (bind, port) for endpoint, port in chosen.items()}
        argv = [program.fill(word, places, addresses) for word in inputs["command"]]
        if render:
            argv[0] = program.executable(argv[0], inputs.get("environment"))
        variables = {key: program.fill(text, places, addresses) for key, text in inputs.get("variables", {}).items()}
        endpoints = [
            Endpoint(key, program.probe_host(bind), chosen[key], about["protocol"], about.get("health", "tcp"))
            for key, about in inputs.get("endpoints", {}).items()
            if key in chosen
        ]
        return Program(
            home,
            name,
            argv,
            {**program.surroundings(inputs.get("environment"), home.data(name)), **variables},
            endpoints,
            files={path: program.fill(text, places, addresses) for path, text in inputs.get("files", {}).items()},
            secrets=inputs.get("secrets", {}),
            autorestart=inputs["autorestart"],
            start_seconds=inputs["startSeconds"],
            stop_signal=inputs["stopSignal"],
            stop_seconds=int(inputs["stopSeconds"]),
        )
