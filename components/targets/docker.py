"""Target docker: containers and volumes of one Docker daemon, on a network of the stack's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from components.errors import UserError, cause
from components.port import Port
from components.primitives import (
    Bucket,
    BucketOutputs,
    Database,
    DatabaseOutputs,
    Job,
    JobOutputs,
    Secret,
    SecretArgs,
    Service,
    ServiceOutputs,
    locked,
    program,
)
from components.targets import SECONDS, implements, seaweedfs
from components.targets.containers import (
    DATA,
    FILES,
    POSTGRES,
    SERVICE_DATA,
    USER,
    Places,
    address,
    administered,
    keeps_data,
)
from components.targets.docker_container import SECRETS, Daemon, Workload
from components.targets.machine import Machine

if TYPE_CHECKING:
    from docker import DockerClient


RELAY = 4000
"""Where the container of a tunnel listens: its network is its own."""
HERE = ("http+docker://localhost", "http+docker://localnpipe", "http://127.0.0.1", "http://localhost")
"""How docker-py names a daemon of this machine (`APIClient.base_url`)."""


class Docker(Daemon):
    """Nothing is published: a port's host is a container's name, known on the networks that the container is on."""

    name = "docker"
    knows = Daemon.knows | Machine.knows | {"bind", "dockerHost", "network", "publish"}

    def authorised(self) -> None:
        """The daemon answers."""
        with self._daemon():
            pass

    @contextmanager
    def _daemon(self) -> Iterator[DockerClient]:
        from docker import DockerClient, from_env
        from docker.errors import DockerException

        host = self.settings.values.get("dockerHost")
        try:
            client = DockerClient(base_url=host, timeout=SECONDS) if host else from_env(timeout=SECONDS)
            client.ping()
            yield client
        except (DockerException, OSError) as error:
            raise UserError(
                f"the Docker daemon does not answer: {cause(error)}",
                hint="start it, join its group, or name it by DOCKER_HOST or meshwright:dockerHost",
            ) from None

    def tunnel(self, host: str, port: int, local: int) -> list[str]:
        """Another container on the same network hands connections on; it runs the image of the one that answers."""
        from docker.errors import NotFound

        daemon = self.settings.values.get("dockerHost")
        with self._daemon() as client:
            if not client.api.base_url.startswith(HERE):
                what = f"the daemon is on another machine ({client.api.base_url}), and so would be the tunnel's end"
                raise UserError(what, hint="run this there, and reach it by `ssh -L`")
            try:
                there = client.containers.get(host).attrs
            except NotFound:
                raise UserError(f"there is no container `{host}`", hint=f"mesh up {self.settings.domain}") from None
        words = ["docker", *(["--host", str(daemon)] if daemon else []), "run", "--rm", "--init", "--read-only"]
        words += ["--cap-drop", "ALL", "--network", next(iter(there["NetworkSettings"]["Networks"]))]
        words += ["--publish", f"127.0.0.1:{local}:{RELAY}", "--user", f"{USER}:{USER}", there["Config"]["Image"]]
        return [*words, "python", "-c", program("relay.py"), host, str(port), str(RELAY)]

    @implements(Database)
    def postgres_container(self, database: Database) -> DatabaseOutputs:
        args = database.args
        password = Secret(database.child("admin"), SecretArgs(), database.below())
        load = Workload(
            software=locked("postgres"),
            command=["sh", f"{FILES}/database.sh", "-c", "max_connections=100"],
            size=args.size,
            environment={"DATA": DATA, "DATABASE": args.name, "PASSWORD_FILE": f"{SECRETS}/PASSWORD"},
            secrets={"PASSWORD": password.outputs.value},
            opens=False,
            files={"database.sh": program("database.sh")},
            endpoints={"sql": POSTGRES},
            storage=args.storage,
            stop_signal="SIGINT",  # SIGTERM would wait for every client to leave
            networks=[self.network],
        )
        return administered(database, self.container(database, load).name, password)

    @implements(Bucket)
    def seaweedfs_container(self, bucket: Bucket) -> BucketOutputs:
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        load = Workload(
            software=locked("seaweedfs"),
            command=seaweedfs.command(self.physical(bucket)),
            size=bucket.args.size,
            environment=seaweedfs.ENVIRONMENT,
            secrets=dict.fromkeys(seaweedfs.SECRETS, secret.outputs.value),
            endpoints={"s3": seaweedfs.OBJECTS},
            storage=bucket.args.storage,
            networks=[self.network],
        )
        return self.opened_store(bucket, self.container(bucket, load).name, secret)

    @implements(Service)
    def container_service(self, service: Service) -> ServiceOutputs:
        args, networks = service.args, self.networks(service.args.uses)
        places = self.places(service, args.endpoints, len(networks))
        load = Workload(
            software=args.software,
            command=[places.fill(word) for word in args.command],
            size=args.size,
            environment=places.fill_all(args.environment),
            secrets={key: secret.outputs.value for key, secret in args.secrets.items()},
            files=places.fill_all(args.files),
            endpoints=args.endpoints,
            start_seconds=args.start_seconds,
            storage=SERVICE_DATA if keeps_data(service) else 0,
            networks=networks,
            authentication=args.authentication,
        )
        running = self.container(service, load)
        ports = {
            key: Port(protocol=endpoint.protocol, address=address(endpoint.protocol, running.name, endpoint.port))
            for key, endpoint in args.endpoints.items()
        }
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def container_run(self, job: Job) -> JobOutputs:
        args, places = job.args, Places()
        return self.run(
            job,
            executor="docker",
            dockerHost=self.settings.values.get("dockerHost"),
            # Named, not by its id: a run by schedule pulls it again where somebody has cleaned up.
            image=self.pulled(args.software).name,
            command=[places.fill(word) for word in args.command],
            undo=[places.fill(word) for word in args.undo] or None,
            variables=places.fill_all(args.environment),
            files=places.fill_all(args.files),
            networks=self.networks(args.uses),
        )
