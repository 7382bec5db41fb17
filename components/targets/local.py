"""Target local: real software on this machine, without containers, supervised per stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components import mesh
from components.errors import UserError
from components.port import Credentials, Port
from components.primitives import (
    SIZES,
    AccessOutputs,
    Bucket,
    BucketAccess,
    BucketOutputs,
    Database,
    DatabaseOutputs,
    Job,
    JobOutputs,
    Secret,
    SecretArgs,
    Service,
    ServiceOutputs,
    Software,
    locked,
)
from components.targets import StackSettings, implements
from components.targets.machine import Machine, state_home

__all__ = ["Local", "state_home"]


class Local(Machine):
    """One supervisor and one data directory per stack; addresses on the loopback unless `meshwright:bind` says else."""

    name = "local"
    knows = Machine.knows | {"autorestart", "bind"}
    here = True

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.bind = str(settings.values.get("bind") or "127.0.0.1")
        self.environments: dict[str, mesh.Environment] = {}

    def environment(self, software: Software) -> pulumi.Output[str]:
        """The path of the stack's environment for `software`."""
        if software.name not in self.environments:
            inputs = {
                "software": software.name,
                "requirements": list(software.packages),
                "python": software.python,
                "tags": self.settings.shared_tags().as_map(),
            }
            self.environments[software.name] = mesh.Environment(software.name, inputs)
        return self.environments[software.name].path

    def tunnel(self, host: str, port: int, local: int) -> list[str]:
        """None is needed."""
        raise UserError(f"the ports of {self.settings.stack} need no tunnel: they answer on this machine")

    @implements(Database)
    def postgres_server(self, database: Database) -> DatabaseOutputs:
        args = database.args
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        inputs = {
            **self.common(database, args.size),
            "environment": self.environment(locked("postgres")),
            "version": args.version,
            "database": args.name,
            "password": password.outputs.value,
            "bind": self.bind,
            "settings": {"max_connections": "100", "shared_buffers": f"{SIZES[args.size].memory // 8}MB"},
        }
        server = mesh.PostgresServer(database.name, inputs, database.below(protect=self.settings.protected))
        connection = Port(
            protocol="sql",
            address={"host": server.host, "port": server.port.apply(int), "database": args.name, "schema": "public"},
            credentials=Credentials(user=server.user, secret=password),
            behind=database,
        )
        return DatabaseOutputs(connection=connection)

    @implements(Bucket)
    def object_store(self, bucket: Bucket) -> BucketOutputs:
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        inputs = {
            **self.common(bucket, bucket.args.size),
            "environment": self.environment(locked("seaweedfs")),
            "bucket": bucket.origin,
            "accessKey": "owner",
            "secretKey": secret.outputs.value,
            "bind": self.bind,
        }
        store = mesh.ObjectStore(bucket.name, inputs, bucket.below(protect=self.settings.protected))
        objects = Port(
            protocol="s3",
            address={"endpoint": store.endpoint, "bucket": bucket.origin, "prefix": ""},
            credentials=Credentials(user="owner", secret=secret),
            behind=bucket,
        )
        return BucketOutputs(objects=objects)

    @implements(BucketAccess)
    def object_store_key(self, access: BucketAccess) -> AccessOutputs:
        secret = Secret(access.child("key"), SecretArgs(length=40), access.below())
        inputs = {
            "home": self.home,
            "name": access.origin,
            # The address makes the key wait for its store.
            "endpoint": access.args.bucket.outputs.objects.address["endpoint"],
            "store": access.args.bucket.origin,
            "bucket": access.args.bucket.origin,
            "prefix": access.args.prefix,
            "actions": ["Read", "List"],
            "until": access.args.until,
            "accessKey": access.origin,
            "secretKey": secret.outputs.value,
            "tags": access.context.tags.as_map(),
        }
        key = mesh.ObjectStoreKey(access.name, inputs, access.below())
        user = key.id.apply(lambda _: access.origin)
        return AccessOutputs(credentials=Credentials(user=user, secret=secret))

    @implements(Service)
    def process(self, service: Service) -> ServiceOutputs:
        args = service.args
        inputs = {
            **self.common(service, args.size),
            "environment": self.environment(args.software),
            "command": list(args.command),
            "variables": dict(args.environment),
            "secrets": {key: secret.outputs.value for key, secret in args.secrets.items()},
            "files": dict(args.files),
            "endpoints": {
                key: {"protocol": endpoint.protocol, "health": endpoint.health or "tcp"}
                for key, endpoint in args.endpoints.items()
            },
            "bind": self.bind,
            "authentication": args.authentication,
            "startSeconds": args.start_seconds,
            "autorestart": bool(self.settings.values.get("autorestart", True)),
        }
        running = mesh.Process(service.name, inputs, service.below())
        ports = {
            key: Port(protocol=endpoint.protocol, address=_address(endpoint.protocol, running.endpoints, key))
            for key, endpoint in args.endpoints.items()
        }
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def process_run(self, job: Job) -> JobOutputs:
        args = job.args
        return self.run(
            job,
            executor="process",
            environment=self.environment(args.software),
            command=list(args.command),
            undo=list(args.undo) or None,
            variables=dict(args.environment),
            files=dict(args.files),
        )


def _address(protocol: str, endpoints: pulumi.Output[dict[str, Any]], key: str) -> dict[str, pulumi.Input[Any]]:
    host = endpoints.apply(lambda all_: all_[key]["host"])
    port = endpoints.apply(lambda all_: int(all_[key]["port"]))
    if protocol == "http":
        return {"url": pulumi.Output.concat("http://", host, ":", port.apply(str))}
    scheme = {"dask": "tls", "spark": "spark"}.get(protocol, protocol)
    return {"address": pulumi.Output.concat(scheme, "://", host, ":", port.apply(str))}
