"""Target aws: RDS, S3, ECS on Fargate, Secrets Manager, in a private network of the stack's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pulumi
import pulumi_aws as aws

from components import mesh
from components.base import Component
from components.errors import UserError
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
    ServiceArgs,
    ServiceOutputs,
    Size,
    locked,
)
from components.targets import SECONDS, StackSettings, implements
from components.targets.aws_bucket import private_bucket
from components.targets.aws_network import Network
from components.targets.aws_task import Kept, allow, document, task_definition
from components.targets.containers import Containers, Places, address

INSTANCE_CLASSES: Mapping[Size, str] = {"small": "db.t4g.micro", "medium": "db.t4g.medium", "large": "db.m7g.xlarge"}
"""The memory of SIZES; vCPU at least (aws.amazon.com/rds/instance-types)."""

ADMINISTRATOR = "mesh_admin"
LOG_DAYS = 30
TASK_NAME = 53
"""Longest name of a task: its roles' names add up to 10 of their 64 characters."""


class Aws(Containers):
    """One private network, cluster and log group per stack; a role of its own for each service and job."""

    name = "aws"
    needs = {"region": "eu-west-1", **Containers.needs}

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.region = str(self.settings.values["region"])
        self.buckets: dict[str, aws.s3.Bucket] = {}
        self.vault: dict[str, Kept] = {}
        """Where a secret is kept, by the Secret's name."""

    @cached_property
    def provider(self) -> aws.Provider:
        return aws.Provider("aws", region=self.region)

    @cached_property
    def shared(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=self.provider)

    @cached_property
    def shared_tags(self) -> dict[str, str]:
        return self.settings.shared_tags().as_map()

    @cached_property
    def network(self) -> Network:
        return Network(self.settings.stack, self.region, self.shared_tags, self.shared)

    @cached_property
    def cluster(self) -> aws.ecs.Cluster:
        return aws.ecs.Cluster("cluster", name=self.settings.stack, tags=self.shared_tags, opts=self.shared)

    @cached_property
    def logs(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            "logs",
            name=f"/mesh/{self.settings.stack}",
            retention_in_days=LOG_DAYS,
            tags=self.shared_tags,
            opts=self.shared,
        )

    @cached_property
    def files(self) -> aws.s3.Bucket:
        """Holds the files that services and jobs start with."""
        return private_bucket("files", f"{self.settings.stack}-files"[:36], self.shared_tags, self.shared, kept=False)

    def under(self, component: Component[Any, Any], **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource of this account and region under a component."""
        return component.below(provider=self.provider, **options)

    def physical(self, component: Component[Any, Any], limit: int) -> str:
        """A name for AWS: single dashes, the stack in front, and a hash that keeps `a--b-c` and `a-b--c` apart."""
        digest = hashlib.sha256(component.origin.encode()).hexdigest()[:6]
        readable = f"{self.settings.stack}-{component.origin.replace('--', '-')}"
        return f"{shortened(readable, limit - 7)}-{digest}"

    def authorised(self) -> None:
        """STS knows who asks."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        asked = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"max_attempts": 1})
        try:
            boto3.client("sts", region_name=self.region, config=asked).get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise UserError(
                f"AWS does not let this machine in: {error}",
                hint="`aws sso login`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ) from None

    @implements(Secret)
    def secrets_manager(self, secret: Secret) -> SecretOutputs:
        if secret.name in self.vault:  # AWS made its value and keeps it
            return SecretOutputs(value=self.vault[secret.name].reference)
        tags = secret.context.tags.as_map()
        value = secret.args.value
        if value is None:
            value = mesh.SecretValue(secret.name, {"length": secret.args.length, "tags": tags}, secret.below()).value
        kept = aws.secretsmanager.Secret(
            secret.name, name_prefix=f"{self.physical(secret, 200)}-", tags=tags, opts=self.under(secret)
        )
        version = aws.secretsmanager.SecretVersion(
            secret.name, secret_id=kept.id, secret_string=value, opts=self.under(secret)
        )
        self.vault[secret.name] = Kept(version.secret_id)  # its ARN, known once the value is there
        return SecretOutputs(value=value)

    @implements(Database)
    def rds_instance(self, database: Database) -> DatabaseOutputs:
        args, protected = database.args, self.settings.protected
        instance = aws.rds.Instance(
            database.name,
            identifier=self.physical(database, 63),
            engine="postgres",
            engine_version=args.version,
            instance_class=INSTANCE_CLASSES[args.size],
            allocated_storage=args.storage,
            storage_type="gp3",
            storage_encrypted=True,
            db_name=args.name,
            username=ADMINISTRATOR,
            manage_master_user_password=True,
            db_subnet_group_name=self.network.subnets.name,
            vpc_security_group_ids=[self.network.databases.id],
            publicly_accessible=False,
            multi_az=protected,
            backup_retention_period=7,
            copy_tags_to_snapshot=True,
            deletion_protection=protected,
            skip_final_snapshot=not protected,
            final_snapshot_identifier=f"{self.physical(database, 200)}-final" if protected else None,
            enabled_cloudwatch_logs_exports=["postgresql"],
            tags=database.context.tags.as_map(),
            opts=self.under(database, protect=protected),
        )
        self.vault[database.child("admin")] = Kept(instance.master_user_secrets[0].secret_arn, "password")
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        connection = Port(
            protocol="sql",
            address={"host": instance.address, "port": instance.port, "database": args.name, "schema": "public"},
            credentials=Credentials(user=ADMINISTRATOR, secret=password),
            behind=database,
        )
        return DatabaseOutputs(connection=connection)

    @implements(Bucket)
    def s3_bucket(self, bucket: Bucket) -> BucketOutputs:
        protect, tags = self.settings.protected, bucket.context.tags.as_map()
        options = self.under(bucket, protect=protect)
        made = private_bucket(bucket.name, self.physical(bucket, 36), tags, options, kept=protect)
        self.buckets[bucket.name] = made
        endpoint = f"https://s3.{self.region}.amazonaws.com"
        # No key for the owner: whoever `uses` the bucket has a role.
        return BucketOutputs(
            objects=Port(
                protocol="s3", address={"endpoint": endpoint, "bucket": made.bucket, "prefix": ""}, behind=bucket
            )
        )

    @implements(BucketAccess)
    def s3_reader(self, access: BucketAccess) -> AccessOutputs:
        args, tags = access.args, access.context.tags.as_map()
        bucket = self.buckets[args.bucket.name].arn
        end = {"DateLessThan": {"aws:CurrentTime": f"{args.until}T23:59:59Z"}} if args.until else {}
        within = pulumi.Output.concat(args.prefix, "*")
        user = aws.iam.User(access.name, name=self.physical(access, 64), tags=tags, opts=self.under(access))
        statements = [
            allow(["s3:GetObject"], [pulumi.Output.concat(bucket, "/", within)], end),
            allow(["s3:ListBucket"], [bucket], {**end, "StringLike": {"s3:prefix": within}}),
        ]
        rights = aws.iam.UserPolicy(access.name, user=user.name, policy=document(statements), opts=self.under(access))
        key = aws.iam.AccessKey(access.name, user=user.name, opts=self.under(access, depends_on=[rights]))
        secret = Secret(access.child("key"), SecretArgs(value=key.secret), access.below())
        return AccessOutputs(credentials=Credentials(user=key.id.apply(str), secret=secret))

    @implements(Service)
    def fargate_service(self, service: Service) -> ServiceOutputs:
        args, tags = service.args, service.context.tags.as_map()
        host = self.physical(service, 63)
        record = aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(ttl=10, type="A")
        name = aws.servicediscovery.Service(
            service.name,
            name=host,
            dns_config=aws.servicediscovery.ServiceDnsConfigArgs(
                namespace_id=self.network.names.id, dns_records=[record]
            ),
            tags=tags,
            opts=self.under(service),
        )
        running = aws.ecs.Service(
            service.name,
            name=host,
            cluster=self.cluster.arn,
            launch_type="FARGATE",
            desired_count=1,
            task_definition=self._task(service, args, args.endpoints).arn,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=self.network.private, security_groups=[self.network.workloads.id], assign_public_ip=False
            ),
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(registry_arn=name.arn),
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            wait_for_steady_state=True,
            propagate_tags="SERVICE",
            tags=tags,
            opts=self.under(service, depends_on=self.network.ready),
        )
        # The name joins the service, so that whoever reads the address waits until it answers.
        full = running.name.apply(lambda own: f"{own}.{self.network.domain}")
        ports = {
            key: Port(protocol=endpoint.protocol, address=address(endpoint.protocol, full, endpoint.port))
            for key, endpoint in args.endpoints.items()
        }
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def fargate_run(self, job: Job) -> JobOutputs:
        args, capacity, places = job.args, SIZES[job.args.size], Places()
        family = self.physical(job, TASK_NAME)
        inputs = {
            "executor": "ecs",
            "stack": self.settings.stack,
            "name": job.origin,
            "region": self.region,
            "cluster": self.cluster.arn,
            "taskDefinition": self._task(job, args, {}).arn,
            "container": "main",
            "subnets": self.network.private,
            "securityGroups": [self.network.workloads.id],
            "undo": [places.fill(word) for word in args.undo] or None,
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
            "cpu": capacity.cpu,
            "memoryMiB": capacity.memory,
            "tags": job.context.tags.as_map(),
        }
        run = mesh.JobRun(job.name, inputs, job.below(depends_on=self.network.ready))
        return JobOutputs(revision=run.revision, job=pulumi.Output.from_input(f"ecs:{family}"))

    def _task(
        self, owner: Component[Any, Any], args: ServiceArgs | JobArgs, endpoints: Mapping[str, Endpoint]
    ) -> aws.ecs.TaskDefinition:
        return task_definition(
            owner.name,
            self.physical(owner, TASK_NAME),
            images=(self.image_of(args.software), self.image_of(locked("aws-cli"))),
            command=args.command,
            environment=args.environment,
            secrets={key: self.vault[secret.name] for key, secret in args.secrets.items()},
            files=args.files,
            endpoints=endpoints,
            buckets=[
                self.buckets[own.name] for own in args.uses if isinstance(own, Bucket) and own.name in self.buckets
            ],
            shelf=self.files,
            logs=self.logs,
            region=self.region,
            size=args.size,
            start_seconds=args.start_seconds if isinstance(args, ServiceArgs) else 0,
            tags=owner.context.tags.as_map(),
            options=self.under(owner),
        )
