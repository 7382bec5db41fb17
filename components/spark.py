"""SparkCluster: a standalone master and its workers. SparkJob: a script that runs on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.base import Component
from components.job import Client, PythonJob, PythonJobArgs
from components.port import Credentials, Port
from components.primitives import (
    SIZES,
    Bucket,
    Endpoint,
    Schedule,
    Secret,
    SecretArgs,
    Service,
    ServiceArgs,
    Size,
    locked,
    program,
)

NODE = "spark_node.py"
START_SECONDS = 90
"""A master answered after 7 s, a worker after 10 s on two busy cores."""
OVERHEAD = 384
"""MiB of a worker's memory that its own process takes (SPARK_DAEMON_MEMORY); executors get the rest."""


@dataclass(frozen=True, kw_only=True)
class SparkClusterArgs:
    """`workers` instances of `size`."""

    workers: int = 2
    size: Size = "small"


@dataclass(frozen=True, kw_only=True)
class SparkClusterOutputs:
    """`master` takes applications that hold the secret."""

    master: Port
    client: Client


class SparkCluster(Component[SparkClusterArgs, SparkClusterOutputs]):
    """A Spark standalone cluster of a product's own; every connection authenticated and encrypted."""

    type_token = "mesh:data:SparkCluster"
    Args, Outputs = SparkClusterArgs, SparkClusterOutputs
    composed_of = (Secret, Service)

    def compose(self) -> SparkClusterOutputs:
        args, software, files = self.args, locked("spark"), {NODE: program(NODE)}
        secret = Secret(self.child("secret"), SecretArgs(), self.below())
        master = Service(
            self.child("master"),
            ServiceArgs(
                software=software,
                command=(
                    *("python", f"{{{{files}}}}/{NODE}", "master", "{{scratch}}"),
                    *("{{master.host}}", "{{master.port}}", "{{pages.port}}"),
                ),
                endpoints={
                    "master": Endpoint(protocol="spark", port=7077),
                    "pages": Endpoint(protocol="http", port=8080, health="/json/"),
                },
                environment={"SPARK_LOCAL_IP": "{{master.host}}"},
                secrets={"CLUSTER_PASSWORD": secret},
                files=files,
                size=args.size,
                start_seconds=START_SECONDS,
                authentication="token",
            ),
            self.below(),
        )
        port = master.outputs.ports["master"].opened_by(Credentials(user="spark", secret=secret))
        capacity = SIZES[args.size]
        for number in range(args.workers):
            Service(
                self.child(f"worker-{number}"),
                ServiceArgs(
                    software=software,
                    command=(
                        *("python", f"{{{{files}}}}/{NODE}", "worker", "{{scratch}}"),
                        *("{{worker.host}}", "{{worker.port}}", "{{pages.port}}"),
                        *(str(max(1, int(capacity.cpu))), f"{capacity.memory - OVERHEAD}m"),
                    ),
                    endpoints={
                        "worker": Endpoint(protocol="spark", port=7078),
                        "pages": Endpoint(protocol="http", port=8081, health="/json/"),
                    },
                    environment={"SPARK_LOCAL_IP": "{{worker.host}}", "CLUSTER_ADDRESS": port.address["address"]},
                    secrets={"CLUSTER_PASSWORD": secret},
                    files=files,
                    uses=(master,),
                    size=args.size,
                    start_seconds=START_SECONDS,
                    authentication="token",
                ),
                self.below(),
            )
        command = ("python", f"{{{{files}}}}/{NODE}", "client", "{{scratch}}")
        return SparkClusterOutputs(
            master=port, client=Client(cluster=port, software=software, command=command, files=files)
        )


@dataclass(frozen=True, kw_only=True)
class SparkJobArgs:
    """`script` stands in `folder`; it finds inputs as `<NAME>_*`, the bucket as `BUCKET_*`, and Spark configured."""

    script: str
    folder: str
    bucket: Bucket
    files: tuple[str, ...] = ()
    inputs: Mapping[str, Port] = field(default_factory=dict)
    workers: int = 2
    size: Size = "small"
    schedule: Schedule | None = None


@dataclass(frozen=True, kw_only=True)
class SparkJobOutputs:
    """What the script wrote."""

    objects: Port


class SparkJob(Component[SparkJobArgs, SparkJobOutputs]):
    """A script on a Spark cluster of its own; a target with a Spark service runs it there."""

    type_token = "mesh:data:SparkJob"
    Args, Outputs = SparkJobArgs, SparkJobOutputs
    composed_of = (SparkCluster, PythonJob)

    def compose(self) -> SparkJobOutputs:
        args = self.args
        cluster = SparkCluster(
            self.child("cluster"), SparkClusterArgs(workers=args.workers, size=args.size), self.below()
        )
        job = PythonJob(
            self.child("driver"),
            PythonJobArgs(
                script=args.script,
                folder=args.folder,
                files=args.files,
                inputs=args.inputs,
                cluster=cluster.outputs.client,
                bucket=args.bucket,
                schedule=args.schedule,
                size=args.size,
            ),
            self.below(),
        )
        return SparkJobOutputs(objects=job.outputs.objects)
