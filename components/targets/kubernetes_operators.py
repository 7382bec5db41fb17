"""What an operator on the cluster does better than we: by the stack's configuration."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes import apiextensions, core, meta

from components.port import Credentials, Port
from components.primitives import SIZES, Database, DatabaseOutputs, Endpoint, Secret, SecretArgs
from components.targets import implements
from components.targets.containers import POSTGRES
from components.targets.kubernetes_objects import physical
from components.targets.kubernetes_schedule import Scheduled

SUPERUSER = "postgres"
"""CloudNativePG knows no other name for it."""
STATUS = Endpoint(protocol="http", port=8000)
"""Where the operator asks each instance how it is (cloudnative-pg.io, "Networking")."""
IMAGE = "ghcr.io/cloudnative-pg/postgresql"


class Operators(Scheduled):
    """`meshwright:cloudNativePg: true` hands databases to CloudNativePG."""

    @implements(Database, when="cloudNativePg")
    def cloudnativepg_cluster(self, database: Database) -> DatabaseOutputs:
        args, name, capacity = database.args, physical(database), SIZES[database.args.size]
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        login = core.v1.Secret(
            database.child("superuser"),
            metadata=self.meta(database),
            type="kubernetes.io/basic-auth",
            string_data={"username": SUPERUSER, "password": password.outputs.value},
            opts=self.under(database),
        )
        policy = self.run_by_operator(database, {"sql": POSTGRES}, {"cnpg.io/cluster": name}, STATUS)
        made = apiextensions.CustomResource(
            database.name,
            api_version="postgresql.cnpg.io/v1",
            kind="Cluster",
            metadata=meta.v1.ObjectMetaArgs(
                name=name,
                namespace=self.namespace,
                labels=self.labels(database),
                annotations={"pulumi.com/waitFor": "condition=Ready"},
            ),
            # The SDK has no types for what a cluster was taught later.
            spec={
                "instances": int(self.settings.values.get("cloudNativePgInstances") or 1),
                "imageName": f"{self.settings.values.get('cloudNativePgImage') or IMAGE}:{args.version}",
                "enableSuperuserAccess": True,
                "superuserSecret": {"name": login.metadata.name},
                "bootstrap": {"initdb": {"database": args.name, "owner": args.name, "encoding": "UTF8"}},
                "storage": {"size": f"{args.storage}Gi"},
                "postgresql": {"parameters": {"max_connections": "100"}},
                "resources": {
                    "requests": {"cpu": f"{int(capacity.cpu * 500)}m", "memory": f"{capacity.memory}Mi"},
                    "limits": {"cpu": f"{int(capacity.cpu * 1000)}m", "memory": f"{capacity.memory}Mi"},
                },
                "inheritedMetadata": {"labels": self.tag_labels(database)},
            },
            opts=self.under(database, protect=self.settings.protected, depends_on=policy),
        )
        host = pulumi.Output.concat(f"{name}-rw.", self.namespace, ".svc")
        ready = pulumi.Output.all(made.id, host).apply(lambda known: str(known[1]))
        parts = {"host": ready, "port": POSTGRES.port, "database": args.name, "schema": "public"}
        credentials = Credentials(user=SUPERUSER, secret=password)
        return DatabaseOutputs(connection=Port(protocol="sql", address=parts, credentials=credentials, behind=database))
