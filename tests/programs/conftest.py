"""Programs find their siblings beside them, as they do inside a target; a PostgreSQL for those that need one."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.mesh.home import Home
from tests.programs.jobs import Login, environment
from tests.providers.conftest import Made, end

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "components" / "programs"))

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    """The administrator of one PostgreSQL for all these tests."""
    folder, password = tmp_path_factory.mktemp("postgres"), "admin-Pa55'word"
    # pytest's folders are closed to others; PostgreSQL runs as somebody else where we are root.
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o711)
    home = Home(folder / "home")
    inputs = {"home": str(home.path), "name": "db", "environment": environment("postgres"), "version": "17"}
    try:
        state = Made("PostgresServer", **inputs, password=password, database="main").create().state
        yield Login(state["host"], int(state["port"]), state["database"], state["user"], password)
    finally:
        end(home)


@pytest.fixture
def database(server: Login) -> Login:
    """The administrator of a database of the test's own."""
    name = f"warehouse{next(NUMBERS)}"
    server.ask(f"CREATE DATABASE {name}")
    return server.at(name)
