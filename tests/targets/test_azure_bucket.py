"""Buckets on Azure: closed stores, and a gateway that alone has a role there."""

from __future__ import annotations

import pytest

from components.targets.azure_roles import STORAGE_BLOB_DATA_CONTRIBUTOR
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph
from tests.targets.test_azure import VALUES
from tests.targets.test_azure_container import files, variables


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def test_every_store_is_closed_without_keys_and_versioned(graph: Graph) -> None:
    accounts = graph.of("StorageAccount")
    assert len(accounts) == 2
    for account in accounts:
        wanted = {
            "kind": "StorageV2",
            "minimumTlsVersion": "TLS1_2",
            "enableHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "publicNetworkAccess": "Disabled",
            "networkRuleSet": {"defaultAction": "Deny", "bypass": "None"},
        }
        assert account.inputs | wanted == account.inputs
    for service in graph.of("BlobServiceProperties"):
        assert service.inputs["isVersioningEnabled"] is True
        assert service.inputs["deleteRetentionPolicy"]["enabled"] is True
    assert {blobs.inputs["publicAccess"] for blobs in graph.of("BlobContainer")} == {"None"}
    assert len([end for end in graph.of("PrivateEndpoint") if end.name != "vault"]) == len(accounts)


def test_only_a_buckets_gateway_has_a_role_on_it(graph: Graph) -> None:
    writes = STORAGE_BLOB_DATA_CONTRIBUTOR
    of_stores = [r for r in graph.of("RoleAssignment") if writes in r.inputs["roleDefinitionId"]]
    assert {r.name for r in of_stores} == {
        f"{NAME}--{bucket}--writes-{part}" for bucket in ("files", "other") for part in ("objects", "keys")
    }
    for right in of_stores:
        bucket, part = right.name.rsplit("--writes-")
        assert right.inputs["scope"].endswith(f"::{bucket}--{part}#id}}")


def test_a_granted_reader_gets_a_key_with_its_prefix_and_day(graph: Graph) -> None:
    job = graph.named("Job", "--objects-team-reports--rights")
    assert variables(job) | {"UNTIL": "2027-06-30", "OWNER": "owner"} == variables(job)
    assert variables(job)["KEY"] == f"{NAME}--objects-team-reports"
    assert "gateway_key.py" in files(job)
