"""The role program on a real PostgreSQL: what a role may, until when, and that nothing of it stays after `--undo`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs.jobs import Done, Login, run

pytestmark = pytest.mark.software

Make = Callable[..., Done]
ODD = ['Say "hi"', "it's", "select", "größe", "a b-c%s{}", "back\\slash", "UPPER"]
TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest.fixture(params=["superuser", "owner"])
def admin(request: pytest.FixtureRequest, database: Login) -> Login:
    """The administrator that the program gets: on RDS it is none but the owner of its database, who may make roles."""
    if request.param == "superuser":
        return database
    name = f"owner_{database.database}"
    database.ask(f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD 'of-the-owner'")
    database.ask(f"ALTER DATABASE {database.database} OWNER TO {name}")
    return database.named(name, "of-the-owner")


@pytest.fixture
def schema(database: Login) -> str:
    """A schema of the test's own: the roles of a server are the same in all its databases."""
    return f"sales_{database.database}"


@pytest.fixture
def make(admin: Login, schema: str, tmp_path: Path) -> Make:
    """Run the program: `make(login)`, `make(login, "write")`, `make(login, undo=True)`."""

    def make(login: Login, privilege: str = "read", until: str = "", undo: bool = False, schema: str = schema) -> Done:
        variables = {
            **admin.variables("admin", schema="public"),
            "ROLE": login.user,
            "ROLE_PASSWORD": login.password,
            "PRIVILEGE": privilege,
            "SCHEMA": schema,
            "UNTIL": until,
        }
        done = run("role.py", "postgres-client", tmp_path, variables, {}, *(["--undo"] if undo else []))
        assert login.password not in done.output and admin.password not in done.output
        return done

    return make


@pytest.fixture
def reader(database: Login) -> Login:
    return database.named(f"reader_{database.database}", "reader-Pa55'word\\")


@pytest.fixture
def writer(database: Login) -> Login:
    return database.named(f"writer_{database.database}", "writer-password")


def groups(database: Login, role: str) -> list[str]:
    """The roles that a role is a member of, each once a grant."""
    found = database.ask(
        "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        f" JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $${role}$$ ORDER BY 1"
    )
    return [name for (name,) in found]


def exists(database: Login, role: str) -> bool:
    return bool(database.ask(f"SELECT 1 FROM pg_roles WHERE rolname = $${role}$$"))


def test_a_reader_reads_its_schema_now_and_later_and_nothing_else(
    make: Make, database: Login, reader: Login, writer: Login, schema: str
) -> None:
    assert make(writer, "write").metrics == {"rows": 1}
    writer.ask(f"CREATE TABLE {schema}.present AS SELECT 1 AS n")
    assert make(reader).metrics == {"rows": 1}
    assert reader.ask("SELECT n FROM present") == [(1,)], "its schema is where it looks"
    writer.ask(f"CREATE TABLE {schema}.future AS SELECT 2 AS n")
    writer.ask(f"CREATE VIEW {schema}.seen AS SELECT n + 1 FROM {schema}.future")
    assert reader.ask("SELECT * FROM future, seen") == [(2, 3)]

    database.ask("CREATE SCHEMA other")
    database.ask("CREATE TABLE other.secret AS SELECT 1; CREATE TABLE public.secret AS SELECT 1")
    for table in ("other.secret", "public.secret", "pg_authid"):
        assert reader.refused(f"TABLE {table}"), table
    for statement in (
        "INSERT INTO present VALUES (2)",
        "UPDATE present SET n = 2",
        "DELETE FROM present",
        "TRUNCATE present",
        "DROP TABLE present",
        f"CREATE TABLE {schema}.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        f"SET ROLE {schema}_write",
    ):
        assert reader.refused(statement), statement


