"""A service on AWS: tasks of ECS on Fargate that others find by name, or through a load balancer."""

from __future__ import annotations

import hashlib
from typing import Any

import pulumi
import pulumi_aws as aws

from components.errors import UserError
from components.port import Port
from components.primitives import Endpoint, Service, ServiceOutputs
from components.targets import implements
from components.targets.aws_balancer import NAME, Balancer, Page
from components.targets.aws_workload import MAIN, Workloads
from components.targets.containers import address, keeps_data

BUSY = 70
"""Per cent of its CPU at which a service gets another instance."""
PATIENCE_SECONDS = 300
"""How long fewer instances must have been enough before one is taken away."""
LABEL = 63
"""Longest word of a host name."""


class Services(Workloads):
    """Builds services."""

    @implements(Service)
    def fargate_service(self, service: Service) -> ServiceOutputs:
        args, tags = service.args, service.context.tags.as_map()
        self._refuse(service)
        work, name = self.workload(service, args, args.endpoints), self.physical(service, LABEL)
        shown = {key: balancer for key in args.endpoints if (balancer := self._balancer_of(args.endpoints[key]))}
        pages = {key: self._page(service, key, balancer) for key, balancer in shown.items()}
        ready = [*work.ready, *(resource for page in pages.values() for resource in page.ready)]
        for key, balancer in shown.items():
            ready += self.reach.publish(service, key, balancer)
        registered = self._name(service, name) if len(pages) < len(args.endpoints) else None
        grows = args.maximum > 1
        running = aws.ecs.Service(
            service.name,
            name=name,
            cluster=self.cluster.arn,
            launch_type="FARGATE",
            desired_count=1,
            task_definition=work.task.definition.arn,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=self.network.private, security_groups=work.groups, assign_public_ip=False
            ),
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(registry_arn=registered.arn)
            if registered
            else None,
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=page.targets.arn, container_name=MAIN, container_port=args.endpoints[key].port
                )
                for key, page in pages.items()
            ],
            health_check_grace_period_seconds=args.start_seconds if pages else None,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            wait_for_steady_state=True,
            propagate_tags="SERVICE",
            tags=tags,
            # How many there are is up to the load.
            opts=self.under(service, depends_on=ready, ignore_changes=["desiredCount"] if grows else []),
        )
        if grows:
            self._grow(service, f"service/{self.cluster_name}/{name}", running)
        ports = {}
        for key, endpoint in args.endpoints.items():
            parts = self._address(endpoint, running.name, pages.get(key))
            ports[key] = Port(protocol=endpoint.protocol, address=parts, behind=service)
            self.reach.answers(parts, service, key)
        return ServiceOutputs(ports=ports, ready=running.id.apply(str))

    def _address(self, endpoint: Endpoint, name: pulumi.Output[str], page: Page | None) -> dict[str, pulumi.Input[Any]]:
        """Where an endpoint answers: the running service's `name` joins, so that a reader waits until it does."""
        if page is not None:
            host = page.host
            return {"url": name.apply(lambda _: f"https://{host}")}
        return address(endpoint.protocol, name.apply(lambda own: f"{own}.{self.network.domain}"), endpoint.port)

    def _refuse(self, service: Service) -> None:
        """What can't be had on AWS, or not with this stack's settings."""
        stack = self.settings.stack
        if keeps_data(service):
            what = f"service `{service.name}` keeps files of its own, and a Fargate task loses its own with its end"
            raise UserError(
                what, hint="keep them in a Bucket or a Database, or name `{{scratch}}` in place of `{{data}}`"
            )
        for key, endpoint in service.args.endpoints.items():
            if not endpoint.public:
                continue
            if endpoint.protocol != "http":
                what = (
                    f"endpoint `{key}` of `{service.name}` is public, and speaks {endpoint.protocol}: only http can be"
                )
                raise UserError(what, hint="take `public` away, or offer a page")
            if not self.balanced:
                what = f"endpoint `{key}` of `{service.name}` is public, and stack {stack} has no certificate for it"
                hint = (
                    "add meshwright:certificateArn (of a certificate of ACM in this region, for *.DOMAIN) "
                    "and meshwright:publicDomain (that DOMAIN) to the stack file"
                )
                raise UserError(what, hint=hint)
            if not self.network.public:
                what = (
                    f"endpoint `{key}` of `{service.name}` is public, and stack {stack} brings no public subnets along"
                )
                raise UserError(what, hint="add meshwright:publicSubnetIds: [subnet-3, subnet-4] to the stack file")

    def _balancer_of(self, endpoint: Endpoint) -> Balancer | None:
        if endpoint.protocol != "http" or not self.balanced:
            return None
        return self.public if endpoint.public else self.internal

    def _page(self, service: Service, key: str, balancer: Balancer) -> Page:
        """The first page of a service has its name, each other one that of its endpoint too."""
        endpoint, pages = (
            service.args.endpoints[key],
            [k for k, e in service.args.endpoints.items() if e.protocol == "http"],
        )
        part = "" if pages[0] == key else key
        digest = hashlib.sha256(f"{key}:{endpoint.port}".encode()).hexdigest()[:4]
        return balancer.page(
            service.child(key),
            (self.physical(service, LABEL, part), f"{self.physical(service, NAME - 5, part)}-{digest}"),
            endpoint.port,
            endpoint.health,
            service.context.tags.as_map(),
            self.under(service),
        )

    def _name(self, service: Service, name: str) -> aws.servicediscovery.Service:
        """A name inside the network."""
        record = aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(ttl=10, type="A")
        return aws.servicediscovery.Service(
            service.name,
            name=name,
            dns_config=aws.servicediscovery.ServiceDnsConfigArgs(
                namespace_id=self.network.names.id, dns_records=[record]
            ),
            tags=service.context.tags.as_map(),
            opts=self.under(service),
        )

    def _grow(self, service: Service, resource: str, running: aws.ecs.Service) -> None:
        """More instances where they are busy, up to the service's maximum."""
        dimension, namespace = "ecs:service:DesiredCount", "ecs"
        scaled = aws.appautoscaling.Target(
            service.name,
            min_capacity=1,
            max_capacity=service.args.maximum,
            resource_id=resource,
            scalable_dimension=dimension,
            service_namespace=namespace,
            tags=service.context.tags.as_map(),
            opts=self.under(service, depends_on=[running]),
        )
        metric = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
            predefined_metric_type="ECSServiceAverageCPUUtilization"
        )
        aws.appautoscaling.Policy(
            service.name,
            policy_type="TargetTrackingScaling",
            resource_id=scaled.resource_id,
            scalable_dimension=scaled.scalable_dimension,
            service_namespace=scaled.service_namespace,
            target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=BUSY, predefined_metric_specification=metric, scale_in_cooldown=PATIENCE_SECONDS
            ),
            opts=self.under(service),
        )
