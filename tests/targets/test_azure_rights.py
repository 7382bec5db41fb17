"""Rights on Azure: an identity for each container, with exactly the roles that it needs."""

from __future__ import annotations

import pytest

from components.targets.azure_roles import KEY_VAULT_SECRETS_USER, STORAGE_BLOB_DATA_CONTRIBUTOR
from stacks.recording import SYMBOL, Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph
from tests.targets.test_azure import VALUES
from tests.targets.test_azure_container import container, workloads


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def principal(resource: Recorded) -> str:
    """The identity that a container's own references use."""
    return str(resource.inputs["configuration"]["identitySettings"][0]["identity"])


def rights(graph: Graph) -> dict[str, set[tuple[str, str]]]:
    """Role and scope of what each identity has."""
    found: dict[str, set[tuple[str, str]]] = {}
    for right in graph.of("RoleAssignment"):
        who = right.inputs["principalId"].replace("#principalId}", "#id}")
        found.setdefault(who, set()).add((right.inputs["roleDefinitionId"].split("/")[-1], right.inputs["scope"]))
    return found


def needed(resource: Recorded) -> set[tuple[str, str]]:
    """Role and scope of what a container needs: each secret that it refers to, and its bucket where it is a gateway."""
    secrets = {
        entry["keyVaultUrl"] for entry in resource.inputs["configuration"].get("secrets", []) if "keyVaultUrl" in entry
    }
    found = {(KEY_VAULT_SECRETS_USER, f"{url.partition('#')[0]}#id}}") for url in secrets}
    if container(resource)["command"][0] == "versitygw":
        blobs = "${azure-native:storage:BlobContainer::" + resource.name
        found |= {(STORAGE_BLOB_DATA_CONTRIBUTOR, f"{blobs}--{part}#id}}") for part in ("objects", "keys")}
    return found


def test_each_container_has_exactly_the_roles_that_it_needs(graph: Graph) -> None:
    given = rights(graph)
    found = {
        resource.name: given.pop(principal(resource), set())
        for resource in workloads(graph)
        if not resource.name.endswith("--schedule")
    }
    assert found == {
        resource.name: needed(resource) for resource in workloads(graph) if not resource.name.endswith("--schedule")
    }
    assert len([name for name in found if found[name]]) >= 8
    assert not given  # and nobody else has any


def test_a_scheduled_job_is_the_same_as_the_one_that_pulumi_starts(graph: Graph) -> None:
    once, timed = graph.named("Job", "--work--run"), graph.named("Job", "--work--run--schedule")
    assert principal(once) == principal(timed)
    assert needed(once) == needed(timed)


def test_no_two_containers_share_an_identity(graph: Graph) -> None:
    own = [principal(resource) for resource in workloads(graph) if not resource.name.endswith("--schedule")]
    assert len(set(own)) == len(own)


def graph_name(symbol: str) -> str:
    """`a--b` of `${type::a--b#id}`."""
    return symbol.partition("#")[0].rpartition("::")[2]


def test_a_workload_may_read_its_own_secrets_and_nothing_else(graph: Graph) -> None:
    reads = KEY_VAULT_SECRETS_USER
    secret = "${azure-native:keyvault:Secret::" + NAME
    given = {graph_name(who): found for who, found in rights(graph).items()}
    assert given[f"{NAME}--work--run"] == {
        (reads, f"{secret}--work--writer--password#id}}"),
        (reads, f"{secret}--cluster--secret#id}}"),
        (reads, f"{secret}--files--owner#id}}"),
    }
    assert given[f"{NAME}--cluster--worker-0"] == {(reads, f"{secret}--cluster--secret#id}}")}
    for right in graph.of("RoleAssignment"):
        assert right.inputs["principalType"] == "ServicePrincipal"
        assert SYMBOL.fullmatch(right.inputs["scope"]) and right.inputs["scope"].endswith("#id}")
