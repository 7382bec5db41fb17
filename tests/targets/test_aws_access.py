"""Who may do what on target aws, asked of the policies themselves: what is used is allowed, and nothing beside it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from components.base import Component
from components.port import Port
from components.primitives import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from stacks.domain import Domain
from stacks.product import Product, ProductArgs
from stacks.program import Program
from stacks.recording import Recorded, record
from tests.conftest import LittleMesh
from tests.stacks.test_snapshots import VALUES
from tests.targets.iam import Request, allowed, denied_explicitly
from tests.targets.recorded import NAME, Graph

STACKS = ("weather-dev", "flights-dev")
"""Their products are of all four templates."""
KEY = "${aws:kms/key:Key::key#arn}"
S3, VAULT = "s3.eu-west-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com"
NOW = "2026-11-25T12:00:00Z"

stacks = pytest.mark.parametrize("stack", STACKS)


class World:
    """What a stack's policies say."""

    def __init__(self, graph: list[Recorded]) -> None:
        self.graph = [resource for resource in graph if resource.custom]
        self.components = {resource.name: resource for resource in graph if not resource.custom}

    def of(self, kind: str) -> list[Recorded]:
        return [resource for resource in self.graph if resource.type.endswith(f":{kind}")]

    def policies(self, who: str, kind: str = "RolePolicy") -> list[Any]:
        """The policies of a role or a user."""
        return [policy.inputs["policy"] for policy in self.of(kind) if policy.name == who]

    @property
    def buckets(self) -> dict[str, str]:
        """The ARN of each bucket, by name."""
        return {bucket.name: f"${{aws:s3/bucket:Bucket::{bucket.name}#arn}}" for bucket in self.of("Bucket")}

    def uses(self, name: str) -> list[dict[str, Any]]:
        """What a service or job says that it uses."""
        found: list[dict[str, Any]] = self.components[name].inputs["args"].get("uses", [])
        return found

    def may(self, policies: list[Any], action: str, resource: str, **context: str) -> bool:
        named = {key.replace("__", ":"): value for key, value in context.items()}
        return allowed(policies, Request(action, resource, {"aws:CurrentTime": NOW, **named}))


@cache
def world(stack: str) -> World:
    return World(Program(Domain(stack), {"target": "aws", **VALUES["aws"]}).recorded())


def opens(who: World, policies: list[Any], bucket: str, key: str, now: str = NOW, write: bool = False) -> bool:
    """Whether an object can be read (or written), in S3 and in KMS."""
    at = {"aws:CurrentTime": now}
    through = {**at, "kms:ViaService": S3, "kms:EncryptionContext:aws:s3:arn": bucket}
    asked = [
        Request("s3:PutObject" if write else "s3:GetObject", f"{bucket}/{key}", at),
        Request("kms:Decrypt", KEY, through),
    ]
    if write:
        asked.append(Request("kms:GenerateDataKey", KEY, through))
    return all(allowed(policies, request) for request in asked)


def lists(policies: list[Any], bucket: str, prefix: str, now: str = NOW) -> bool:
    return allowed(policies, Request("s3:ListBucket", bucket, {"aws:CurrentTime": now, "s3:prefix": prefix}))


@stacks
def test_every_policy_is_text(stack: str) -> None:
    """The SDK's typed documents pass every recording, and pulumi 3.272 can't hand them to the engine."""
    found = world(stack)
    kinds = ("RolePolicy", "UserPolicy", "BucketPolicy", "KeyPolicy")
    texts = [policy.inputs["policy"] for kind in kinds for policy in found.of(kind)]
    texts += [role.inputs["assumeRolePolicy"] for role in found.of("Role")]
    for text in texts:
        assert json.loads(text)["Version"] == "2012-10-17"
        assert len(text) < 10_240  # the inline policies of a role, all together (IAM quotas)


@stacks
def test_a_task_opens_the_buckets_it_uses_and_no_other(stack: str) -> None:
    found, used = world(stack), 0
    for task in found.of("TaskDefinition"):
        policies = found.policies(f"{task.name}--task")
        own = {entry["component"] for entry in found.uses(task.name) if "component" in entry} & found.buckets.keys()
        used += len(own)
        for name, arn in found.buckets.items():
            mine = name in own
            assert opens(found, policies, arn, "a/b", write=True) is mine, (task.name, name)
            assert opens(found, policies, arn, "a/b") is mine, (task.name, name)
            assert lists(policies, arn, "a/") is mine, (task.name, name)
            assert found.may(policies, "s3:DeleteObject", f"{arn}/a") is mine
            assert not found.may(policies, "s3:PutBucketPolicy", arn)
        # The key opens nothing by itself.
        assert not found.may(policies, "kms:Decrypt", KEY)
    assert used == sum(name != "files" for name in found.buckets)


