"""Spark jobs on EMR Serverless, where the stack's settings name an image for them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components.base import Component
from components.errors import UserError
from components.port import Port
from components.primitives import SIZES, Bucket, BucketArgs, Schedule, locked
from components.spark import SparkJob, SparkJobArgs
from components.targets.aws_spark import WORKERS
from stacks.domain import Domain
from stacks.product import Product, ProductArgs
from stacks.program import Program
from stacks.recording import Recorded, record
from tests.conftest import LittleMesh
from tests.stacks.test_snapshots import VALUES
from tests.targets.iam import Request, allowed
from tests.targets.recorded import NAME, Graph

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mesh/spark-emr:7.12.0"
GIVEN = {"target": "aws", **VALUES["aws"], "emrServerless": IMAGE}
JOB = "route-stats--batch"
SOLD = {1: range(2, 9), 2: range(4, 17), 4: range(8, 31), 8: range(16, 61), 16: range(32, 121)}
"""vCPU -> GiB (EMR Serverless user guide, "Worker configurations")."""


@cache
def graph() -> tuple[Recorded, ...]:
    return tuple(Program(Domain("flights-dev"), GIVEN).recorded())


def of(kind: str, name: str) -> Recorded:
    (found,) = [each for each in graph() if each.type.endswith(f":{kind}") and each.name == name]
    return found


def policies(name: str) -> list[Any]:
    return [each.inputs["policy"] for each in graph() if each.type.endswith(":RolePolicy") and each.name == name]


def test_it_takes_the_place_of_a_cluster() -> None:
    (job,) = [each for each in graph() if each.type == "mesh:data:SparkJob"]
    assert job.inputs["implementation"] == "emr_serverless"
    assert not [each for each in graph() if each.name.startswith(f"{JOB}--cluster")]


def test_the_application_is_the_jobs_own_and_costs_nothing_while_nothing_runs() -> None:
    inputs = of("Application", JOB).inputs
    assert inputs["type"] == "SPARK"
    assert inputs["imageConfiguration"] == {"imageUri": IMAGE}
    assert inputs["maximumCapacity"] == {"cpu": "3 vCPU", "memory": "6 GB"}
    assert inputs["autoStopConfiguration"]["enabled"] is True
    assert "initialCapacities" not in inputs
    assert inputs["networkConfiguration"]["securityGroupIds"] == [f"${{aws:ec2/securityGroup:SecurityGroup::{JOB}#id}}"]


def test_the_run_has_its_variables_and_its_secrets_by_reference() -> None:
    inputs = of("JobRun", JOB).inputs
    (configuration,) = inputs["manifest"]["configurationOverrides"]["applicationConfiguration"]
    properties = configuration["properties"]
    for part in ("spark.emr-serverless.driverEnv", "spark.executorEnv"):
        assert properties[f"{part}.DEPARTURES_DATABASE"] == "warehouse"
        assert properties[f"{part}.DEPARTURES_PASSWORD"].startswith("EMR.secret@${aws:secretsmanager/secretVersion:")
    assert properties["spark.executor.instances"] == "2"
    assert properties["spark.executorEnv.PYSPARK_PYTHON"].endswith(locked("spark").python)
    assert len(properties) <= 100  # the API's limit
    assert f"${{aws:s3/bucketObjectv2:BucketObjectv2::{JOB}--routes.py#etag}}" in inputs["triggers"]
    assert inputs["executor"] == "emr"


def test_its_role_has_what_it_uses_alone() -> None:
    rights, family = policies(f"{JOB}--task"), of("Application", JOB).inputs["name"]
    bucket, files = (f"${{aws:s3/bucket:Bucket::{name}#arn}}" for name in ("route-stats--files", "files"))
    secret = "${aws:secretsmanager/secretVersion:SecretVersion::route-stats--departures--password#secretId}"
    other = "${aws:secretsmanager/secretVersion:SecretVersion::departures--bi--admin#secretId}"

    def may(action: str, resource: str) -> bool:
        return allowed(rights, Request(action, resource))

    assert may("s3:PutObject", f"{bucket}/routes/routes.parquet")
    assert may("s3:GetObject", f"{files}/{family}/routes.py")
    assert may("s3:PutObject", f"{files}/{family}/logs/applications/a")
    assert not may("s3:PutObject", f"{files}/{family}/routes.py")
    assert not may("s3:GetObject", f"{files}/another/role.py")
    assert not may("s3:GetObject", "${aws:s3/bucket:Bucket::delay-model--models#arn}/model")
    assert may("secretsmanager:GetSecretValue", secret)
    assert not may("secretsmanager:GetSecretValue", other)
    trust = of("Role", f"{JOB}--task").inputs["assumeRolePolicy"]
    mine = {"aws:SourceArn": f"${{aws:emrserverless/application:Application::{JOB}#arn}}"}
    for context, yes in ((mine, True), ({"aws:SourceArn": "another"}, False)):
        asked = Request("sts:AssumeRole", "*", context, "emr-serverless.amazonaws.com")
        assert allowed([trust], asked) is yes


def test_it_reaches_the_database_that_it_reads() -> None:
    names = {each.name for each in graph() if each.type.endswith("SecurityGroupIngressRule")}
    assert f"{JOB}--to-departures--warehouse-5432" in names


@pytest.mark.parametrize("size", SIZES)
def test_a_worker_is_one_that_is_sold_and_its_heap_leaves_room(size: Any) -> None:
    cpu, memory, heap = WORKERS[size]
    assert memory in SOLD[cpu]
    assert cpu >= SIZES[size].cpu
    assert memory * 1024 >= SIZES[size].memory
    assert heap * 1024 + max(384, heap * 1024 // 10) <= memory * 1024


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"schedule": Schedule(cron="5 4 * * *")}, "nothing starts a run on EMR Serverless by the clock yet"),
        ({"script": "gone.py"}, r"needs the file gone.py, which is not in .*/"),
    ],
)
def test_what_it_cannot_do_is_refused(little: LittleMesh, more: dict[str, Any], sentence: str) -> None:
    program = Graph(little, GIVEN).program
    target = program.target()
    context, folder = program.domain.context(program.domain.products[0], target), little.stacks / "sales" / NAME

    def build(product: Component[Any, Any]) -> dict[str, Port]:
        bucket = Bucket(product.child("files"), BucketArgs(), product.below())
        given: dict[str, Any] = {"script": "fit.py", "folder": str(Path(folder)), "bucket": bucket} | more
        SparkJob(product.child("batch"), SparkJobArgs(**given), product.below())
        return {}

    args = ProductArgs(
        domain="sales", owner="a", classification="internal", template="whole@1", estimate={}, budget=None, build=build
    )
    with pytest.raises(UserError, match=sentence):
        record(lambda: Product(NAME, args, context))
