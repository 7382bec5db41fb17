"""Makes a PostgreSQL role that reads or writes one schema, or drops it with `--undo`."""

import os
import sys
import time

import psycopg
from psycopg import sql

# Serialises the role jobs of one database: concurrent GRANTs on one object fail with "tuple concurrently updated".
LOCK = 5_318_008
LONGEST = 63
"""Bytes of a name (NAMEDATALEN - 1): PostgreSQL cuts a longer one, and `<schema>_read` would be `<schema>_write`."""


def main() -> None:
    """ADMIN_* says where; ROLE, ROLE_PASSWORD, PRIVILEGE (read, write), SCHEMA and UNTIL (ISO date) say what."""
    role, schema = os.environ["ROLE"], os.environ["SCHEMA"]
    with connected() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if "--undo" in sys.argv:
            drop(connection, role)
        else:
            for what, limit in ((role, LONGEST), (schema, LONGEST - len("_write"))):
                if len(what.encode()) > limit:
                    sys.exit(f"role {role}: the name {what} is longer than {limit} bytes")
            make(connection, role, schema, os.environ["PRIVILEGE"], os.environ.get("UNTIL", ""))
    print('::mesh:: {"rows": 1}')


def connected() -> "psycopg.Connection[tuple[object, ...]]":
    """The administrator's connection; a server that is still starting gets a few seconds."""
    for attempt in range(20):
        try:
            return psycopg.connect(
                host=os.environ["ADMIN_HOST"],
                port=int(os.environ["ADMIN_PORT"]),
                dbname=os.environ["ADMIN_DATABASE"],
                user=os.environ["ADMIN_USER"],
                password=os.environ["ADMIN_PASSWORD"],
                connect_timeout=10,
            )
        except psycopg.OperationalError:
            if attempt == 19:
                raise
            time.sleep(0.25)
    raise AssertionError


def make(
    connection: "psycopg.Connection[tuple[object, ...]]", role: str, schema: str, privilege: str, until: str
) -> None:
    """One group reads the schema, one owns it; roles are members, so tables made later are covered as well."""
    readers, writers = sql.Identifier(f"{schema}_read"), sql.Identifier(f"{schema}_write")
    name, space = sql.Identifier(role), sql.Identifier(schema)
    database = sql.Identifier(os.environ["ADMIN_DATABASE"])
    run = connection.execute
    for group in (f"{schema}_read", f"{schema}_write"):
        if not known(connection, group):
            run(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT {writers} TO CURRENT_USER",
        "CREATE SCHEMA IF NOT EXISTS {space} AUTHORIZATION {writers}",
        "GRANT CONNECT ON DATABASE {database} TO {readers}, {writers}",
        # Loaders stage their data in a schema of their own beside this one.
        "GRANT CREATE ON DATABASE {database} TO {writers}",
        "GRANT USAGE ON SCHEMA {space} TO {readers}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {space} TO {readers}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {writers} IN SCHEMA {space} GRANT SELECT ON TABLES TO {readers}",
    ):
        run(sql.SQL(statement).format(database=database, space=space, readers=readers, writers=writers))
    if not known(connection, role):
        run(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    # Only the SCRAM verifier leaves this process: no password in the server's log, whatever fails.
    verifier = connection.pgconn.encrypt_password(os.environ["ROLE_PASSWORD"].encode(), role.encode(), b"scram-sha-256")
    expiry = f"{until} 23:59:59+00" if until else "infinity"
    run(
        sql.SQL("ALTER ROLE {} PASSWORD {} VALID UNTIL {}").format(
            name, sql.Literal(verifier.decode()), sql.Literal(expiry)
        )
    )
    group = f"{schema}_{privilege}"
    for held in groups(connection, role):
        if held != group:
            run(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(held), name))
    run(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), name))
    if privilege == "write":
        # What it makes belongs to the group: a later loader can replace it.
        run(sql.SQL("ALTER ROLE {} SET role TO {}").format(name, sql.Literal(group)))
    else:
        run(sql.SQL("ALTER ROLE {} RESET role").format(name))
    run(sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path TO {}").format(name, database, space))


def drop(connection: "psycopg.Connection[tuple[object, ...]]", role: str) -> None:
    """End its sessions and drop it; what it owned goes to the administrator."""
    if not known(connection, role):
        return
    name = sql.Identifier(role)
    # An owner that is no superuser, as on RDS, may only end and reassign what belongs to a role it is a member of.
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,))
    connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
    connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
    connection.execute(sql.SQL("DROP ROLE {}").format(name))


def groups(connection: "psycopg.Connection[tuple[object, ...]]", role: str) -> list[str]:
    """The groups of schemas that a role is a member of."""
    held = connection.execute(
        "SELECT held.rolname FROM pg_auth_members m JOIN pg_roles held ON held.oid = m.roleid"
        " JOIN pg_roles role ON role.oid = m.member WHERE role.rolname = %s AND held.rolname ~ '_(read|write)$'",
        (role,),
    )
    return [str(name) for (name,) in held]


def known(connection: "psycopg.Connection[tuple[object, ...]]", role: str) -> bool:
    """Whether a role is there."""
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


if __name__ == "__main__":
    try:
        main()
    except psycopg.Error as error:
        detail = f" ({'; '.join(error.diag.message_detail.splitlines())})" if error.diag.message_detail else ""
        sys.exit(f"role {os.environ.get('ROLE')}: {str(error).splitlines()[0]}{detail}")
