"""Services that grow on Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest

from components.errors import UserError
from stacks.recording import Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph, tagged

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def of(made: list[Recorded], kind: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in made if resource.type.endswith(f":{kind}")]


def test_a_service_grows_to_its_maximum_when_it_is_busy(graph: Graph) -> None:
    made = graph.service(maximum=4)
    (deployment,), (scaler,) = of(made, "Deployment"), of(made, "HorizontalPodAutoscaler")
    assert scaler["apiVersion"] == "autoscaling/v2"
    spec = scaler["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    name = deployment["metadata"]["name"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    (metric,) = spec["metrics"]
    busy = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert metric == {"type": "Resource", "resource": busy}
    assert "replicas" not in deployment["spec"], "another number would fight the autoscaler's"
    assert tagged(scaler["metadata"]["labels"])


def test_never_more_than_one_of_them_is_away(graph: Graph) -> None:
    made = graph.service(maximum=2)
    (budget,), (deployment,) = of(made, "PodDisruptionBudget"), of(made, "Deployment")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_one_instance_needs_neither(graph: Graph) -> None:
    made = graph.service()
    assert not of(made, "HorizontalPodAutoscaler")
    assert not of(made, "PodDisruptionBudget")
    (deployment,) = of(made, "Deployment")
    assert deployment["spec"]["replicas"] == 1


def test_a_service_that_keeps_data_can_not_grow(graph: Graph) -> None:
    with pytest.raises(UserError, match="extra` keeps data, so it can't have up to 2 instances"):
        graph.service(command=("serve", "{{data}}"), maximum=2)