def test_a_writer_creates_and_another_replaces(make: Make, writer: Login, reader: Login, schema: str) -> None:
    second = writer.named(f"second_{writer.user}", "second-password")
    for login in (writer, second):
        assert make(login, "write").code == 0
    writer.ask("CREATE TABLE t AS SELECT 1 AS n")
    writer.ask("CREATE SCHEMA staging_" + schema)
    second.ask("ALTER TABLE t ADD m int")
    second.ask("DROP TABLE t")
    second.ask("CREATE TABLE t AS SELECT 2 AS n")
    assert make(reader).code == 0
    assert reader.ask("TABLE t") == [(2,)]
    assert reader.refused(f"CREATE TABLE staging_{schema}.t (n int)")


@pytest.mark.parametrize(
    ("until", "opens"),
    [("2020-01-01", False), (f"{TODAY + datetime.timedelta(2)}", True), ("9999-12-31", True), ("", True)],
)
def test_a_right_ends_with_its_last_day(make: Make, reader: Login, until: str, opens: bool) -> None:
    assert make(reader, until=until).code == 0
    assert reader.refused() is not opens


def test_an_expiry_moves_with_the_next_run(make: Make, reader: Login) -> None:
    for until, opens in (("2020-01-01", False), ("", True), ("2020-01-01", False)):
        assert make(reader, until=until).code == 0
        assert reader.refused() is not opens, until


def test_a_second_run_changes_nothing(make: Make, database: Login, reader: Login, writer: Login, schema: str) -> None:
    def state() -> list[object]:
        """All that is known of roles and rights."""
        return [
            groups(database, reader.user),
            groups(database, writer.user),
            groups(database, f"{schema}_write"),
            database.ask("SELECT rolname, rolsuper, rolcreaterole, rolvaliduntil::text FROM pg_roles ORDER BY 1"),
            database.ask("SELECT setrole::regrole::text, setconfig FROM pg_db_role_setting ORDER BY 1, 2"),
            database.ask("SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1"),
            database.ask("SELECT defaclacl::text FROM pg_default_acl ORDER BY 1"),
            database.ask("SELECT datname, datacl::text FROM pg_database ORDER BY 1"),
        ]

    def both() -> None:
        assert (make(writer, "write").code, make(reader).code) == (0, 0)

    both()
    writer.ask("CREATE TABLE t AS SELECT 1 AS n")
    before = state()
    both()
    assert state() == before
    assert reader.ask("TABLE t") == [(1,)]


