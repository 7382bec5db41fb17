"""Recording: what a program's constructors would register, without an engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import resource as pulumi_resource

from components import mesh
from stacks import recording
from stacks.program import Program
from stacks.recording import COMPUTED, SECRET, record
from tests.conftest import LittleMesh


def one(program: Any) -> Any:
    """The last resource that a program makes."""
    return record(program)[-1]


def test_inputs_are_named_as_the_engine_has_them() -> None:
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=(
            aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                sse_algorithm="aws:kms"
            )
        )
    )
    made = one(lambda: aws.s3.BucketServerSideEncryptionConfiguration("x", bucket="b", rules=[rule]))
    assert made.inputs == {
        "bucket": "b",
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}],
    }


def test_what_only_the_engine_knows_is_a_symbol_and_a_dependency() -> None:
    def program() -> None:
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        aws.ec2.Subnet("sub", vpc_id=vpc.id, cidr_block=vpc.cidr_block)

    subnet = one(program)
    assert subnet.inputs == {"vpcId": "${aws:ec2/vpc:Vpc::net#id}", "cidrBlock": "10.0.0.0/16"}
    assert subnet.dependencies == {"aws:ec2/vpc:Vpc::net"}


def test_an_output_that_the_typed_class_lists_has_the_engines_name() -> None:
    def program() -> None:
        version = aws.secretsmanager.SecretVersion("kept", secret_id="s")
        mesh.JobRun("run", {"a": version.secret_arn, "b": version.secret_id})

    kept = "aws:secretsmanager/secretVersion:SecretVersion::kept"
    assert one(program).inputs["a"] == f"${{{kept}#secretArn}}"
    assert one(program).inputs["b"] == "s"


def test_parts_of_a_symbol_are_symbols() -> None:
    def program() -> None:
        database = aws.rds.Instance("db", instance_class="db.t4g.micro")
        config = k8s.core.v1.ConfigMap("files", data={})
        secret_arn = database.master_user_secrets[0].secret_arn
        mesh.JobRun("run", {"secret": secret_arn, "name": config.metadata.name, "way": config.metadata["namespace"]})

    inputs = one(program).inputs
    assert inputs["secret"] == "${aws:rds/instance:Instance::db#masterUserSecrets[0].secretArn}"
    assert inputs["name"] == "${kubernetes:core/v1:ConfigMap::files#metadata.name}"
    assert inputs["way"] == "${kubernetes:core/v1:ConfigMap::files#metadata[namespace]}"


def test_text_carries_symbols_and_apply_does_not_run_on_them() -> None:
    def program() -> None:
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        inputs = {
            "url": pulumi.Output.concat("http://", vpc.arn, ":", "80"),
            "json": pulumi.Output.json_dumps({"deep": [{"arn": vpc.arn}], "n": 1}),
            "number": vpc.arn.apply(int),
            "both": pulumi.Output.all(vpc.arn, "x").apply(lambda _: pytest.fail("must not run")),
        }
        mesh.JobRun("run", inputs)

    run = one(program)
    symbol = "${aws:ec2/vpc:Vpc::net#arn}"
    assert run.inputs["url"] == f"http://{symbol}:80"
    assert json.loads(run.inputs["json"]) == {"deep": [{"arn": symbol}], "n": 1}
    assert run.inputs["number"] == run.inputs["both"] == COMPUTED
    assert run.dependencies == {"aws:ec2/vpc:Vpc::net"}


def test_what_is_known_goes_through_apply_and_text() -> None:
    def program() -> None:
        vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")
        mesh.JobRun("run", {"a": vpc.cidr_block.apply(len), "b": pulumi.Output.concat("<", vpc.cidr_block, ">")})

    assert one(program).inputs | {"revision": None} == {"a": 11, "b": "<10.0.0.0/16>", "revision": None}


def test_no_secret_is_shown_alone_or_inside_text() -> None:
    def program() -> None:
        secret = pulumi.Output.secret("canary-7f3a")
        inputs = {"a": secret, "b": pulumi.Output.concat("x", secret), "c": pulumi.Output.json_dumps({"k": secret})}
        mesh.JobRun("run", inputs)
        aws.secretsmanager.SecretVersion("kept", secret_id="s", secret_string="canary-7f3a")
        k8s.core.v1.Secret("object", string_data={"value": "canary-7f3a"})

    graph = record(program)
    assert "canary" not in repr([resource.inputs for resource in graph])
    assert [graph[0].inputs[key] for key in "abc"] == [SECRET] * 3


def test_parents_protection_providers_and_explicit_dependencies() -> None:
    class Group(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("mesh:test:Group", "group")

    def program() -> None:
        provider = aws.Provider("here", region="eu-west-1")
        first = aws.ec2.Vpc("first", opts=pulumi.ResourceOptions(provider=provider))
        options = pulumi.ResourceOptions(parent=Group(), protect=True, provider=provider, depends_on=[first])
        aws.ec2.Vpc("second", opts=options)

    made = one(program)
    assert (made.parent, made.protect) == ("mesh:test:Group::group", True)
    assert made.provider == "pulumi:providers:aws::here"
    assert "aws:ec2/vpc:Vpc::first" in made.dependencies


def test_a_stack_reference_is_recorded_and_its_outputs_are_unknown() -> None:
    def program() -> None:
        other = pulumi.StackReference("organization/meshwright/weather-dev")
        mesh.JobRun("run", {"host": other.get_output("ports").apply(lambda _: pytest.fail("must not run"))})

    assert one(program).inputs["host"] == COMPUTED


def test_an_exception_of_the_program_comes_out_and_the_sdk_is_as_before() -> None:
    def sdk() -> list[Any]:
        return [vars(pulumi_resource)["register_resource"], pulumi.get, dict(vars(pulumi.Output))]

    before = sdk()

    def program() -> None:
        aws.ec2.Vpc("net")
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        record(program)
    assert sdk() == before


def test_inside_a_running_loop_plain_inputs_are_read() -> None:
    async def program() -> list[Any]:
        return record(lambda: mesh.JobRun("run", {"cpu": 0.5}))

    (run,) = asyncio.run(program())
    assert run.inputs["cpu"] == 0.5


def test_no_engine_no_plugin_and_no_file_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    record(lambda: aws.ec2.Vpc("net"))
    assert not list(tmp_path.iterdir())


def test_a_pulumi_sdk_that_is_not_known_is_recorded_the_slow_way(
    little: LittleMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    little.table("sales/orders", "schedule: {cron: '5 4 * * *'}\n")
    program = Program(little.domain("sales-dev"), {"target": "local", "dataDirectory": "/data"})
    fast = program.recorded()
    monkeypatch.setattr(recording, "unfamiliar", lambda: "`pulumi.resource.register_resource`")
    slow = program.recorded()
    assert "the graph is recorded by its mock monitor" in capsys.readouterr().err
    key = {f"{made.type}::{made.name}": made for made in fast}
    assert [f"{made.type}::{made.name}" for made in slow if f"{made.type}::{made.name}" not in key] == []
    assert len(slow) == len(fast)
    for made in slow:
        other = key[f"{made.type}::{made.name}"]
        assert (made.parent, made.custom, made.protect, made.provider, made.adopts) == (
            other.parent,
            other.custom,
            other.protect,
            other.provider,
            other.adopts,
        )
        assert made.dependencies == other.dependencies, made.name
        assert set(made.inputs) == set(other.inputs), made.name


def test_the_sdk_that_is_installed_is_known() -> None:
    assert recording.unfamiliar() == ""
