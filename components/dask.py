"""DaskCluster: a scheduler, its workers and its pages, over TLS with one shared secret."""

from __future__ import annotations

from dataclasses import dataclass, replace

from components.base import Component
from components.job import Client
from components.port import Credentials, Port
from components.primitives import SIZES, Endpoint, Secret, SecretArgs, Service, ServiceArgs, Size, locked, program

FILES = ("dask_node.py", "dask_guard.py")
START_SECONDS = 90
"""A scheduler answered after 11 s, workers after 20 s on two busy cores."""


@dataclass(frozen=True, kw_only=True)
class DaskClusterArgs:
    """`workers` instances of `size`, one process with one thread a vCPU each."""

    workers: int = 2
    size: Size = "small"


@dataclass(frozen=True, kw_only=True)
class DaskClusterOutputs:
    """`scheduler` takes clients that hold the secret; `dashboard` shows what the cluster does, behind a password."""

    scheduler: Port
    dashboard: Port
    client: Client


class DaskCluster(Component[DaskClusterArgs, DaskClusterOutputs]):
    """A Dask cluster of a product's own."""

    type_token = "mesh:data:DaskCluster"
    Args, Outputs = DaskClusterArgs, DaskClusterOutputs
    composed_of = (Secret, Service)

    def compose(self) -> DaskClusterOutputs:
        args, software, files = self.args, locked("dask"), {name: program(name) for name in FILES}
        secret = Secret(self.child("secret"), SecretArgs(), self.below())
        scheduler = Service(
            self.child("scheduler"),
            ServiceArgs(
                software=software,
                command=(
                    *("python", "{{files}}/dask_node.py", "dask", "scheduler", "--protocol", "tls"),
                    *("--host", "{{scheduler.host}}", "--port", "{{scheduler.port}}"),
                    *("--dashboard-address", "{{dashboard.host}}:{{dashboard.port}}"),
                    *("--preload", "{{files}}/dask_guard.py"),
                ),
                endpoints={
                    "scheduler": Endpoint(protocol="dask", port=8786),
                    "dashboard": Endpoint(protocol="http", port=8787, health="/health"),
                },
                secrets={"CLUSTER_PASSWORD": secret},
                files=files,
                size=args.size,
                start_seconds=START_SECONDS,
                authentication="tls",
            ),
            self.below(),
        )
        credentials = Credentials(user="dask", secret=secret)
        port = scheduler.outputs.ports["scheduler"].opened_by(credentials)
        capacity = SIZES[args.size]
        for number in range(args.workers):
            Service(
                self.child(f"worker-{number}"),
                ServiceArgs(
                    software=software,
                    command=(
                        *("python", "{{files}}/dask_node.py", "dask", "worker", port.address["address"]),
                        *("--host", "{{worker.host}}", "--worker-port", "{{worker.port}}", "--nworkers", "1"),
                        *("--nthreads", str(max(1, int(capacity.cpu))), "--memory-limit", f"{capacity.memory}MiB"),
                        *("--no-dashboard", "--name", self.child(f"worker-{number}")),
                        *("--local-directory", "{{scratch}}"),
                    ),
                    endpoints={"worker": Endpoint(protocol="dask", port=8788)},
                    secrets={"CLUSTER_PASSWORD": secret},
                    files=files,
                    uses=(scheduler,),
                    size=args.size,
                    start_seconds=START_SECONDS,
                    authentication="tls",
                ),
                self.below(),
            )
        command = ("python", "{{files}}/dask_node.py", "python")
        return DaskClusterOutputs(
            scheduler=port,
            dashboard=replace(scheduler.outputs.ports["dashboard"], credentials=credentials),
            client=Client(cluster=port, software=software, command=command, files=files),
        )