def test_a_new_password_takes_the_place_of_the_old(make: Make, database: Login, reader: Login) -> None:
    new = reader.named(reader.user, "n" * 32)
    assert (make(reader).code, make(new).code) == (0, 0)
    assert new.ask("SELECT 1") and reader.refused()
    stored = database.ask(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{reader.user}'")[0][0]
    assert stored.startswith("SCRAM-SHA-256$")


def test_a_right_is_what_the_newest_run_says(make: Make, database: Login, reader: Login, schema: str) -> None:
    assert make(reader, "write").code == 0
    reader.ask("CREATE TABLE t AS SELECT 1 AS n")
    assert make(reader).code == 0
    assert reader.ask("TABLE t") == [(1,)]
    assert reader.refused(f"CREATE TABLE {schema}.mine (n int)") and reader.refused(f"SET ROLE {schema}_write")
    assert make(reader, schema=f"{schema}_new").code == 0
    assert groups(database, reader.user) == [f"{schema}_new_read"]
    assert reader.refused(f"TABLE {schema}.t")


def test_undo_drops_a_role_with_sessions_things_and_grants(
    make: Make, database: Login, admin: Login, writer: Login, reader: Login, schema: str
) -> None:
    assert (make(writer, "write").code, make(reader).code) == (0, 0)
    writer.ask("CREATE TABLE kept AS SELECT 1 AS n")
    # Things of its own, not of its group; and what others gave to it by hand.
    database.ask(f"CREATE SCHEMA own AUTHORIZATION {writer.user}")
    writer.ask("SET ROLE none; CREATE TABLE own.t AS SELECT 2 AS n; GRANT SELECT ON own.t TO " + reader.user)
    admin.ask(f"CREATE TABLE public.given (n int); GRANT ALL ON public.given TO {writer.user} WITH GRANT OPTION")
    admin.ask(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {writer.user}")
    database.ask(f"GRANT pg_read_all_settings TO {writer.user} WITH ADMIN OPTION")
    with writer.connect() as session:
        session.execute("SELECT 1")
        done = make(writer, "write", undo=True)
        assert done.metrics == {"rows": 1}
        assert session.closed or not alive(database, session.info.backend_pid)
    assert not exists(database, writer.user) and writer.refused()
    assert database.ask(f"SELECT n FROM {schema}.kept UNION SELECT n FROM own.t ORDER BY 1") == [(1,), (2,)]
    assert reader.ask("TABLE kept") == [(1,)], "others keep their rights"
    assert make(reader, undo=True).code == 0
    assert not exists(database, reader.user)
    assert make(reader).code == 0 and reader.ask("TABLE kept") == [(1,)], "it can be made again"


def alive(database: Login, pid: int) -> bool:
    return bool(database.ask(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"))


def test_what_holds_a_role_is_named(make: Make, database: Login, admin: Login, reader: Login) -> None:
    assert make(reader).code == 0
    database.ask(f"CREATE TABLE public.given (n int); GRANT SELECT ON public.given TO {reader.user}")
    done = make(reader, undo=True)
    if admin == database:
        assert done.code == 0 and not exists(database, reader.user)
    else:  # what a superuser gave, only a superuser takes back
        assert done.code == 1 and "privileges for table given" in done.output


def test_undo_of_a_role_that_never_was(make: Make, database: Login, reader: Login) -> None:
    assert make(reader, undo=True).metrics == {"rows": 1}
    assert make(reader).code == 0
    for _ in range(2):
        assert make(reader, undo=True).code == 0
    assert not exists(database, reader.user)


@pytest.mark.parametrize("odd", ODD)
def test_odd_names(make: Make, database: Login, odd: str) -> None:
    schema = f"{odd} {database.database}"
    quoted = '"' + schema.replace('"', '""') + '"'
    writer, reader = (database.named(f"{who} {schema}", f"{odd}-password") for who in ("w", "r"))
    assert (make(writer, "write", schema=schema).code, make(reader, schema=schema).code) == (0, 0)
    writer.ask(f"CREATE TABLE {quoted}.t AS SELECT 1 AS n")
    assert reader.ask("TABLE t") == [(1,)]
    assert reader.refused("DELETE FROM t")
    for login in (writer, reader):
        assert make(login, schema=schema, undo=True).code == 0
        assert not exists(database, login.user)


def test_names_as_long_as_postgres_takes_them_and_no_longer(make: Make, database: Login) -> None:
    schema, role = database.database.ljust(57, "s"), database.database.ljust(63, "r")
    login = database.named(role, "a-password")
    for _ in range(2):
        assert make(login, "write", schema=schema).code == 0
    login.ask("CREATE TABLE t AS SELECT 1")
    for long in (
        make(login, schema=schema + "s"),
        make(database.named(role + "r", "a-password")),
        make(database.named("ü" * 32, "a-password")),
    ):
        assert long.code == 1
        assert "is longer than" in long.output and len(long.output.splitlines()) == 1


def test_a_failure_is_one_sentence(database: Login, reader: Login, tmp_path: Path) -> None:
    variables = {
        **database.named(database.user, "not-its-password").variables("admin"),
        "ROLE": reader.user,
        "ROLE_PASSWORD": reader.password,
        "PRIVILEGE": "read",
        "SCHEMA": "sales",
    }
    done = run("role.py", "postgres-client", tmp_path, variables, {})
    assert done.code == 1
    (line,) = done.output.splitlines()
    assert line.startswith(f"role {reader.user}: ") and "password authentication failed" in line
    assert "not-its-password" not in line and reader.password not in line
