"""Programs run as the job runner runs them, without the engine, and the PostgreSQL that they work on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg

from components.primitives import locked, program
from providers.mesh.program import surroundings
from tests.providers.conftest import Made


@lru_cache
def environment(name: str) -> str:
    """The path of the environment with the exact packages of `components/locks/<name>.txt`, from the user's cache."""
    software = locked(name)
    inputs = {"software": name, "requirements": list(software.packages), "python": software.python}
    return str(Made("Environment", **inputs).create().state["path"])


@dataclass(frozen=True)
class Done:
    """How a program ended, and all that it wrote."""

    code: int
    output: str

    @property
    def metrics(self) -> dict[str, Any]:
        """What it reported to the runner; it must have ended well."""
        assert self.code == 0, self.output
        (line,) = [line for line in self.output.splitlines() if line.startswith("::mesh::")]
        found: dict[str, Any] = json.loads(line.removeprefix("::mesh::"))
        return found


def run(
    name: str, software: str, folder: Path, variables: Mapping[str, str], files: Mapping[str, str], *words: str
) -> Done:
    """Run `components/programs/<name>` in a folder of its own, its files beside it."""
    beside, data = folder / "files", folder / "data"
    for place in (beside, data):
        place.mkdir(parents=True, exist_ok=True)
    for file, text in {name: program(name), **files}.items():
        (beside / file).write_text(text, encoding="utf-8")
    path = environment(software)
    done = subprocess.run(
        [f"{path}/bin/python", str(beside / name), *words],
        env={**surroundings(path, data), **variables},
        cwd=data,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout)


@dataclass(frozen=True)
class Login:
    """Somebody at a database."""

    host: str
    port: int
    database: str
    user: str
    password: str

    def named(self, user: str, password: str) -> Login:
        """Somebody else at the same database."""
        return replace(self, user=user, password=password)

    def at(self, database: str) -> Login:
        """The same at another database."""
        return replace(self, database=database)

    def variables(self, prefix: str, **more: str) -> dict[str, str]:
        """The variables by which a program finds it, as `Port.environment` and `Port.secrets` name them."""
        parts = {"protocol": "sql", **{key: str(value) for key, value in vars(self).items()}, **more}
        return {f"{prefix}_{key}".upper(): value for key, value in parts.items()}

    def connect(self) -> psycopg.Connection[Any]:
        """A connection that commits every statement."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.user,
            password=self.password,
            autocommit=True,
        )

    def ask(self, statement: str) -> list[Any]:
        """The rows that a statement gives."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def refused(self, statement: str = "SELECT 1") -> bool:
        """Whether a statement is forbidden, or the login before it."""
        try:
            self.ask(statement)
        except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError):
            return True
        return False
