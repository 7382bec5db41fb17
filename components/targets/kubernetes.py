"""Target kubernetes: StatefulSets, Deployments and Jobs in a namespace of the stack's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import apps, batch, core, meta

from components import mesh
from components.base import Component
from components.names import shortened
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
from components.targets.containers import DATA, FILES, Places, address, image_of
from components.targets.kubernetes_objects import Objects, physical, selected
from components.targets.kubernetes_pod import data, probe, scratch, template

ADMINISTRATOR = "mesh_admin"
POSTGRES = Endpoint(protocol="sql", port=5432)
OBJECTS = Endpoint(protocol="s3", port=8333, health="/healthz")
WEED_INSIDE = {
    "master": Endpoint(protocol="http", port=9333),
    "master-grpc": Endpoint(protocol="http", port=19333),
    "filer": Endpoint(protocol="http", port=8888),
    "filer-grpc": Endpoint(protocol="http", port=18888),
}
WEED = (
    f"dir={DATA}",
    "ip.bind=0.0.0.0",
    "filer",
    "s3",
    f"s3.port={OBJECTS.port}",
    "volume.max=0",
    "master.volumeSizeLimitMB=1024",
    "master.telemetry=false",
)
WEED_TOKENS = tuple(
    f"WEED_JWT_{part}KEY" for part in ("SIGNING_", "SIGNING_READ_", "FILER_SIGNING_", "FILER_SIGNING_READ_")
)
"""Its inner servers answer only what carries a token signed by these keys."""
SECRETS = "/secrets"
SERVICE_DATA = 10
"""GiB for a service that keeps files of its own."""


class Kubernetes(Objects):
    """`meshwright:namespace` names a namespace that is there; without it the stack makes one of its own name."""

    name = "kubernetes"
    needs = ("registry",)

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.secrets: dict[str, core.v1.Secret] = {}
        """The Secret object of each Secret component, by name."""
        self.stores: dict[str, tuple[pulumi.Output[str], Secret]] = {}
        """Where each Bucket's store answers, and its owner's key, by name."""

    def image(self, software: str) -> str:
        """The image of a software that the target itself needs."""
        return image_of(self.settings.values["registry"], locked(software))

    @implements(Secret)
    def secret_object(self, secret: Secret) -> SecretOutputs:
        value = secret.args.value
        if value is None:
            inputs = {"length": secret.args.length, "tags": secret.context.tags.as_map()}
            value = mesh.SecretValue(secret.name, inputs, secret.below()).value
        self.secrets[secret.name] = core.v1.Secret(
            secret.name, metadata=self.meta(secret), string_data={"value": value}, opts=self.under(secret)
        )
        return SecretOutputs(value=value)

    @implements(Database)
    def postgres_stateful_set(self, database: Database) -> DatabaseOutputs:
        args = database.args
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        files = self.files(database, {"database.sh": program("database.sh")})
        kept = core.v1.SecretVolumeSourceArgs(secret_name=self.secrets[password.name].metadata.name, default_mode=0o440)
        pod = template(
            self.labels(database),
            image=self.image("postgres"),
            command=["sh", f"{FILES}/database.sh", "-c", "max_connections=100"],
            size=args.size,
            environment={"DATA": DATA, "DATABASE": args.name, "PASSWORD_FILE": f"{SECRETS}/value"},
            files=files,
            paths=["database.sh"],
            endpoints={"sql": POSTGRES},
            probe=probe(POSTGRES),
            volumes=[core.v1.VolumeArgs(name="secrets", secret=kept)],
            mounts=[data(), core.v1.VolumeMountArgs(name="secrets", mount_path=SECRETS, read_only=True)],
        )
        host = self.service(database, {"sql": POSTGRES}, headless=True)
        ready = self.stateful_set(database, pod, host, args.storage)
        connection = Port(
            protocol="sql",
            address={"host": ready, "port": POSTGRES.port, "database": args.name, "schema": "public"},
            credentials=Credentials(user=ADMINISTRATOR, secret=password),
            behind=database,
        )
        return DatabaseOutputs(connection=connection)

    @implements(Bucket)
    def seaweedfs_stateful_set(self, bucket: Bucket) -> BucketOutputs:
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        key = self.secrets[secret.name]
        host = self.service(bucket, {"s3": OBJECTS, **WEED_INSIDE}, headless=True)
        pod = template(
            self.labels(bucket),
            image=self.image("seaweedfs"),
            command=["weed", "server", *(f"-{flag}" for flag in WEED), pulumi.Output.concat("-ip=", host)],
            size=bucket.args.size,
            # The first two make an administrator: nobody gets in without a key. The others close what is inside.
            environment={"AWS_ACCESS_KEY_ID": "owner"},
            secrets=dict.fromkeys(("AWS_SECRET_ACCESS_KEY", *WEED_TOKENS), key),
            endpoints={"s3": OBJECTS},
            probe=probe(OBJECTS),
            mounts=[data()],
        )
        ready = self.stateful_set(bucket, pod, host, bucket.args.storage)
        self.stores[bucket.name] = ready, secret
        owner = self._bucket_key(bucket, bucket, "owner", secret, "Admin,Read,Write,List,Tagging")
        endpoint = pulumi.Output.concat("http://", ready, f":{OBJECTS.port}")
        objects = Port(
            protocol="s3",
            address={"endpoint": endpoint, "bucket": bucket_name(bucket), "prefix": ""},
            # The bucket is there once its owner has the rights.
            credentials=Credentials(user=owner.revision.apply(lambda _: "owner"), secret=secret),
            behind=bucket,
        )
        return BucketOutputs(objects=objects)

    @implements(BucketAccess)
    def seaweedfs_reader(self, access: BucketAccess) -> AccessOutputs:
        args = access.args
        secret = Secret(access.child("key"), SecretArgs(length=40), access.below())
        name = bucket_name(args.bucket)
        prefix = pulumi.Output.from_input(args.prefix).apply(lambda text: f"/{text}*" if text else "")
        actions = pulumi.Output.concat(f"Read:{name}", prefix, f",List:{name}")
        run = self._bucket_key(access, args.bucket, access.origin, secret, actions)
        user = run.revision.apply(lambda _: access.origin)
        return AccessOutputs(credentials=Credentials(user=user, secret=secret))

    @implements(Service)
    def deployment(self, service: Service) -> ServiceOutputs:
        args, places = service.args, Places(service.args.endpoints)
        name = physical(service)
        first = next(iter(args.endpoints.values()), None)
        pod = template(
            self.labels(service),
            image=image_of(self.settings.values["registry"], args.software),
            command=[places.fill(word) for word in args.command],
            size=args.size,
            environment=places.fill_all(args.environment),
            secrets={key: self.secrets[secret.name] for key, secret in args.secrets.items()},
            files=self.files(service, places.fill_all(args.files)),
            paths=list(args.files),
            endpoints=args.endpoints,
            probe=probe(first) if first else None,
            volumes=[self.kept(service, SERVICE_DATA) if keeps_data(service) else scratch()],
            mounts=[data()],
        )
        running = apps.v1.Deployment(
            service.name,
            metadata=self.meta(service, name),
            spec=apps.v1.DeploymentSpecArgs(
                selector=meta.v1.LabelSelectorArgs(match_labels=selected(service)),
                template=pod,
                replicas=1,
                progress_deadline_seconds=args.start_seconds + 60,  # the image is pulled first
                strategy=apps.v1.DeploymentStrategyArgs(type="Recreate" if keeps_data(service) else "RollingUpdate"),
            ),
            opts=self.under(service),
        )
        host = self.service(service, args.endpoints, headless=False)
        # Whoever reads the address waits until the pods are ready.
        ready = pulumi.Output.all(running.id, host).apply(lambda known: str(known[1]))
        ports = {
            key: Port(protocol=endpoint.protocol, address=address(endpoint.protocol, ready, endpoint.port))
            for key, endpoint in args.endpoints.items()
        }
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def batch_job(self, job: Job) -> JobOutputs:
        args, places = job.args, Places()
        files = self.files(job, places.fill_all(args.files))
        pod = template(
            self.labels(job),
            image=image_of(self.settings.values["registry"], args.software),
            command=[places.fill(word) for word in args.command],
            size=args.size,
            environment=places.fill_all(args.environment),
            secrets={key: self.secrets[secret.name] for key, secret in args.secrets.items()},
            files=files,
            paths=list(args.files),
            volumes=[scratch()],
            mounts=[data()],
            restart="Never",
        )
        manifest = batch.v1.JobArgs(
            api_version="batch/v1",
            kind="Job",
            metadata=self.meta(job, physical(job)),
            spec=batch.v1.JobSpecArgs(template=pod, backoff_limit=0, active_deadline_seconds=args.timeout_seconds),
        )
        inputs = {
            "executor": "kubernetes",
            "name": job.origin,
            "context": self.settings.values.get("context"),
            "manifest": manifest,
            "undo": [places.fill(word) for word in args.undo] or None,
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
            "cpu": SIZES[args.size].cpu,
            "memoryMiB": SIZES[args.size].memory,
            "tags": job.context.tags.as_map(),
        }
        run = mesh.JobRun(job.name, inputs, job.below())
        return JobOutputs(
            revision=run.revision, job=pulumi.Output.concat("kubernetes:", self.namespace, f"/{physical(job)}")
        )

    def _bucket_key(
        self, owner: Component[Any, Any], bucket: Bucket, key: str, secret: Secret, actions: pulumi.Input[str]
    ) -> JobOutputs:
        """A job that gives `key` rights on a bucket."""
        host, owner_key = self.stores[bucket.name]
        args = JobArgs(
            software=locked("seaweedfs"),
            command=("sh", "{{files}}/bucket_key.sh"),
            undo=("sh", "{{files}}/bucket_key.sh", "--undo"),
            files={"bucket_key.sh": program("bucket_key.sh")},
            environment={
                "MASTER": pulumi.Output.concat(host, f":{WEED_INSIDE['master'].port}"),
                "FILER": pulumi.Output.concat(host, f":{WEED_INSIDE['filer'].port}"),
                "BUCKET": bucket_name(bucket),
                "KEY": key,
                "ACTIONS": actions,
            },
            secrets={"SECRET_KEY": secret, "WEED_JWT_FILER_SIGNING_KEY": owner_key},
            uses=(bucket,),
            timeout_seconds=120,
        )
        return Job(owner.child("rights"), args, owner.below()).outputs


def bucket_name(bucket: Bucket) -> str:
    """A bucket's name in its own store."""
    return shortened(bucket.origin, 63)


def keeps_data(service: Service) -> bool:
    """Whether a service names its data directory."""
    texts = [*service.args.command, *service.args.environment.values(), *service.args.files.values()]
    return any(isinstance(text, str) and "{{data}}" in text for text in texts)
