"""An endpoint that asks for it is open to the internet, over TLS, and nothing beside it."""

from __future__ import annotations

from typing import Any

from components.primitives import Endpoint
from stacks.recording import Recorded
from tests.behaviours.graphs import values
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
SETTINGS: dict[str, dict[str, Any]] = {
    "aws": {"publicDomain": "data.example.org", "certificateArn": CERTIFICATE},
    "azure": {"public": True},
    "kubernetes": {"ingressDomain": "data.example.org"},
}
"""Where the operator lets it be."""


def test_it(target: str, little: LittleMesh) -> None:
    graph = Graph(little, {**values(target), **SETTINGS.get(target, {})})
    private, public = (
        graph.service(endpoints={"web": Endpoint(protocol="http", port=8000, health="/", public=public)})
        for public in (False, True)
    )
    assert not [each.name for each in private if ways_in(each)]
    assert [each.name for each in public if ways_in(each)]


def ways_in(each: Recorded) -> bool:
    """Whether it lets the internet in, over TLS alone."""
    inputs, kind = each.inputs, each.type.rpartition(":")[2]
    if kind == "Ingress":
        return bool(inputs["spec"]["tls"])
    if kind == "LoadBalancer":
        return inputs["internal"] is False
    if kind == "ContainerApp":
        ingress = inputs["configuration"].get("ingress", {})
        return ingress.get("external") is True and ingress["allowInsecure"] is False
    return False