@stacks
def test_a_task_reads_the_files_it_starts_with_and_no_others(stack: str) -> None:
    found = world(stack)
    shelf = found.buckets["files"]
    keys: dict[str, list[str]] = {}
    for stored in found.of("BucketObjectv2"):
        keys.setdefault(stored.inputs["key"].split("/")[0], []).append(stored.inputs["key"])
    for task in found.of("TaskDefinition"):
        policies, family = found.policies(f"{task.name}--task"), task.inputs["family"]
        assert lists(policies, shelf, f"{family}/") is (family in keys)
        assert not lists(policies, shelf, "")
        for other, paths in keys.items():
            for path in paths:
                assert opens(found, policies, shelf, path) is (other == family), (task.name, path)
                assert not opens(found, policies, shelf, path, write=True)


@stacks
def test_a_task_starts_with_its_own_secrets_and_its_program_reads_none(stack: str) -> None:
    found = world(stack)
    vault = {f"${{{version.type}::{version.name}#secretId}}" for version in found.of("SecretVersion")}
    vault |= {
        f"${{{database.type}::{database.name}#masterUserSecrets[0].secretArn}}" for database in found.of("Instance")
    }
    for task in found.of("TaskDefinition"):
        main = json.loads(task.inputs["containerDefinitions"])[1]
        own = {secret["valueFrom"].removesuffix(":password::") for secret in main.get("secrets", [])}
        assert own <= vault
        starts, program = found.policies(f"{task.name}--execution"), found.policies(f"{task.name}--task")
        for secret in vault:
            through = {"kms:ViaService": VAULT, "kms:EncryptionContext:SecretARN": secret}
            read = Request("secretsmanager:GetSecretValue", secret)
            decrypt = Request("kms:Decrypt", KEY, through)
            assert allowed(starts, read) is allowed(starts, decrypt) is (secret in own), (task.name, secret)
            assert not allowed(program, read)
            assert not found.may(starts, "secretsmanager:PutSecretValue", secret)


@stacks
def test_a_task_writes_its_own_lines_alone(stack: str) -> None:
    found = world(stack)
    group = "${aws:cloudwatch/logGroup:LogGroup::logs#arn}"
    families = [task.inputs["family"] for task in found.of("TaskDefinition")]
    for task in found.of("TaskDefinition"):
        starts = found.policies(f"{task.name}--execution")
        for family in families:
            mine = found.may(starts, "logs:PutLogEvents", f"{group}:log-stream:{family}/main/1")
            assert mine is (family == task.inputs["family"])
        assert not found.may(starts, "logs:DeleteLogGroup", group)


@stacks
def test_a_granted_key_reads_its_bucket_and_writes_nothing(stack: str) -> None:
    found = world(stack)
    grants = [access for access in found.components.values() if access.type == "mesh:data:BucketAccess"]
    assert len(grants) == len(found.of("UserPolicy"))
    for access in grants:
        policies, own = found.policies(access.name, "UserPolicy"), access.inputs["args"]["bucket"]["component"]
        for name, arn in found.buckets.items():
            assert opens(found, policies, arn, "a/b") is (name == own)
            assert lists(policies, arn, "a/") is (name == own)
            assert not found.may(policies, "s3:PutObject", f"{arn}/a/b")
            assert not found.may(policies, "s3:DeleteObject", f"{arn}/a/b")
        assert not found.may(policies, "kms:GenerateDataKey", KEY, kms__ViaService=S3)


def test_a_grant_ends_with_its_day_and_with_its_prefix(little: LittleMesh) -> None:
    program = Graph(little, {"target": "aws", **VALUES["aws"]}).program
    target = program.target()
    context = program.domain.context(program.domain.products[0], target)

    def build(product: Component[Any, Any]) -> dict[str, Port]:
        one, two = (Bucket(product.child(name), BucketArgs(), product.below()) for name in ("one", "two"))
        granted = BucketAccessArgs(bucket=one, prefix="routes/", until="2027-06-30")
        BucketAccess(product.child("reader"), granted, product.below())
        return {"two": two.outputs.objects}

    args = ProductArgs(
        domain="sales",
        owner="a",
        classification="internal",
        template="whole@1",
        estimate={},
        budget=None,
        build=build,
    )
    found = World(record(lambda: Product(NAME, args, context)))
    policies = found.policies(f"{NAME}--reader", "UserPolicy")
    one, two = found.buckets[f"{NAME}--one"], found.buckets[f"{NAME}--two"]
    for now, yes in (("2026-11-25T12:00:00Z", True), ("2027-06-30T23:59:58Z", True), ("2027-07-01T00:00:00Z", False)):
        assert opens(found, policies, one, "routes/2026.parquet", now) is yes
        assert lists(policies, one, "routes/", now) is yes
    assert not opens(found, policies, one, "salaries/2026.parquet")
    assert not opens(found, policies, one, "routes/2026.parquet", write=True)
    assert not lists(policies, one, "")
    assert not lists(policies, one, "salaries/")
    assert not opens(found, policies, two, "routes/2026.parquet")


