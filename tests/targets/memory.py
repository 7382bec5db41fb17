"""A target in memory: what a sixth target needs at least."""

from __future__ import annotations

from typing import Any

import pulumi

from components.base import Component
from components.port import Credentials, Port
from components.primitives import Database, DatabaseOutputs, Job, JobOutputs, Secret, SecretArgs, SecretOutputs
from components.targets import Target, implements


class Thing(pulumi.CustomResource):
    """Any resource of the memory target."""

    value: pulumi.Output[str]

    def __init__(self, component: Component[Any, Any], **inputs: Any) -> None:
        super().__init__(
            f"memory:index:{type(component).__name__}",
            component.name,
            {**inputs, "tags": component.context.tags.as_map(), "value": None},
            component.below(),
        )


class Memory(Target):
    """Builds what `table` needs, and no more."""

    name = "memory"
    needs = {"room": "attic"}

    @implements(Secret)
    def kept_secret(self, secret: Secret) -> SecretOutputs:
        return SecretOutputs(value=Thing(secret, length=secret.args.length).value)

    @implements(Database)
    def dictionary(self, database: Database) -> DatabaseOutputs:
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        made = Thing(database, password=password.outputs.value)
        address = {"host": made.value, "port": 1, "database": database.args.name, "schema": "public"}
        credentials = Credentials(user="admin", secret=password)
        return DatabaseOutputs(
            connection=Port(protocol="sql", address=address, credentials=credentials, behind=database)
        )

    @implements(Database, when="btree")
    def tree(self, database: Database) -> DatabaseOutputs:
        return self.dictionary(database)

    @implements(Job)
    def call(self, job: Job) -> JobOutputs:
        run = Thing(job, command=list(job.args.command), triggers=list(job.args.triggers))
        return JobOutputs(revision=run.value, job=run.urn)
