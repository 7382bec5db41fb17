"""Superset: a BI service with its own metadata database, and dashboards as code imported inside the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from components.access import DatabaseAccess, opened, writable
from components.base import Component
from components.errors import UserError
from components.port import Credentials, Port
from components.primitives import (
    Database,
    DatabaseArgs,
    Endpoint,
    Job,
    JobArgs,
    Secret,
    SecretArgs,
    Service,
    ServiceArgs,
    Size,
    locked,
    program,
)

START_SECONDS = 180
"""Limit of the first start: migrations and roles took 11 s on two quiet cores, 23 s without compiled bytecode."""
IMPORT = ("superset_import.py", "superset_client.py", "superset_files.py", "superset_normal.py")


@dataclass(frozen=True, kw_only=True)
class SupersetArgs:
    """`reads` are sql ports by name; `dashboards` are folders of Superset's own export files, relative to `folder`.

    `maximum` and `public`: as Service and its Endpoint have them.
    """

    reads: Mapping[str, Port]
    dashboards: tuple[str, ...] = ()
    folder: str = ""
    size: Size = "small"
    maximum: int = 1
    public: bool = False
    admin: str = "admin"
    viewer: str = "viewer"


@dataclass(frozen=True, kw_only=True)
class SupersetOutputs:
    """`dashboard` opens for the viewer once the dashboards are there."""

    dashboard: Port


class Superset(Component[SupersetArgs, SupersetOutputs]):
    """Superset 6.1, ready to look at."""

    type_token = "mesh:data:Superset"
    Args, Outputs = SupersetArgs, SupersetOutputs
    composed_of = (Database, DatabaseAccess, Secret, Service, Job)

    def compose(self) -> SupersetOutputs:
        args = self.args
        metadata = Database(self.child("metadata"), DatabaseArgs(name="superset", size="small"), self.below())
        store = writable(metadata, "superset", self.child("metadata-owner"), self)
        key, admin, viewer = (
            Secret(self.child(name), SecretArgs(length=length), self.below())
            for name, length in (("session-key", 48), ("admin", 32), ("viewer", 32))
        )
        service = Service(
            self.child("web"),
            ServiceArgs(
                software=locked("superset"),
                command=("python", "{{files}}/superset_serve.py"),
                endpoints={"web": Endpoint(protocol="http", port=8088, health="/login/", public=args.public)},
                environment={
                    **store.environment("metadata"),
                    "SUPERSET_BIND": "{{web.host}}:{{web.port}}",
                    "SUPERSET_HOME": "{{scratch}}",
                    "SUPERSET_USER": args.admin,
                },
                secrets={**store.secrets("metadata"), "SUPERSET_SECRET_KEY": key, "SUPERSET_PASSWORD": admin},
                files={name: program(name) for name in ("superset_serve.py", "superset_config.py")},
                uses=(metadata, *args.reads.values()),
                size=args.size,
                maximum=args.maximum,
                start_seconds=START_SECONDS,
                authentication="password",
            ),
            self.below(),
        )
        web = service.outputs.ports["web"]
        readers = {name: opened(port, self.child(f"reads-{name}"), self) for name, port in args.reads.items()}
        jobs = [self._import(folder, readers, service, admin, viewer) for folder in args.dashboards]
        # Known once the service answers and every dashboard is there.
        revision = pulumi.Output.all(service.outputs.ready, *(job.outputs.revision for job in jobs)).apply(
            lambda r: str(r[-1])
        )
        return SupersetOutputs(
            dashboard=Port(
                protocol="http",
                address=web.address,
                revision=revision,
                behind=service,
                credentials=Credentials(user=args.viewer, secret=viewer),
            )
        )

    def _import(self, folder: str, readers: Mapping[str, Port], service: Service, admin: Secret, viewer: Secret) -> Job:
        """One Job per dashboard: a changed title imports that one again and restarts nothing."""
        tags = self.context.tags
        environment = {
            "SUPERSET_URL": service.outputs.ports["web"].address["url"],
            "SUPERSET_USER": self.args.admin,
            "VIEWER_USER": self.args.viewer,
            "PRODUCT": f"{tags.domain}/{tags.product}",
            "PORTS": ",".join(readers),
        }
        secrets = {"SUPERSET_PASSWORD": admin, "VIEWER_PASSWORD": viewer}
        for prefix, port in readers.items():
            environment |= port.environment(prefix)
            secrets |= port.secrets(prefix)
        return Job(
            self.child(f"dashboard-{Path(folder).name}"),
            JobArgs(
                software=locked("superset"),
                command=("python", "{{files}}/superset_import.py", "{{files}}/dashboard"),
                undo=("python", "{{files}}/superset_import.py", "{{files}}/dashboard", "--undo"),
                environment=environment,
                secrets=secrets,
                files={name: program(name) for name in IMPORT} | self._files(folder),
                uses=(service, *readers.values()),
                triggers=tuple(port.revision for port in readers.values()),
            ),
            self.below(),
        )

    def _files(self, folder: str) -> dict[str, str]:
        root = Path(self.args.folder) / folder
        files = sorted(root.rglob("*.yaml"))
        if not files:
            raise UserError(
                f"the dashboard folder {folder} holds no files", hint="export the dashboard with `mesh dashboards pull`"
            )
        return {f"dashboard/{file.relative_to(root).as_posix()}": file.read_text(encoding="utf-8") for file in files}
