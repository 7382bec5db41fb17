"""Target kubernetes: StatefulSets, Deployments and Jobs in a namespace of the stack's own."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import apps, batch, core, meta

from components import mesh
from components.errors import UserError, cause
from components.port import Port
from components.primitives import (
    SIZES,
    Bucket,
    BucketOutputs,
    Database,
    DatabaseOutputs,
    Job,
    JobOutputs,
    Secret,
    SecretArgs,
    SecretOutputs,
    Service,
    ServiceOutputs,
    locked,
    program,
)
from components.targets import SECONDS, StackSettings, implements, seaweedfs
from components.targets.containers import DATA, FILES, POSTGRES, SERVICE_DATA, address, administered, keeps_data
from components.targets.kubernetes_network import internet
from components.targets.kubernetes_objects import physical, selected
from components.targets.kubernetes_operators import Operators
from components.targets.kubernetes_pod import SECRETS, Program, probe, template
from components.targets.kubernetes_scale import check_scaling, scaled
from components.targets.kubernetes_schedule import Work


class Kubernetes(Operators):
    """`meshwright:namespace` names a namespace that is there; without it the stack makes one of its own name."""

    name = "kubernetes"
    knows = Operators.knows | {
        *("context", "namespace", "quota", "ingressClass", "ingressDomain", "ingressIssuer", "ingressNamespace"),
        *("ingressTls", "cloudNativePg", "cloudNativePgImage", "cloudNativePgInstances"),
    }

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.secrets: dict[str, core.v1.Secret] = {}
        """The Secret object of each Secret component, by name."""

    def authorised(self) -> None:
        """The API server knows who asks."""
        import urllib3.exceptions
        from kubernetes import client, config
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config.config_exception import ConfigException

        try:
            config.load_kube_config(context=self.settings.values.get("context"))  # type: ignore[no-untyped-call]
            client.AuthenticationV1Api().create_self_subject_review(
                client.V1SelfSubjectReview(), _request_timeout=SECONDS
            )
        except ConfigException as error:
            raise UserError(
                f"there is no way to the cluster: {error}", hint="set KUBECONFIG, or meshwright:context"
            ) from None
        except ApiException as error:
            raise UserError(
                f"the cluster does not let you in: {error.reason}", hint="renew your kubeconfig's login"
            ) from None
        except urllib3.exceptions.HTTPError as error:
            raise UserError(f"the cluster does not answer: {cause(error)}", hint="is it up, and the VPN on?") from None

    def tunnel(self, host: str, port: int, local: int) -> list[str]:
        """`kubectl port-forward` to the Service of that name."""
        name, _, rest = host.partition(".")
        namespace, _, tail = rest.partition(".")
        if tail != "svc":
            raise UserError(f"{host} answers outside the cluster already", hint="open it without --tunnel")
        context = self.settings.values.get("context")
        words = ["kubectl", *(["--context", str(context)] if context else []), "--namespace", namespace]
        return [*words, "port-forward", f"service/{name}", f"{local}:{port}"]

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
        server = Program(
            image=self.image_of(locked("postgres")),
            command=["sh", f"{FILES}/database.sh", "-c", "max_connections=100"],
            size=args.size,
            environment={"DATA": DATA, "DATABASE": args.name, "PASSWORD_FILE": f"{SECRETS}/value"},
            files=self.files(database, {"database.sh": program("database.sh")}),
            paths=["database.sh"],
            endpoints={"sql": POSTGRES},
            probe=probe(POSTGRES),
            brought=True,
            opened=self.secrets[password.name],
            stop=["sh", "-c", "kill -INT 1"],  # SIGTERM would wait for every client to leave
        )
        host = self.service(database, {"sql": POSTGRES}, headless=True)
        ready = self.opened(database, endpoints={"sql": POSTGRES})
        pod = template(self.labels(database), server)
        return administered(database, self.stateful_set(database, pod, host, args.storage, ready), password)

    @implements(Bucket)
    def seaweedfs_stateful_set(self, bucket: Bucket) -> BucketOutputs:
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        endpoints = {"s3": seaweedfs.OBJECTS, **seaweedfs.INSIDE}
        host = self.service(bucket, endpoints, headless=True)
        store = Program(
            image=self.image_of(locked("seaweedfs")),
            # There is no other node that takes over meanwhile.
            command=[*seaweedfs.command(host), "-volume.preStopSeconds=0"],
            size=bucket.args.size,
            environment=seaweedfs.ENVIRONMENT,
            secrets=dict.fromkeys(seaweedfs.SECRETS, self.secrets[secret.name]),
            endpoints={"s3": seaweedfs.OBJECTS},
            probe=probe(seaweedfs.OBJECTS),
            brought=True,
        )
        ready = self.opened(bucket, endpoints=endpoints)
        pod = template(self.labels(bucket), store)
        return self.opened_store(bucket, self.stateful_set(bucket, pod, host, bucket.args.storage, ready), secret)

    @implements(Service)
    def deployment(self, service: Service) -> ServiceOutputs:
        check_scaling(service)
        self.check_public(service)
        args, name, places = service.args, physical(service), self.places(service.args.endpoints)
        first = next(iter(args.endpoints.values()), None)
        runs = Program(
            image=self.image_of(args.software),
            command=[places.fill(word) for word in args.command],
            size=args.size,
            environment=places.fill_all(args.environment),
            secrets={key: self.secrets[secret.name] for key, secret in args.secrets.items()},
            files=self.files(service, places.fill_all(args.files)),
            paths=list(args.files),
            endpoints=args.endpoints,
            probe=probe(first) if first else None,
            claim=self.kept(service, SERVICE_DATA) if keeps_data(service) else None,
        )
        policies = self.opened(service, args.uses, args.endpoints)
        grows = args.maximum > 1
        running = apps.v1.Deployment(
            service.name,
            metadata=self.meta(service, name),
            spec=apps.v1.DeploymentSpecArgs(
                selector=meta.v1.LabelSelectorArgs(match_labels=selected(name)),
                template=template({**self.labels(service), **self.users(args.uses)}, runs),
                # The autoscaler's number is its own.
                replicas=None if grows else 1,
                progress_deadline_seconds=args.start_seconds + 60,  # the image is pulled first
                strategy=apps.v1.DeploymentStrategyArgs(type="Recreate" if keeps_data(service) else "RollingUpdate"),
            ),
            opts=self.under(service, depends_on=policies),
        )
        if grows:
            scaled(service, name, self.meta(service, name), selected(name), self.under(service))
        # Whoever reads the address waits until the pods are ready.
        host = pulumi.Output.all(running.id, self.service(service, args.endpoints, headless=False)).apply(
            lambda known: str(known[1])
        )
        published = self.published(service)
        ports = {}
        for key, endpoint in args.endpoints.items():
            where = address(endpoint.protocol, host, endpoint.port)
            if key in published:
                where = {"url": pulumi.Output.all(running.id, published[key]).apply(lambda known: str(known[1]))}
            ports[key] = Port(protocol=endpoint.protocol, address=where, behind=service)
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    @implements(Job)
    def batch_job(self, job: Job) -> JobOutputs:
        args, places = job.args, self.places()
        runs = Program(
            image=self.image_of(args.software),
            command=[places.fill(word) for word in args.command],
            size=args.size,
            environment=places.fill_all(args.environment),
            secrets={key: self.secrets[secret.name] for key, secret in args.secrets.items()},
            files=self.files(job, places.fill_all(args.files)),
            paths=list(args.files),
        )
        policies = self.opened(job, args.uses, internet=internet(args.files))
        pod = template({**self.labels(job), **self.users(args.uses)}, runs, restart="Never")
        manifest = batch.v1.JobArgs(
            api_version="batch/v1",
            kind="Job",
            metadata=self.meta(job, physical(job)),
            spec=batch.v1.JobSpecArgs(template=pod, backoff_limit=0, active_deadline_seconds=args.timeout_seconds),
        )
        inputs = {
            "executor": "kubernetes",
            "stack": self.settings.stack,
            "name": job.origin,
            "context": self.settings.values.get("context"),
            "manifest": manifest,
            "undo": [places.fill(word) for word in args.undo] or None,
            # The pod has them from its Secrets; whoever shows its lines must know what to mask.
            "secrets": {key: secret.outputs.value for key, secret in args.secrets.items()},
            "triggers": list(args.triggers),
            "after": list(args.after),
            "schedule": {"cron": args.schedule.cron, "timezone": args.schedule.timezone} if args.schedule else None,
            "timeoutSeconds": args.timeout_seconds,
            "cpu": SIZES[args.size].cpu,
            "memoryMiB": SIZES[args.size].memory,
            "tags": job.context.tags.as_map(),
        }
        run = mesh.JobRun(job.name, inputs, job.below(depends_on=policies))
        called = pulumi.Output.concat("kubernetes:", self.namespace, f"/{physical(job)}")
        self.work.append(Work(job=job, program=runs, called=called))
        return JobOutputs(revision=run.revision, job=called)
