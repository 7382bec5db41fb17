"""The bounds of a namespace: quota, limits, labels."""

from __future__ import annotations

from typing import Any

import pytest

from components.errors import UserError
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph, tagged

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}


def test_a_quota_bounds_what_all_pods_take(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "quota": {"cpu": 4, "memory": "16Gi", "storage": "100Gi"}})
    (quota,) = graph.of("ResourceQuota")
    hard = {"limits.cpu": "4", "limits.memory": "16Gi", "requests.storage": "100Gi"}
    assert quota.inputs["spec"] == {"hard": hard}
    assert quota.inputs["metadata"]["namespace"] == "${kubernetes:core/v1:Namespace::namespace#metadata.name}"
    assert tagged(quota.inputs["metadata"]["labels"])


def test_without_one_there_is_none_and_what_says_nothing_gets_little(little: LittleMesh) -> None:
    graph = Graph(little, VALUES)
    assert not graph.of("ResourceQuota")
    (limits,) = graph.of("LimitRange")
    (item,) = limits.inputs["spec"]["limits"]
    assert item == {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "1024Mi"},
        "defaultRequest": {"cpu": "250m", "memory": "1024Mi"},
    }


def test_a_namespace_that_was_there_keeps_its_operators_bounds(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "namespace": "analytics"})
    assert not graph.of("LimitRange")
    assert not graph.of("ResourceQuota")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"quota": {"cpus": 4}}, "knows no `cpus`\n  hint: did you mean `cpu`?"),
        ({"quota": {"cpu": "much"}}, "`much` is no amount of cpu"),
        ({"quota": {"cpu": True}}, "`True` is no amount of cpu"),
        ({"quota": 4}, "is a map of cpu, memory and storage"),
        ({"quota": {"cpu": 4}, "namespace": "analytics"}, "`namespace` names one that is there"),
    ],
)
def test_a_wrong_quota_is_refused(little: LittleMesh, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        Graph(little, {**VALUES, **more})
    assert sentence in str(caught.value)


def test_a_namespace_says_to_which_mesh_it_belongs(little: LittleMesh) -> None:
    (namespace,) = Graph(little, VALUES).of("Namespace")
    assert namespace.inputs["metadata"]["labels"]["mesh/tenant"] == "acme"