@stacks
def test_nobody_opens_a_bucket_without_tls(stack: str) -> None:
    found = world(stack)
    policies = {policy.name: policy.inputs["policy"] for policy in found.of("BucketPolicy")}
    assert policies.keys() == found.buckets.keys()
    for name, arn in found.buckets.items():
        for action, resource in (("s3:GetObject", f"{arn}/a"), ("s3:ListBucket", arn)):
            plain = Request(action, resource, {"aws:SecureTransport": "false"})
            assert denied_explicitly([policies[name]], plain)
            assert not denied_explicitly([policies[name]], Request(action, resource))


def test_the_key_is_for_the_accounts_policies_and_for_the_stacks_log_group() -> None:
    (policy,) = [found.inputs["policy"] for found in world("flights-dev").of("KeyPolicy")]
    logs = "logs.eu-west-1.amazonaws.com"

    def asks(action: str, who: str, group: str) -> bool:
        context = {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-west-1:(computed):log-group:{group}"}
        return allowed([policy], Request(action, "key", context, principal=who))

    assert asks("kms:GenerateDataKeyWithoutPlaintext", logs, "/mesh/flights-dev")
    assert not asks("kms:GenerateDataKey", logs, "/mesh/sales-dev")
    assert not asks("kms:ScheduleKeyDeletion", logs, "/mesh/flights-dev")
    assert not asks("kms:Decrypt", "rds.amazonaws.com", "/mesh/flights-dev")
    assert asks("kms:PutKeyPolicy", "arn:aws:iam::(computed):root", "")


@stacks
def test_roles_are_taken_by_the_service_that_they_are_for(stack: str) -> None:
    found = world(stack)
    services = ("ecs-tasks", "scheduler", "events", "ec2", "lambda", "s3")

    def takers(role: Recorded, source: str) -> list[str]:
        policy, context = role.inputs["assumeRolePolicy"], {"aws:SourceArn": source}
        asked = {name: Request("sts:AssumeRole", "*", context, f"{name}.amazonaws.com") for name in services}
        return [name for name, request in asked.items() if allowed([policy], request)]

    for role in found.of("Role"):
        job = role.name.removesuffix("--start")
        if job == role.name:
            assert takers(role, "") == ["ecs-tasks"]
            continue
        hours = f"${{aws:scheduler/scheduleGroup:ScheduleGroup::{job}#arn}}"
        rule = f"arn:aws:events:eu-west-1:123456789012:rule/{role.inputs['name'].removesuffix('-start')}"
        scheduled = any(each.name == job for each in found.of("Schedule"))
        follows = any(each.name == job for each in found.of("EventRule"))
        assert takers(role, hours) == (["scheduler"] if scheduled else [])
        assert takers(role, rule) == (["events"] if follows else [])
        assert takers(role, "arn:aws:events:eu-west-1:123456789012:rule/another") == []


@stacks
def test_what_starts_a_job_starts_that_one_alone(stack: str) -> None:
    found = world(stack)
    cluster = "${aws:ecs/cluster:Cluster::cluster#arn}"
    for role in found.of("Role"):
        job = role.name.removesuffix("--start")
        if job == role.name:
            continue
        policies = found.policies(role.name)
        for task in found.of("TaskDefinition"):
            mine, arn = task.name == job, f"${{{task.type}::{task.name}#arn}}"
            assert allowed(policies, Request("ecs:RunTask", arn, {"ecs:cluster": cluster})) is mine
            assert not allowed(policies, Request("ecs:RunTask", arn, {"ecs:cluster": "another"}))
            for part in ("task", "execution"):
                own = f"${{aws:iam/role:Role::{task.name}--{part}#arn}}"
                passed = Request("iam:PassRole", own, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
                assert allowed(policies, passed) is mine
                assert not allowed(policies, Request("iam:PassRole", own, {"iam:PassedToService": "ec2.amazonaws.com"}))
        assert not found.may(policies, "ecs:StopTask", f"arn:aws:ecs:eu-west-1:1:task/{stack}/1")
