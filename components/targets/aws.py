"""Target aws: RDS, S3, ECS on Fargate, Secrets Manager, in a private network of the stack's own."""

from __future__ import annotations

import json
from collections.abc import Collection

import pulumi
import pulumi_aws as aws

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
    SecretOutputs,
)
from components.targets import implements, regions
from components.targets.aws_bucket import private_bucket, reading
from components.targets.aws_database import INSTANCE_CLASSES, instance
from components.targets.aws_policy import document
from components.targets.aws_schedule import PREFIX, Starts
from components.targets.aws_service import Services
from components.targets.aws_spark import SparkJobs
from components.targets.aws_task import Kept
from components.targets.aws_workload import MAIN, TASK_NAME, Workload
from components.targets.containers import ADMINISTRATOR, Containers, Places

__all__ = ["INSTANCE_CLASSES", "Aws"]


class Aws(Services, SparkJobs):
    """One private network, cluster, key and log group per stack; a role and a security group for each workload."""

    name = "aws"
    needs = {"region": "eu-west-1", **Containers.needs}
    adopts = frozenset({Database, Bucket})
    knows = Containers.knows | {
        *("cidr", "vpcId", "privateSubnetIds", "publicSubnetIds", "clusterName", "kmsKeyArn"),
        *("certificateArn", "publicDomain", "zoneId", "readers", "emrServerless", "bastion"),
    }

    @classmethod
    def regions(cls) -> Collection[str]:
        return regions.aws()

    def tunnel(self, host: str, port: int, local: int) -> list[str]:
        """A session of Systems Manager, through an instance of the operator's (`meshwright:bastion`)."""
        bastion = self.settings.values.get("bastion")
        if not bastion:
            raise UserError(
                f"a tunnel into AWS goes through an instance in its network; stack {self.settings.stack} names none",
                hint=f"pulumi config set meshwright:bastion i-... -s {self.settings.stack}: one that Systems Manager "
                "reaches, in a range of meshwright:readers",
            )
        words = ["aws", "ssm", "start-session", "--region", self.region, "--target", str(bastion)]
        where = {"host": [host], "portNumber": [str(port)], "localPortNumber": [str(local)]}
        words += ["--document-name", "AWS-StartPortForwardingSessionToRemoteHost"]
        return [*words, "--parameters", json.dumps(where)]

    @implements(Secret)
    def secrets_manager(self, secret: Secret) -> SecretOutputs:
        if secret.name in self.vault:  # AWS made its value and keeps it
            return SecretOutputs(value=self.vault[secret.name].reference)
        tags = secret.context.tags.as_map()
        value = secret.args.value
        if value is None:
            value = mesh.SecretValue(secret.name, {"length": secret.args.length, "tags": tags}, secret.below()).value
        kept = aws.secretsmanager.Secret(
            secret.name,
            name_prefix=f"{self.physical(secret, 200)}-",
            kms_key_id=self.key.arn,
            tags=tags,
            opts=self.under(secret),
        )
        version = aws.secretsmanager.SecretVersion(
            secret.name, secret_id=kept.id, secret_string=value, opts=self.under(secret)
        )
        self.vault[secret.name] = Kept(version.secret_id)  # its ARN, known once the value is there
        return SecretOutputs(value=value)

    @implements(Database)
    def rds_instance(self, database: Database) -> DatabaseOutputs:
        args, protected = database.args, self.settings.protected
        made = instance(
            database.name,
            database.adopts or self.physical(database, 63),
            args,
            ADMINISTRATOR,
            subnets=self.network.subnets,
            group=self.reach.database(database),
            settings=self.parameters,
            key=self.key,
            protected=protected,
            final=f"{self.physical(database, 200)}-final",
            tags=database.context.tags.as_map(),
            options=self.under(database, protect=protected, import_=database.adopts),
        )
        self.vault[database.child("admin")] = Kept(made.master_user_secrets[0].secret_arn, "password")
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        connection = Port(
            protocol="sql",
            address={"host": made.address, "port": made.port, "database": args.name, "schema": "public"},
            credentials=Credentials(user=ADMINISTRATOR, secret=password),
            behind=database,
        )
        return DatabaseOutputs(connection=connection)

    @implements(Bucket)
    def s3_bucket(self, bucket: Bucket) -> BucketOutputs:
        protect, tags = self.settings.protected, bucket.context.tags.as_map()
        options = self.under(bucket, protect=protect)
        name = self.physical(bucket, 36)
        made = private_bucket(bucket.name, name, self.key, tags, options, kept=protect, adopts=bucket.adopts)
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
        end = {"DateLessThan": {"aws:CurrentTime": f"{args.until}T23:59:59Z"}} if args.until else None
        statements = reading(self.buckets[args.bucket.name], self.key, args.prefix, end)
        user = aws.iam.User(access.name, name=self.physical(access, 64), tags=tags, opts=self.under(access))
        rights = aws.iam.UserPolicy(access.name, user=user.name, policy=document(statements), opts=self.under(access))
        key = aws.iam.AccessKey(access.name, user=user.name, opts=self.under(access, depends_on=[rights]))
        secret = Secret(access.child("key"), SecretArgs(value=key.secret), access.below())
        return AccessOutputs(credentials=Credentials(user=key.id.apply(str), secret=secret))

    @implements(Job)
    def fargate_run(self, job: Job) -> JobOutputs:
        args, capacity, places = job.args, SIZES[job.args.size], Places()
        work = self.workload(job, args, {})
        inputs = {
            "executor": "ecs",
            "stack": self.settings.stack,
            "name": job.origin,
            "region": self.region,
            "cluster": self.cluster.arn,
            "taskDefinition": work.task.definition.arn,
            "container": MAIN,
            "subnets": self.network.private,
            "securityGroups": work.groups,
            "undo": [places.fill(word) for word in args.undo] or None,
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
            "cpu": capacity.cpu,
            "memoryMiB": capacity.memory,
            "tags": job.context.tags.as_map(),
        }
        run = mesh.JobRun(job.name, inputs, job.below(depends_on=work.ready))
        known = pulumi.Output.from_input(f"{PREFIX}{self.physical(job, TASK_NAME)}")
        if not self._repeat(job, work):
            self.idle[id(known)] = known
        return JobOutputs(revision=run.revision, job=known)

    def _repeat(self, job: Job, work: Workload) -> bool:
        """Make what starts a job later: its schedule, and the jobs that it follows; says whether there is any."""
        before = [other for other in job.args.after if other != "" and id(other) not in self.idle]
        if job.args.schedule is None and not before:
            return False
        Starts(
            job.name,
            self.physical(job, TASK_NAME),
            work.task,
            self.cluster,
            self.cluster_name,
            self.region,
            schedule=job.args.schedule,
            before=before,
            subnets=self.network.private,
            groups=work.groups,
            tags=job.context.tags.as_map(),
            options=self.under(job, depends_on=work.ready),
        )
        return True
