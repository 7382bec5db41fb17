"""Every size is one that the clouds sell, and no smaller than it says: what no judge of inputs catches.

The tables are the vendors' own, from their documentation; for AWS cfn-lint (their linter of templates, which comes with
moto) has the same as data, and is asked as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from components.primitives import SIZES, Size
from components.targets.aws import INSTANCE_CLASSES
from components.targets.azure_size import INSTANCES, instance, placed
from tests.conftest import LittleMesh
from tests.targets.recorded import Graph
from tests.targets.test_aws import VALUES

FARGATE: Mapping[int, range] = {
    256: range(512, 2049, 512),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
"""CPU units -> MiB (ECS developer guide, "Task CPU and memory"; 256 has no 1536, which nobody here asks for)."""
RDS: Mapping[str, tuple[int, int]] = {
    "db.t4g.micro": (2, 1),
    "db.t4g.small": (2, 2),
    "db.t4g.medium": (2, 4),
    "db.t4g.large": (2, 8),
    "db.m7g.large": (2, 8),
    "db.m7g.xlarge": (4, 16),
    "db.m7g.2xlarge": (8, 32),
}
"""Class -> vCPU, GiB (RDS user guide, "Hardware specifications for DB instance classes"); all have PostgreSQL 17."""
POSTGRES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("Burstable", "Standard_B1ms"): (1, 2),
    ("Burstable", "Standard_B2s"): (2, 4),
    ("Burstable", "Standard_B2ms"): (2, 8),
    ("GeneralPurpose", "Standard_D2ds_v5"): (2, 8),
    ("GeneralPurpose", "Standard_D4ds_v5"): (4, 16),
    ("GeneralPurpose", "Standard_D8ds_v5"): (8, 32),
}
"""Tier and machine -> vCPU, GiB ("Compute options in Azure Database for PostgreSQL flexible server")."""
CONSUMPTION = {(quarters / 4, f"{quarters / 2:g}Gi") for quarters in range(1, 17)}
"""vCPU and memory on demand, 0.25 to 4 with twice as many GiB ("Containers in Azure Container Apps", allocations)."""
PROFILES: Mapping[str, tuple[int, int]] = {"D4": (4, 16), "D8": (8, 32), "D16": (16, 64)}
"""Workload profile -> vCPU, GiB of its machines ("Workload profiles in Azure Container Apps")."""

each_size = pytest.mark.parametrize("size", SIZES)


@cache
def lint(path: str) -> Any:
    """A table of cfn-lint."""
    found = files("cfnlint").joinpath("data/schemas/extensions", path)
    return json.loads(found.read_text(encoding="utf-8"))


def accepted(schema: Any, **inputs: Any) -> bool:
    """Whether cfn-lint's table accepts a resource."""
    return bool(jsonschema.Draft7Validator(schema).is_valid(inputs))


def fargate(cpu: str, memory: str) -> bool:
    """Whether both sources know a pair."""
    table = lint("aws_ecs_taskdefinition/fargate_cpu_memory.json")
    kind = {"RequiresCompatibilities": ["FARGATE"]}
    return int(memory) in FARGATE[int(cpu)] and accepted(table, Cpu=cpu, Memory=int(memory), **kind)


@each_size
def test_a_task_has_a_pair_that_fargate_sells(size: Size) -> None:
    capacity = SIZES[size]
    assert fargate(str(int(capacity.cpu * 1024)), str(capacity.memory))


def test_every_task_of_the_graph_has_such_a_pair(little: LittleMesh) -> None:
    tasks = Graph(little, VALUES).of("TaskDefinition")
    assert tasks
    assert all(fargate(task.inputs["cpu"], task.inputs["memory"]) for task in tasks)


@each_size
def test_a_database_on_aws_is_of_a_class_that_is_sold_and_large_enough(size: Size) -> None:
    cpu, memory = RDS[INSTANCE_CLASSES[size]]
    assert cpu >= SIZES[size].cpu
    assert memory * 1024 >= SIZES[size].memory
    for region in ("eu-west-1", "eu-central-1", "us-east-1"):
        table = lint("aws_rds_dbinstance/dbinstanceclass_enum.json")[region]
        assert accepted(table, Engine="postgres", DBInstanceClass=INSTANCE_CLASSES[size], EngineVersion="17"), region


def test_the_tables_refuse_what_nobody_sells() -> None:
    assert not fargate("512", "8192")
    pairs = lint("aws_ecs_taskdefinition/fargate_cpu_memory.json")
    assert not accepted(pairs, Cpu="512", Memory=8192, RequiresCompatibilities=["FARGATE"])
    classes = lint("aws_rds_dbinstance/dbinstanceclass_enum.json")["eu-west-1"]
    assert not accepted(classes, Engine="postgres", DBInstanceClass="db.t4g.huge", EngineVersion="17")


@each_size
@pytest.mark.parametrize("standby", [False, True])
def test_a_database_on_azure_is_of_a_machine_that_is_sold_and_large_enough(size: Size, standby: bool) -> None:
    tier, machine = instance(size, standby=standby)
    cpu, memory = POSTGRES[tier, machine]
    assert cpu >= SIZES[size].cpu
    assert memory * 1024 >= SIZES[size].memory
    assert not (standby and tier == "Burstable")
    assert set(INSTANCES) == set(SIZES)


@each_size
def test_a_container_on_azure_has_what_its_profile_sells(size: Size) -> None:
    profile, cpu, memory = placed(SIZES[size])
    if profile == "Consumption":
        assert (cpu, memory) in CONSUMPTION
    else:
        most, gibibytes = PROFILES[profile]
        assert cpu <= most
        assert float(memory.removesuffix("Gi")) <= gibibytes
    assert cpu >= SIZES[size].cpu
    assert float(memory.removesuffix("Gi")) * 1024 >= SIZES[size].memory
