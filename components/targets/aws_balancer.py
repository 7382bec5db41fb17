"""The load balancer that shows a stack's pages on AWS: over TLS, to the internet or to the stack's network alone."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi_aws import lb

from components.names import shortened
from components.targets.aws_network import GATEWAY, Network

HTTP, HTTPS = 80, 443
TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy (ELB user guide, "Security policies for your Application Load Balancer")."""
IDLE_SECONDS = 300
"""A query behind a page may take as long; the default is 60."""
NAME = 32
"""Longest name of a load balancer and of a target group."""
WELL = "200-399"
ANY = "200-499"
"""Answers that count as healthy where nobody says what to ask for: a login page may refuse, it answers."""


class Balancer:
    """One of a stack's two load balancers: `public` or `internal`. Its pages are told apart by their host names."""

    def __init__(
        self,
        name: str,
        stack: str,
        network: Network,
        certificate: str,
        domain: str,
        zone: str,
        *,
        readers: Sequence[str],
        protected: bool,
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> None:
        self.name, self.domain, self.zone = name, domain, zone
        self.network, self.tags, self.options = network, tags, options
        public = name == "public"
        self.group = self._group(f"{name}-balancer", f"{name.title()} load balancer of {stack}", stack)
        self.callers: aws.ec2.SecurityGroup | None = None
        """The group of those inside the stack who may open its pages; the public one takes everybody."""
        self.ready: list[pulumi.Resource] = []
        """What lets them in."""
        for number, cidr in enumerate([GATEWAY] if public else readers):
            for port in (HTTP, HTTPS):
                self._inwards(f"{name}-balancer-{number}-{port}", port, cidr)
        if not public:
            self.callers = self._group("balancer-callers", f"Who opens pages of {stack}", stack)
            self.ready = self._let_in(self.callers)
        balancer = lb.LoadBalancer(
            f"{name}-balancer",
            name=f"{shortened(stack, NAME - len(name) - 1)}-{name}",
            internal=not public,
            load_balancer_type="application",
            security_groups=[self.group.id],
            subnets=network.public if public else network.private,
            drop_invalid_header_fields=True,
            enable_deletion_protection=protected,
            idle_timeout=IDLE_SECONDS,
            tags=tags,
            opts=options,
        )
        self.made = balancer
        redirect = lb.ListenerDefaultActionRedirectArgs(port=str(HTTPS), protocol="HTTPS", status_code="HTTP_301")
        lb.Listener(
            f"{name}-plain",
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=[lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)],
            tags=tags,
            opts=options,
        )
        nothing = lb.ListenerDefaultActionFixedResponseArgs(
            content_type="text/plain", message_body="There is no such page here.", status_code="404"
        )
        self.listener = lb.Listener(
            f"{name}-tls",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            ssl_policy=TLS,
            certificate_arn=certificate,
            default_actions=[lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=nothing)],
            tags=tags,
            opts=options,
        )

    def page(
        self,
        name: str,
        physical: tuple[str, str],
        port: int,
        health: str,
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> Page:
        """A host name of its own for an endpoint; `physical` are that name's first word and the target group's name."""
        word, group = physical
        host = f"{word}.{self.domain}"
        targets = lb.TargetGroup(
            name,
            name=group,
            target_type="ip",
            port=port,
            protocol="HTTP",
            vpc_id=self.network.vpc.id,
            deregistration_delay=30,
            health_check=lb.TargetGroupHealthCheckArgs(path=health or "/", matcher=WELL if health else ANY),
            tags=tags,
            opts=options,
        )
        hosts = lb.ListenerRuleConditionHostHeaderArgs(values=[host])
        rule = lb.ListenerRule(
            name,
            listener_arn=self.listener.arn,
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            conditions=[lb.ListenerRuleConditionArgs(host_header=hosts)],
            tags=tags,
            opts=options,
        )
        ready: list[pulumi.Resource] = [rule]
        if self.zone:
            alias = aws.route53.RecordAliasArgs(
                name=self.made.dns_name, zone_id=self.made.zone_id, evaluate_target_health=False
            )
            ready.append(
                aws.route53.Record(name, zone_id=self.zone, name=host, type="A", aliases=[alias], opts=options)
            )
        return Page(host, targets, ready)

    def _group(self, name: str, description: str, stack: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            name,
            name_prefix=f"mesh-{stack[:NAME]}-{name}-",
            vpc_id=self.network.vpc.id,
            description=description,
            tags=self.tags,
            opts=self.options,
        )

    def _inwards(self, name: str, port: int, cidr: str) -> None:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.group.id,
            description="Readers of pages" if port == HTTPS else "Sent on to HTTPS",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr,
            tags=self.tags,
            opts=self.options,
        )

    def _let_in(self, callers: aws.ec2.SecurityGroup) -> list[pulumi.Resource]:
        inwards = aws.vpc.SecurityGroupIngressRule(
            "balancer-callers",
            security_group_id=self.group.id,
            description="Services and jobs that use a page",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            referenced_security_group_id=callers.id,
            tags=self.tags,
            opts=self.options,
        )
        outwards = aws.vpc.SecurityGroupEgressRule(
            "balancer-callers",
            security_group_id=callers.id,
            description="Pages of this stack",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            referenced_security_group_id=self.group.id,
            tags=self.tags,
            opts=self.options,
        )
        return [inwards, outwards]


class Page:
    """Where an endpoint is shown: its host name, the group that its tasks join, and what must be there before them."""

    def __init__(self, host: str, targets: lb.TargetGroup, ready: list[pulumi.Resource]) -> None:
        self.host, self.targets, self.ready = host, targets, ready
