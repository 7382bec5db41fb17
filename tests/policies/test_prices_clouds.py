"""Estimates of what clouds bill, against sums by hand."""

from __future__ import annotations

from typing import Any

import pytest

from policies.prices import monthly, total

RDS: dict[str, Any] = {"instanceClass": "db.t4g.micro", "storageType": "gp3", "allocatedStorage": 20}
SERVER: dict[str, Any] = {"sku": {"name": "Standard_B1ms"}, "storage": {"storageSizeGB": 32}, "location": "westus"}
TASK = "${aws:ecs/taskDefinition:TaskDefinition::web#arn}"
JOB: dict[str, Any] = {"cpu": 1, "memoryMiB": 4096, "timeoutSeconds": 3600, "schedule": {"cron": "0 * * * *"}}


def app(profile: str = "Consumption", **scale: int) -> dict[str, Any]:
    """A Container App of half a vCPU."""
    container = {"resources": {"cpu": 0.5, "memory": "1Gi"}}
    return {"workloadProfileName": profile, "template": {"containers": [container], "scale": scale}}


@pytest.mark.parametrize(
    ("kind", "props", "sums"),
    [
        ("aws:rds/instance:Instance", RDS, [730 * 0.016, 20 * 0.115]),
        ("aws:rds/instance:Instance", {**RDS, "manageMasterUserPassword": True}, [730 * 0.016, 20 * 0.115, 0.4]),
        ("aws:rds/instance:Instance", {**RDS, "multiAz": True}, [730 * 0.033, 20 * 0.23]),
        ("aws:rds/instance:Instance", {**RDS, "instanceClass": "db.m7g.xlarge"}, [730 * 0.337, 20 * 0.115]),
        ("aws:ec2/natGateway:NatGateway", {}, [730 * 0.045, 10 * 0.045]),
        ("aws:ec2/eip:Eip", {}, [730 * 0.005]),
        ("aws:s3/bucket:Bucket", {}, [20 * 0.023]),
        ("aws:secretsmanager/secret:Secret", {}, [0.4]),
        ("aws:lb/loadBalancer:LoadBalancer", {}, [730 * 0.0225, 730 * 0.008]),
        ("aws:iam/rolePolicy:RolePolicy", {}, []),
        ("azure-native:dbforpostgresql:Server", SERVER, [730 * 0.022, 32 * 0.138]),
        (
            "azure-native:dbforpostgresql:Server",
            {**SERVER, "sku": {"name": "Standard_D2ds_v5"}, "highAvailability": {"mode": "ZoneRedundant"}},
            [2 * 730 * 0.203, 2 * 32 * 0.138],
        ),
        ("azure-native:app:ContainerApp", app(), [0.5 * 730 * 0.1224, 730 * 0.0144]),
        ("azure-native:app:ContainerApp", app(minReplicas=2), [730 * 0.1224, 2 * 730 * 0.0144]),
        ("azure-native:app:ContainerApp", app("D4"), [0.5 * 730 * 0.080859, 730 * 0.006638]),
        ("azure-native:storage:StorageAccount", {"sku": {"name": "Standard_LRS"}}, [20 * 0.0208]),
        ("azure-native:network:PrivateEndpoint", {"location": "West Europe"}, [730 * 0.01]),
        # 730 runs of 360 s
        ("mesh:index:JobRun", {**JOB, "executor": "ecs"}, [73 * 0.04048, 4 * 73 * 0.004445]),
        ("mesh:index:JobRun", {**JOB, "executor": "emr"}, [73 * 0.052624, 4 * 73 * 0.0057785]),
        # Container Apps sells 4 GiB with 2 vCPU
        ("mesh:index:JobRun", {**JOB, "executor": "containerapps"}, [2 * 73 * 0.1224, 4 * 73 * 0.0144]),
    ],
)
def test_estimate_by_hand(kind: str, props: dict[str, Any], sums: list[float]) -> None:
    estimate = monthly(kind, props)
    assert estimate is not None
    assert [float(line.amount) for line in estimate.lines] == pytest.approx(sums)


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        ("aws:rds/instance:Instance", {**RDS, "instanceClass": "db.x99.huge"}),
        ("aws:rds/instance:Instance", {**RDS, "storageType": "${symbol#of}"}),
        ("aws:rds/instance:Instance", {}),
        ("aws:ecs/service:Service", {"taskDefinition": TASK}),
        ("aws:novelty/thing:Thing", {}),
        ("azure-native:dbforpostgresql:Server", {**SERVER, "sku": {"name": "Standard_B2s"}}),
        ("azure-native:app:ContainerApp", {"template": {}}),
        ("azure-native:novelty:Thing", {}),
        ("mesh:index:JobRun", {**JOB, "executor": "ecs", "cpu": 0}),
    ],
)
def test_what_has_no_price_is_none(kind: str, props: dict[str, Any]) -> None:
    assert monthly(kind, props) is None


def test_a_service_costs_what_its_task_may_use() -> None:
    task = ("web", "aws:ecs/taskDefinition:TaskDefinition", {"cpu": "512", "memory": "1024"})
    service = ("web", "aws:ecs/service:Service", {"taskDefinition": TASK, "desiredCount": 2})
    estimate = total([task, service])
    assert estimate.unpriced == ()
    assert estimate.monthly == pytest.approx(2 * 730 * (0.5 * 0.04048 + 0.004445), abs=0.005)
    assert estimate.parts == {"web": estimate.monthly}
    assert total([service]).unpriced == ("web",)


def test_a_regions_own_row_goes_first_and_the_line_says_whose_price_it_is() -> None:
    nat = monthly("aws:ec2/natGateway:NatGateway", {}, "eu-west-1")
    address = monthly("aws:ec2/eip:Eip", {}, "eu-west-1")
    server = monthly("azure-native:dbforpostgresql:Server", {**SERVER, "location": "westeurope"}, "westeurope")
    cheaper = monthly("azure-native:dbforpostgresql:Server", {**SERVER, "location": "eastus"}, "eastus")
    assert nat is not None and address is not None and server is not None and cheaper is not None
    assert (nat.regions, address.regions, server.regions) == (("eu-west-1",), ("us-east-1",), ("westus",))
    assert nat.monthly == pytest.approx(730 * 0.048 + 10 * 0.048, abs=0.005)
    assert cheaper.regions == ("eastus",)
    assert cheaper.monthly == pytest.approx(730 * 0.017 + 32 * 0.12, abs=0.005)
