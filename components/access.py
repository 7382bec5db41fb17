"""Access: a right of one's own on a port, the only way anybody but the owner opens it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from components.base import Component
from components.names import shortened
from components.port import Credentials, Port
from components.primitives import (
    AccessOutputs,
    Bucket,
    BucketAccess,
    BucketAccessArgs,
    Database,
    Job,
    JobArgs,
    Secret,
    SecretArgs,
    locked,
    program,
)


@dataclass(frozen=True, kw_only=True)
class DatabaseAccessArgs:
    """A role on `database`: it reads or writes `schema`, until a date (ISO, inclusive)."""

    database: Database
    schema: str
    privilege: Literal["read", "write"] = "read"
    until: str | None = None


class DatabaseAccess(Component[DatabaseAccessArgs, AccessOutputs]):
    """A PostgreSQL role with a password of its own, made by a job inside the target and dropped with it."""

    type_token = "mesh:data:DatabaseAccess"
    Args, Outputs = DatabaseAccessArgs, AccessOutputs
    composed_of = (Secret, Job)

    def compose(self) -> AccessOutputs:
        args, admin = self.args, self.args.database.outputs.connection
        user = role_name(self.origin)
        password = Secret(self.child("password"), SecretArgs(), self.below())
        job = Job(
            self.child("role"),
            JobArgs(
                software=locked("postgres-client"),
                command=("python", "{{files}}/role.py"),
                undo=("python", "{{files}}/role.py", "--undo"),
                files={"role.py": program("role.py")},
                environment={
                    **admin.environment("admin"),
                    "ROLE": user,
                    "PRIVILEGE": args.privilege,
                    "SCHEMA": args.schema,
                    "UNTIL": args.until or "",
                },
                secrets={**admin.secrets("admin"), "ROLE_PASSWORD": password},
                uses=(args.database,),
                timeout_seconds=120,
            ),
            self.below(),
        )
        # Whoever takes the user name waits until the role is there.
        ready = job.outputs.revision.apply(lambda _: user)
        return AccessOutputs(credentials=Credentials(user=ready, secret=password))


def role_name(name: str) -> str:
    """A PostgreSQL role for a component's name: at most 63 characters, no dashes."""
    return shortened(name.replace("-", "_"), 63)


def writable(database: Database, schema: str, name: str, parent: Component[Any, Any]) -> Port:
    """The port of `database`'s `schema` with a writer's right of its own, called `name` and placed under `parent`."""
    args = DatabaseAccessArgs(database=database, schema=schema, privilege="write")
    access = DatabaseAccess(name, args, parent.below())
    return database.outputs.connection.only(schema=schema).opened_by(access.outputs.credentials)


def takes_credentials(port: Port) -> bool:
    """Whether somebody can be given a right of their own on a port, or its login."""
    return port.credentials is not None or isinstance(port.behind, Database | Bucket)


def opened(port: Port, name: str, parent: Component[Any, Any], until: str | None = None) -> Port:
    """`port` with a reader's right of its own, called `name` and placed under `parent`.

    A port of another stack brings the credentials of its grant; http ports are opened by their service's own login.
    """
    if port.credentials is not None or port.behind is None:
        return port
    if isinstance(port.behind, Database):
        schema = str(port.address["schema"])
        access: Component[Any, AccessOutputs] = DatabaseAccess(
            name, DatabaseAccessArgs(database=port.behind, schema=schema, until=until), parent.below()
        )
    elif isinstance(port.behind, Bucket):
        args = BucketAccessArgs(bucket=port.behind, prefix=port.address.get("prefix", ""), until=until)
        access = BucketAccess(name, args, parent.below())
    else:
        return port
    return port.opened_by(access.outputs.credentials)
