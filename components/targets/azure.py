"""Target azure: PostgreSQL flexible server, blob storage, Container Apps, Key Vault, in a private network."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pulumi

from components import mesh
from components.errors import UserError
from components.port import Port
from components.primitives import (
    SIZES,
    Database,
    DatabaseOutputs,
    Job,
    JobOutputs,
    Secret,
    SecretArgs,
    Service,
    ServiceOutputs,
)
from components.targets import implements, regions
from components.targets.azure_bucket import Buckets
from components.targets.azure_container import WEB, web_address
from components.targets.azure_database import flexible_server
from components.targets.azure_names import named
from components.targets.containers import ADMINISTRATOR, Containers, address, administered, keeps_data


class Azure(Buckets):
    """One private network, environment, vault and log workspace per stack; an identity of its own for each workload."""

    name = "azure"
    needs = {"region": "westeurope", **Containers.needs}
    adopts = frozenset({Database})
    knows = Containers.knows | {
        *("subscription", "resourceGroup", "registryId", "deployers", "public", "environmentId", "vaultId", "vnetId"),
        *("subnetId", "databaseSubnetId", "endpointSubnetId", "databaseZoneId", "vaultZoneId", "blobZoneId"),
    }

    @classmethod
    def regions(cls) -> Collection[str]:
        return regions.azure()

    @implements(Database)
    def postgres_flexible_server(self, database: Database) -> DatabaseOutputs:
        args, protected = database.args, self.settings.protected
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        host = flexible_server(
            database.name,
            self.physical(database, "server"),
            args,
            self.group,
            self.region,
            subnet=self.network.subnet("databases"),
            zone=self.network.zone(f"{self.settings.stack}.private.postgres.database.azure.com", "databaseZoneId"),
            tenant=self.images.tenant_id,
            administrator=(ADMINISTRATOR, password.outputs.value),
            protected=protected,
            logged=lambda server: self.logged(database.name, server, "allLogs", self.under(database)),
            tags=database.context.tags.as_map(),
            options=self.under(database),
            kept=self.under(database, protect=protected),
            adopts=database.adopts,
        )
        return administered(database, host, password)

    @implements(Service)
    def container_app(self, service: Service) -> ServiceOutputs:
        args = service.args
        self._accepts(service)
        work = self.workload(
            service,
            self.identity(service),
            image=self.image_of(args.software),
            command=args.command,
            environment=args.environment,
            secrets=args.secrets,
            files=args.files,
            endpoints=args.endpoints,
            size=args.size,
            start_seconds=args.start_seconds,
            maximum=args.maximum,
        )
        running = work.container_app(service.name, self.physical(service, "app"), self.place(service))
        ports = {}
        for number, (key, endpoint) in enumerate(args.endpoints.items()):
            if number == 0 and endpoint.protocol in WEB:
                parts: dict[str, pulumi.Input[Any]] = {"url": web_address(running)}
            else:
                parts = address(endpoint.protocol, running.name, endpoint.port)
            ports[key] = Port(protocol=endpoint.protocol, address=parts)
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def container_app_job(self, job: Job) -> JobOutputs:
        args, capacity = job.args, SIZES[job.args.size]
        work = self.workload(
            job,
            self.identity(job),
            image=self.image_of(args.software),
            command=args.command,
            environment=args.environment,
            secrets=args.secrets,
            files=args.files,
            size=args.size,
        )
        name = self.physical(job, "job")
        place = self.place(job)
        made = work.container_job(job.name, name, place, args.timeout_seconds)
        if args.schedule is not None:
            # One of its own: what Pulumi starts doesn't ask what time it is.
            repeated = named("job", self.scope, f"{job.origin}--schedule")
            work.container_job(job.child("schedule"), repeated, place, args.timeout_seconds, args.schedule)
        inputs = {
            "executor": "containerapps",
            "stack": self.settings.stack,
            "name": job.origin,
            "subscription": self.subscription,
            "resourceGroup": self.group,
            "job": made.name,
            "container": "main",
            "definition": work.content(),
            "undo": work.starting(args.undo) if args.undo else None,
            # The container has them from the vault; whoever shows its lines must know what to mask.
            "secrets": {key: secret.outputs.value for key, secret in args.secrets.items()},
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
            "cpu": capacity.cpu,
            "memoryMiB": capacity.memory,
            "tags": job.context.tags.as_map(),
        }
        run = mesh.JobRun(job.name, inputs, job.below(depends_on=[made]))
        return JobOutputs(revision=run.revision, job=pulumi.Output.from_input(f"containerapps:{name}"))

    def _accepts(self, service: Service) -> None:
        """Refuse what a Container App does not do."""
        if keeps_data(service):
            raise UserError(
                f"`{service.name}` keeps files over restarts (`{{{{data}}}}`), which a service on azure can't",
                hint="let it keep them in a Database or a Bucket; `{{scratch}}` is for what may be lost",
            )
        for number, (key, endpoint) in enumerate(service.args.endpoints.items()):
            if not endpoint.public:
                continue
            if endpoint.protocol != "http" or number:
                what = (
                    f"`{key}` of `{service.name}` can't be public on azure: only a first endpoint that speaks http can"
                )
                raise UserError(what, hint="take `public` off, or name that endpoint first")
            if not self.public:
                raise UserError(
                    f"`{key}` of `{service.name}` is public, and the environment of stack {self.settings.stack} has no "
                    "address on the internet",
                    hint=f"pulumi config set meshwright:public true -s {self.settings.stack} (before its first `up`)",
                )
