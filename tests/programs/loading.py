"""The job of an Ingest, run on a real database or bucket."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.contract import Column, Table
from components.ingest import Source
from components.port import Port
from tests.components.test_ingest import run as recorded
from tests.programs.jobs import Done, Login, run


@dataclass
class Product:
    """Files, and the job that loads them as an Ingest of these sources would have it run."""

    folder: Path
    target: dict[str, str]

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def load(self, *sources: Source, contract: tuple[Column, ...] = (), more: dict[str, str] | None = None) -> Done:
        """Run the program; `contract` is that of the first source, `more` the variables of an input port `weather`."""
        tables = (Table(name=sources[0].name, properties=contract),) if contract else ()
        into = "bucket" if self.target["TARGET_PROTOCOL"] == "s3" else "database"
        inputs = {"weather": Port(protocol="sql", address={})}
        job = recorded(sources, self.folder, into, contract=tables, inputs=inputs).inputs
        real = {**self.target, **(more or {})}
        assert real.keys() <= job["variables"].keys() | {*job["secrets"], "WEATHER_USER", "WEATHER_PASSWORD"}
        done = run("ingest.py", "ingest", self.folder / "job", {**job["variables"], **real}, job["files"])
        for name in ("TARGET_PASSWORD", "TARGET_SECRET_KEY", "WEATHER_PASSWORD"):
            assert not real.get(name) or real[name] not in done.output
        return done

    def refused(self, *sources: Source, **more: Any) -> str:
        """The one sentence of a load that fails."""
        done = self.load(*sources, **more)
        assert done.code == 1, done.output
        (line,) = done.output.splitlines()
        return line


def granted(admin: Login, folder: Path, schema: str, privilege: str) -> Login:
    """A right on a schema, made by the role program."""
    login = admin.named(f"{schema} {privilege} {admin.database}", f"{privilege}-Pa55'word\\@/%20")
    role = {"ROLE": login.user, "ROLE_PASSWORD": login.password, "PRIVILEGE": privilege, "SCHEMA": schema}
    assert run("role.py", "postgres-client", folder / "role", {**admin.variables("admin"), **role}, {}).code == 0
    return login


def parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a file."""
    held = io.BytesIO()
    pq.write_table(table, held)
    return held.getvalue()


def zipped(**files: str) -> bytes:
    """Files in an archive; `a_csv` is a.csv."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "."), text)
    return held.getvalue()


def types(login: Login, table: str) -> dict[str, str]:
    """The columns of a table of `sales`, with their types."""
    return dict(
        login.ask(
            "SELECT column_name::text, data_type::text FROM information_schema.columns"
            f" WHERE table_schema = 'sales' AND table_name = '{table}' ORDER BY ordinal_position"
        )
    )
