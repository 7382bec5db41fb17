"""More instances of a service on Kubernetes when it is busy, and never all of them away at once."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes import meta, policy
from pulumi_kubernetes.autoscaling import v2

from components.errors import UserError
from components.primitives import Service
from components.targets.containers import keeps_data

BUSY = 70
"""Percent of the CPU that is reserved for an instance."""


def check_scaling(service: Service) -> None:
    """Refuse several instances of a service that keeps data: its volume belongs to one pod."""
    if service.args.maximum > 1 and keeps_data(service):
        raise UserError(
            f"`{service.name}` keeps data, so it can't have up to {service.args.maximum} instances",
            hint="leave `maximum` at 1, or keep its data in a Database or a Bucket",
        )


def scaled(
    service: Service,
    name: str,
    metadata: meta.v1.ObjectMetaArgs,
    pods: dict[str, str],
    options: pulumi.ResourceOptions,
) -> None:
    """Let the Deployment of this name grow to the service's `maximum`."""
    reserved = v2.MetricTargetArgs(type="Utilization", average_utilization=BUSY)
    v2.HorizontalPodAutoscaler(
        service.name,
        metadata=metadata,
        spec=v2.HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=v2.CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=name),
            min_replicas=1,
            max_replicas=service.args.maximum,
            metrics=[
                v2.MetricSpecArgs(type="Resource", resource=v2.ResourceMetricSourceArgs(name="cpu", target=reserved))
            ],
        ),
        opts=options,
    )
    policy.v1.PodDisruptionBudget(
        service.name,
        metadata=metadata,
        spec=policy.v1.PodDisruptionBudgetSpecArgs(
            selector=meta.v1.LabelSelectorArgs(match_labels=pods),
            # With one instance left a node may still be emptied.
            max_unavailable=1,
        ),
        opts=options,
    )
