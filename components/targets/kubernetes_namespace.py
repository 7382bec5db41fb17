"""The bounds of a stack's own namespace: what all its pods may take together, and what one takes that says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import core, meta

from components.errors import UserError, near
from components.primitives import SIZES
from components.targets import StackSettings

HARD = {"cpu": "limits.cpu", "memory": "limits.memory", "storage": "requests.storage"}
"""A word of `meshwright:quota` -> what it bounds (kubernetes.io, "Resource Quotas")."""
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGTPE]i?)?")
"""kubernetes.io, "Quantity", without exponents."""


def bounded(
    settings: StackSettings, namespace: pulumi.Input[str], labels: Mapping[str, str], options: pulumi.ResourceOptions
) -> None:
    """Bound a namespace that the stack makes; one that was there has its operator's bounds."""
    hard = quota(settings)
    if settings.values.get("namespace"):
        return
    small = SIZES["small"]
    core.v1.LimitRange(
        "limits",
        metadata=meta.v1.ObjectMetaArgs(name="limits", namespace=namespace, labels=labels),
        spec=core.v1.LimitRangeSpecArgs(
            limits=[
                core.v1.LimitRangeItemArgs(
                    type="Container",
                    default={"cpu": f"{int(small.cpu * 1000)}m", "memory": f"{small.memory}Mi"},
                    default_request={"cpu": f"{int(small.cpu * 500)}m", "memory": f"{small.memory}Mi"},
                )
            ]
        ),
        opts=options,
    )
    if hard:
        core.v1.ResourceQuota(
            "quota",
            metadata=meta.v1.ObjectMetaArgs(name="quota", namespace=namespace, labels=labels),
            spec=core.v1.ResourceQuotaSpecArgs(hard=hard),
            opts=options,
        )


def quota(settings: StackSettings) -> dict[str, str]:
    """`meshwright:quota` in Kubernetes' words; empty where the stack names none."""
    given = settings.values.get("quota")
    if given is None:
        return {}
    if settings.values.get("namespace"):
        raise UserError(
            f"`quota` bounds a namespace that stack {settings.stack} makes, and `namespace` names one that is there",
            hint="take one of the two out of the stack's configuration",
        )
    if not isinstance(given, Mapping) or not given:
        raise UserError(f"`quota` of stack {settings.stack} is a map of cpu, memory and storage")
    for word, amount in given.items():
        if word not in HARD:
            raise UserError(f"`quota` of stack {settings.stack} knows no `{word}`", hint=near(str(word), HARD))
        if isinstance(amount, bool) or QUANTITY.fullmatch(str(amount)) is None:
            raise UserError(
                f"`quota` of stack {settings.stack}: `{amount}` is no amount of {word}", hint="like 4, 500m or 16Gi"
            )
    return {HARD[word]: str(amount) for word, amount in given.items()}
