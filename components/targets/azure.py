"""Target azure: PostgreSQL flexible server, blob storage, Container Apps, Key Vault, in a private network.

A Bucket's port speaks S3, which Azure's storage does not. So its objects are blobs of a storage account, and a gateway
(`versitygw`, an image of the stack's registry) speaks S3 before it. It keeps nothing itself: its readers stand in a
container of the same account, their rights in the metadata of the bucket's. SeaweedFS, which does this elsewhere,
would keep its files on a share: Container Apps starts a revision beside the last one, and two of it on one share lose
data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_azure_native import keyvault, managedidentity

from components import mesh
from components.base import Component
from components.port import Credentials, Port
from components.primitives import (
    SIZES,
    AccessOutputs,
    Bucket,
    BucketAccess,
    BucketOutputs,
    Database,
    DatabaseOutputs,
    Endpoint,
    Job,
    JobArgs,
    JobOutputs,
    Secret,
    SecretArgs,
    SecretOutputs,
    Service,
    ServiceOutputs,
    locked,
    program,
)
from components.targets import StackSettings, implements
from components.targets.azure_container import WEB, Place, Workload, secret_name, web_address
from components.targets.azure_database import flexible_server
from components.targets.azure_shared import (
    KEY_VAULT_SECRETS_USER,
    RECOVERABLE,
    RECOVERABLE_PROTECTED,
    STORAGE_BLOB_DATA_CONTRIBUTOR,
    Shared,
    named,
)
from components.targets.azure_storage import Store, private_store
from components.targets.containers import ADMINISTRATOR, Containers, address, administered, image

GATEWAY, GATEWAY_VERSION = "versitygw", "v1.8.0"
"""github.com/versity/versitygw, an upstream image that the operator copies into the registry."""
OBJECTS = Endpoint(protocol="s3", port=8333, health="/healthz")
GATEWAY_START_SECONDS = 60
OWNER = "owner"


class Azure(Shared):
    """One private network, environment, vault and log workspace per stack; an identity of its own for each workload."""

    name = "azure"
    needs = {"region": "westeurope", **Containers.needs}

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.secrets: dict[str, keyvault.Secret] = {}
        """The vault's secret of each Secret component, by name."""
        self.stores: dict[str, Store] = {}
        """The storage of each Bucket, by name."""

    @implements(Secret)
    def key_vault_secret(self, secret: Secret) -> SecretOutputs:
        tags, value = secret.context.tags.as_map(), secret.args.value
        if value is None:
            value = mesh.SecretValue(secret.name, {"length": secret.args.length, "tags": tags}, secret.below()).value
        self.secrets[secret.name] = keyvault.Secret(
            secret.name,
            vault_name=self.vault.name,
            resource_group_name=self.vault.group,
            properties=keyvault.SecretPropertiesArgs(value=value, content_type="text/plain"),
            tags=tags,
            opts=self.under(secret, deleted_with=self.vault.owned),
        )
        return SecretOutputs(value=value)

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
        )
        return administered(database, host, password)

    @implements(Bucket)
    def blob_container(self, bucket: Bucket) -> BucketOutputs:
        protected, tags = self.settings.protected, bucket.context.tags.as_map()
        store = private_store(
            bucket.name,
            (self.physical(bucket, "account"), self.physical(bucket, "container")),
            self.group,
            self.region,
            protected=protected,
            days=RECOVERABLE_PROTECTED if protected else RECOVERABLE,
            tags=tags,
            options=self.under(bucket),
            kept=self.under(bucket, protect=protected),
        )
        zone = self.network.zone("privatelink.blob.core.windows.net", "blobZoneId")
        name, options = self.physical(bucket, "endpoint"), self.under(bucket)
        ready = self.network.endpoint(bucket.name, name, store.account.id, "blob", zone, tags, options)
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        objects = Port(
            protocol="s3",
            address={
                "endpoint": self._gateway(bucket, store, secret, ready),
                "bucket": store.objects.name,
                "prefix": "",
            },
            credentials=Credentials(user=OWNER, secret=secret),
            behind=bucket,
        )
        return BucketOutputs(objects=objects)

    def _gateway(
        self, bucket: Bucket, store: Store, secret: Secret, ready: list[pulumi.Resource]
    ) -> pulumi.Output[str]:
        """The address of what speaks S3 before a store; it alone has a role there."""
        identity = self._identity(bucket)
        for part, container in (("objects", store.objects), ("keys", store.keys)):
            name, role = bucket.child(f"writes-{part}"), STORAGE_BLOB_DATA_CONTRIBUTOR
            ready.append(self.grant(name, identity, role, container.id, self.under(bucket)))
        work = self._workload(
            bucket,
            identity,
            image=image(self.settings.values["registry"], f"{GATEWAY}:{GATEWAY_VERSION}"),
            command=(GATEWAY, "--port", f":{OBJECTS.port}", "--health", OBJECTS.health, "azure"),
            environment={
                "AZ_ACCOUNT_NAME": store.account.name,
                "AZ_ENDPOINT": store.account.primary_endpoints.blob,
                "AZURE_CLIENT_ID": identity.client_id,
                "ROOT_ACCESS_KEY_ID": OWNER,
                # It reads its readers through itself.
                "VGW_S3_IAM_ENDPOINT": f"http://127.0.0.1:{OBJECTS.port}",
                "VGW_S3_IAM_BUCKET": store.keys.name,
                "VGW_S3_IAM_REGION": "us-east-1",
                "VGW_S3_IAM_ACCESS_KEY": OWNER,
            },
            secrets={"ROOT_SECRET_ACCESS_KEY": secret, "VGW_S3_IAM_SECRET_KEY": secret},
            endpoints={"s3": OBJECTS},
            size=bucket.args.size,
            start_seconds=GATEWAY_START_SECONDS,
            acts=True,
        )
        return web_address(work.container_app(bucket.name, self.physical(bucket, "app"), self._place(bucket, ready)))

    @implements(BucketAccess)
    def gateway_key(self, access: BucketAccess) -> AccessOutputs:
        args = access.args
        port = args.bucket.outputs.objects
        owner = port.credentials
        assert owner is not None
        secret = Secret(access.child("key"), SecretArgs(length=40), access.below())
        job = Job(
            access.child("rights"),
            JobArgs(
                software=locked("postgres-client"),  # Python is all it needs
                command=("python", "{{files}}/gateway_key.py"),
                undo=("python", "{{files}}/gateway_key.py", "--undo"),
                files={"gateway_key.py": program("gateway_key.py")},
                environment={
                    "ENDPOINT": port.address["endpoint"],
                    "BUCKET": port.address["bucket"],
                    "OWNER": owner.user,
                    "KEY": access.origin,
                    "PREFIX": args.prefix,
                    "UNTIL": args.until or "",
                },
                secrets={"OWNER_SECRET_KEY": owner.secret, "SECRET_KEY": secret},
                uses=(args.bucket,),
                timeout_seconds=120,
            ),
            access.below(),
        )
        user = job.outputs.revision.apply(lambda _: access.origin)
        return AccessOutputs(credentials=Credentials(user=user, secret=secret))

    @implements(Service)
    def container_app(self, service: Service) -> ServiceOutputs:
        args = service.args
        work = self._workload(
            service,
            self._identity(service),
            image=self.image_of(args.software),
            command=args.command,
            environment=args.environment,
            secrets=args.secrets,
            files=args.files,
            endpoints=args.endpoints,
            size=args.size,
            start_seconds=args.start_seconds,
        )
        running = work.container_app(service.name, self.physical(service, "app"), self._place(service))
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
        work = self._workload(
            job,
            self._identity(job),
            image=self.image_of(args.software),
            command=args.command,
            environment=args.environment,
            secrets=args.secrets,
            files=args.files,
            size=args.size,
        )
        name = self.physical(job, "job")
        place = self._place(job)
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

    def _place(self, owner: Component[Any, Any], ready: Sequence[pulumi.Resource] = ()) -> Place:
        """Where an app or a job of a component goes, and what must be there before it."""
        return Place(
            group=self.group,
            region=self.region,
            environment=self.environment,
            tags=owner.context.tags.as_map(),
            options=self.under(owner, depends_on=[*ready]),
        )

    def _identity(self, owner: Component[Any, Any]) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            owner.name,
            resource_name_=self.physical(owner, "identity"),
            resource_group_name=self.group,
            location=self.region,
            tags=owner.context.tags.as_map(),
            opts=self.under(owner),
        )

    def _workload(
        self,
        owner: Component[Any, Any],
        identity: managedidentity.UserAssignedIdentity,
        secrets: Mapping[str, Secret],
        **parts: Any,
    ) -> Workload:
        """What an app or a job consists of; its identity may read its own secrets in the vault and nothing else."""
        kept = {key: self.secrets[secret.name] for key, secret in secrets.items()}
        readable = {secret.name: (key, self.secrets[secret.name]) for key, secret in secrets.items()}
        grants = [
            self.grant(
                owner.child(f"reads-{secret_name(key)}"), identity, KEY_VAULT_SECRETS_USER, found.id, self.under(owner)
            )
            for key, found in readable.values()
        ]
        return Workload(
            identity=identity,
            images=self.images,
            registry=str(self.settings.values["registry"]),
            secrets=kept,
            ready=[*grants, *self.vault.ready] if grants else [],
            **parts,
        )
