"""Spark jobs on EMR Serverless: an application of its own for each, that costs nothing while nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import emrserverless

from components import mesh
from components.base import Component
from components.errors import UserError
from components.port import Port
from components.primitives import Secret, Size
from components.spark import SparkJob, SparkJobOutputs
from components.targets import implements
from components.targets.aws_bucket import reading
from components.targets.aws_policy import allow, role, trust
from components.targets.aws_task import Kept
from components.targets.aws_workload import TASK_NAME, Workloads

RELEASE = "emr-7.12.0"
"""Spark 3.5, as components/locks/spark.txt has it; the image is made of the same release."""
WORKERS: Mapping[Size, tuple[int, int, int]] = {"small": (1, 2, 1), "medium": (1, 4, 3), "large": (4, 16, 14)}
"""vCPU, GiB of a worker, and what of them is Spark's heap: the smallest that EMR Serverless sells for SIZES.

The rest is Spark's overhead (a tenth, 384 MiB at least; EMR Serverless user guide, "Worker configurations").
"""
PYTHON = "/usr/bin/python3.11"
"""Of the image: the release's own is older than our packages' (components/locks/spark.txt)."""
IDLE_MINUTES = 15
MINUTES = 60
"""Longest time that a run may take."""


class SparkJobs(Workloads):
    """Builds Spark jobs on EMR Serverless where `meshwright:emrServerless` names the image that they run in."""

    @implements(SparkJob, when="emrServerless")
    def emr_serverless(self, job: SparkJob) -> SparkJobOutputs:
        args, tags, options = job.args, job.context.tags.as_map(), self.under(job)
        if args.schedule is not None:
            what = f"`{job.name}` has a schedule, and nothing starts a run on EMR Serverless by the clock yet"
            raise UserError(what, hint="take `schedule` away, or `meshwright:emrServerless` out of the stack file")
        family = self.physical(job, TASK_NAME)
        uses: tuple[Component[Any, Any] | Port, ...] = (args.bucket, *args.inputs.values())
        groups, rules = self.reach.workload(job, uses, {}, self.registry_port)
        application = self._application(job, family, [group.id for group in groups])
        secrets: dict[str, Secret] = {}
        variables = dict(args.bucket.outputs.objects.environment("bucket"))
        for name, port in args.inputs.items():
            variables |= port.environment(name)
            secrets |= port.secrets(name)
        kept = self.kept(secrets)
        stored = {name: self._stored(job, family, name) for name in (args.script, *args.files)}
        rights = [
            *reading(self.files, self.key, f"{family}/"),
            allow(["s3:PutObject"], [pulumi.Output.concat(self.files.arn, f"/{family}/logs/*")]),
            self.key.for_objects(self.files.arn, write=True),
            *self.granted(uses),
        ]
        if kept:
            arns = [secret.arn for secret in kept.values()]
            rights += [allow(["secretsmanager:GetSecretValue"], arns), self.key.for_secrets(arns)]
        sources = [trust("emr-serverless.amazonaws.com", {"ArnEquals": {"aws:SourceArn": application.arn}})]
        own, entitled = role(f"{job.name}--task", f"{family}-task", rights, tags, options, taken_by=sources)
        place = pulumi.Output.concat("s3://", self.files.bucket, f"/{family}")
        cpu, memory, _ = WORKERS[args.size]
        inputs = {
            "executor": "emr",
            "stack": self.settings.stack,
            "name": job.origin,
            "region": self.region,
            "manifest": {
                "applicationId": application.id,
                "executionRoleArn": own.arn,
                "executionTimeoutMinutes": MINUTES,
                "jobDriver": {"sparkSubmit": {"entryPoint": pulumi.Output.concat(place, f"/{args.script}")}},
                "configurationOverrides": {
                    "applicationConfiguration": [
                        {
                            "classification": "spark-defaults",
                            "properties": self._properties(job, variables, kept, place),
                        }
                    ],
                    "monitoringConfiguration": {
                        "managedPersistenceMonitoringConfiguration": {"enabled": False},
                        "s3MonitoringConfiguration": {"logUri": pulumi.Output.concat(place, "/logs")},
                    },
                },
            },
            "triggers": [*(port.revision for port in args.inputs.values()), *(file.etag for file in stored.values())],
            "timeoutSeconds": MINUTES * 60,
            "cpu": cpu * (args.workers + 1),
            "memoryMiB": memory * 1024 * (args.workers + 1),
            "tags": tags,
        }
        run = mesh.JobRun(job.name, inputs, job.below(depends_on=[*rules, *entitled, *self.network.ready]))
        known = pulumi.Output.from_input(f"emr:{family}")
        self.idle[id(known)] = known
        return SparkJobOutputs(objects=args.bucket.outputs.objects.filled(revision=run.revision, job=known))

    def _application(self, job: SparkJob, name: str, groups: list[pulumi.Output[str]]) -> emrserverless.Application:
        """An application in the job's own security group; its driver and workers are all that it may ever have."""
        cpu, memory, _ = WORKERS[job.args.size]
        most = job.args.workers + 1
        image = str(self.settings.values["emrServerless"])
        return emrserverless.Application(
            job.name,
            name=name,
            type="SPARK",
            release_label=RELEASE,
            architecture="X86_64",
            image_configuration=emrserverless.ApplicationImageConfigurationArgs(image_uri=image),
            maximum_capacity=emrserverless.ApplicationMaximumCapacityArgs(
                cpu=f"{cpu * most} vCPU", memory=f"{memory * most} GB"
            ),
            auto_start_configuration=emrserverless.ApplicationAutoStartConfigurationArgs(enabled=True),
            auto_stop_configuration=emrserverless.ApplicationAutoStopConfigurationArgs(
                enabled=True, idle_timeout_minutes=IDLE_MINUTES
            ),
            network_configuration=emrserverless.ApplicationNetworkConfigurationArgs(
                subnet_ids=self.network.private, security_group_ids=groups
            ),
            tags=job.context.tags.as_map(),
            opts=self.under(job),
        )

    def _stored(self, job: SparkJob, family: str, name: str) -> aws.s3.BucketObjectv2:
        """A file of the job in the bucket of files; one that is missing is refused."""
        folder = Path(job.args.folder)
        try:
            text = (folder / name).read_text(encoding="utf-8")
        except OSError:
            raise UserError(f"`{job.name}` needs the file {name}, which is not in {folder.name}/") from None
        return aws.s3.BucketObjectv2(
            job.child(name),
            bucket=self.files.bucket,
            key=f"{family}/{name}",
            content=text,
            tags=job.context.tags.as_map(),
            opts=self.under(job),
        )

    def _properties(
        self,
        job: SparkJob,
        variables: Mapping[str, pulumi.Input[str]],
        secrets: Mapping[str, Kept],
        place: pulumi.Input[str],
    ) -> dict[str, pulumi.Input[str]]:
        """Spark's configuration: sizes, and the variables of the driver and of every worker.

        EMR Serverless reads what is marked `EMR.secret@` itself (its guide, "Secrets Manager for data protection").
        """
        cpu, _, heap = WORKERS[job.args.size]
        found: dict[str, pulumi.Input[str]] = {
            "spark.dynamicAllocation.enabled": "false",
            "spark.executor.instances": str(job.args.workers),
            "spark.sql.session.timeZone": "UTC",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        }
        for part in ("driver", "executor"):
            found |= {f"spark.{part}.cores": str(cpu), f"spark.{part}.memory": f"{heap}g"}
        if job.args.files:
            files = [pulumi.Output.concat(place, f"/{name}") for name in job.args.files]
            found["spark.files"] = pulumi.Output.all(*files).apply(",".join)
        marked = {key: pulumi.Output.concat("EMR.secret@", secret.arn) for key, secret in secrets.items()}
        for key, value in {"PYSPARK_PYTHON": PYTHON, **variables, **marked}.items():
            found |= {f"spark.emr-serverless.driverEnv.{key}": value, f"spark.executorEnv.{key}": value}
        return found
