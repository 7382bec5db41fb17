"""Databases as clusters of CloudNativePG, where the stack's configuration says so."""

from __future__ import annotations

import pytest

from components.targets.kubernetes import Kubernetes
from stacks.recording import SECRET
from tests.conftest import LittleMesh
from tests.targets.network_policies import Pod, Rules
from tests.targets.recorded import NAME, Graph, tagged

VALUES = {"target": "kubernetes", "registry": "registry.example.org", "cloudNativePg": True}


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def test_a_database_is_a_cluster_of_the_operator(graph: Graph) -> None:
    assert not [one for one in graph.of("StatefulSet") if one.name.endswith("--results")]
    cluster = graph.named("Cluster", "--results")
    assert cluster.type == "kubernetes:postgresql.cnpg.io/v1:Cluster"
    spec = cluster.inputs["spec"]
    assert spec["imageName"].endswith(":17")
    assert spec["storage"] == {"size": "30Gi"}
    assert spec["bootstrap"]["initdb"]["database"] == "warehouse"
    assert spec["resources"]["limits"] == {"cpu": "1000m", "memory": "4096Mi"}
    assert tagged(spec["inheritedMetadata"]["labels"])
    assert cluster.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}


def test_its_superuser_has_a_secret_and_jobs_use_it(graph: Graph) -> None:
    login = graph.named("Secret", "--results--superuser").inputs
    assert login["type"] == "kubernetes.io/basic-auth"
    assert login["stringData"] == SECRET
    reference = graph.named("Cluster", "--results").inputs["spec"]["superuserSecret"]["name"]
    assert reference == f"${{kubernetes:core/v1:Secret::{NAME}--results--superuser#metadata.name}}"
    role = graph.named("JobRun", "--writer--role").inputs["manifest"]["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "ADMIN_USER", "value": "postgres"} in role["env"]


def test_in_prod_it_is_protected(little: LittleMesh) -> None:
    assert Graph(little, VALUES, "prod").named("Cluster", "--results").protect


def test_who_uses_it_gets_in_and_the_operator_too(graph: Graph) -> None:
    found = tuple({**one.inputs, "metadata": {"namespace": "sales-dev"}} for one in graph.of("NetworkPolicy"))
    name = graph.named("Cluster", "--results").inputs["metadata"]["name"]
    own = Pod("one", "sales-dev", {"cnpg.io/cluster": name})
    other = Pod("two", "sales-dev", {"cnpg.io/cluster": name, "second": ""})
    run = graph.named("JobRun", "--work--run").inputs["manifest"]["spec"]["template"]["metadata"]["labels"]
    cluster = Rules(found, {"sales-dev": {}, "cnpg-system": {}})
    assert cluster.allow(Pod("job", "sales-dev", run), own, 5432)
    assert cluster.allow(Pod("operator", "cnpg-system", {}), own, 8000)
    assert cluster.allow(own, other, 5432)
    assert not cluster.allow(Pod("operator", "cnpg-system", {}), own, 5432)
    assert not cluster.allow(Pod("stranger", "sales-dev", {}), own, 5432)
    assert cluster.isolated(own) == {"Ingress"}, "its instances ask the Kubernetes API"


def test_a_database_that_runs_already_is_not_moved(little: LittleMesh) -> None:
    graph = Graph(little, VALUES)
    settings = graph.program.domain.settings(VALUES)
    before = {f"{NAME}--results": "postgres_stateful_set"}
    kind = graph.program.kind
    assert issubclass(kind, Kubernetes)
    from components.primitives import Database

    assert kind(settings, before).choose(Database, (f"{NAME}--results",), {}) == "postgres_stateful_set"
    assert kind(settings).choose(Database, (f"{NAME}--results",), {}) == "cloudnativepg_cluster"
