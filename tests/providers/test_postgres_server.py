"""PostgreSQL: made, changed in place, killed, healed with its data; as root and as an ordinary user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from providers.mesh import marked, ordinary
from providers.mesh.home import Home
from tests.providers.engine import ROOT

pytestmark = pytest.mark.software


def server(made: Any, environment: str, **inputs: Any) -> Any:
    given = {"name": "db", "environment": environment, "version": "17.10", "password": "first-Pa55'word"}
    return made("PostgresServer", **{**given, "database": "main", **inputs})


def ask(resource: Any, statement: str, password: str | None = None) -> Any:
    state = resource.state
    password = password or resource.inputs["password"]
    with psycopg.connect(
        host=state["host"], port=state["port"], user=state["user"], dbname=state["database"], password=password
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def test_life(home: Home, made: Any, postgres: str) -> None:
    start = time.monotonic()
    db = server(made, postgres, settings={"max_connections": 33}).create()
    print(f"created in {time.monotonic() - start:.2f} s")
    ask(db, "CREATE TABLE t AS SELECT 42 AS answer")
    assert ask(db, "SHOW max_connections") == "33"
    assert ask(db, "SHOW fsync") == "on"
    assert ask(db, "SHOW password_encryption") == "scram-sha-256"
    with pytest.raises(psycopg.OperationalError):
        ask(db, "SELECT 1", "wrong")
    port = db.state["port"]
    pids = set(marked.find(marked.PROCESS, home.path, "db"))
    db.update(cpu=2, tags={"a": "b"})
    assert set(marked.find(marked.PROCESS, home.path, "db")) >= pids - {0}
    db.update(settings={"max_connections": 44})
    assert ask(db, "SHOW max_connections") == "44"
    db.update(password="second-password")
    assert ask(db, "SELECT answer FROM t") == 42
    with pytest.raises(psycopg.OperationalError):
        ask(db, "SELECT 1", "first-Pa55'word")

    # A reboot: everything is gone at once, pid files and sockets stay.
    os.kill(int((home.path / "supervisor/supervisord.pid").read_text()), signal.SIGKILL)
    marked.end(marked.PROCESS, home.path, stop=signal.SIGKILL)
    assert db.dead
    db.update()
    assert (ask(db, "SELECT answer FROM t"), db.state["port"]) == (42, port)

    # Only its supervisor was killed: the server is ended in order and started again.
    os.kill(int((home.path / "supervisor/supervisord.pid").read_text()), signal.SIGKILL)
    db.update()
    assert ask(db, "SELECT answer FROM t") == 42

    for change in ({"version": "18.1"}, {"database": "other"}, {"name": "elsewhere"}):
        assert any("move the data" in sentence for sentence in db.failures(**change)), change

    # The state was lost: the data is taken up again, with the password of the new state.
    again = server(made, postgres, password="third-password").create()
    assert ask(again, "SELECT answer FROM t") == 42
    again.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]
    text = home.log("db").read_text()
    assert "second-password" not in text
    assert "third-password" not in text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("way", ["nobody"])
def test_root_without_user_namespaces(
    home: Home, made: Any, postgres: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordinary, "NAMESPACE", ["false"])
    db = server(made, postgres).create()
    assert home.data("db").stat().st_uid == ordinary.NOBODY
    monkeypatch.undo()
    db.update(settings={"work_mem": "8MB"})
    assert ask(db, "SHOW work_mem") == "8MB"
    db.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


LIFE = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.providers.conftest import Made
home, environment = sys.argv[2:]
db = Made("PostgresServer", home=home, name="db", environment=environment, version="17", password="long-enough",
          database="main").create()
assert db.dead is None
db.update(settings={"max_connections": 20})
db.delete()
print("done")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="is an ordinary user already: test_life covers it")
def test_ordinary_user(tmp_path: Path, cache: Path, postgres: str) -> None:
    user = 1  # daemon: initdb wants a user that exists
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, user, user)
    # Root's own directory is closed to others; in a mount namespace only the tests' Python is seen there, and open.
    python = Path(sys.base_prefix)
    closed = python.parents[-2]
    script = f"""
        held=$(mktemp -d) && mount --bind {python} $held && mount -t tmpfs -o mode=755 none {closed} &&
        mkdir -p {python} && mount --move $held {python} && rmdir $held; exec "$@"
    """
    through = ["unshare", "--mount", "sh", "-c", script if str(closed) == "/root" else 'exec "$@"', "-"]
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    words = [*through, *drop, sys.executable, "-B", "-c", LIFE, str(ROOT), str(folder / "home"), postgres]
    variables = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    done = subprocess.run(words, env=variables, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr
    assert [path.name for path in (folder / "home").iterdir()] == ["logs"]
