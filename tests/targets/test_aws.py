"""Target aws: encrypted, private, tagged; secrets by reference; rights for what is used alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks.recording import SECRET
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged, texts

VALUES = {"target": "aws", "region": "eu-west-1", "registry": "registry.example.org/mesh/"}
UNTAGGED = (  # AWS has no tags for these
    "routeTableAssociation",
    "bucketPublicAccessBlock",
    "bucketServerSideEncryptionConfiguration",
    "bucketVersioning",
    "secretVersion",
    "rolePolicy",
    "rolePolicyAttachment",
    "userPolicy",
    "accessKey",
)


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def containers(graph: Graph) -> dict[str, dict[str, Any]]:
    """The main container of each task, by the task's name."""
    return {task.name: json.loads(task.inputs["containerDefinitions"])[1] for task in graph.of("TaskDefinition")}


def statements(policy: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def test_the_database_is_encrypted_private_and_its_password_is_kept_by_aws(graph: Graph) -> None:
    database = graph.named("Instance", "--results")
    wanted = {
        "storageEncrypted": True,
        "publiclyAccessible": False,
        "manageMasterUserPassword": True,
        "backupRetentionPeriod": 7,
        "allocatedStorage": 30,
        "instanceClass": "db.t4g.medium",
        "vpcSecurityGroupIds": ["${aws:ec2/securityGroup:SecurityGroup::databases#id}"],
    }
    assert database.inputs | wanted == database.inputs
    assert "password" not in database.inputs
    assert not database.protect


def test_prod_is_protected_and_kept(little: LittleMesh) -> None:
    graph = Graph(little, VALUES, "prod")
    database = graph.named("Instance", "--results")
    wanted = {"deletionProtection": True, "multiAz": True, "skipFinalSnapshot": False}
    assert database.inputs | wanted == database.inputs
    assert database.protect
    assert graph.named("Bucket", "--files").protect
    # The files that programs start with are made anew by every `up`.
    forced = {bucket.name for bucket in graph.of("Bucket") if bucket.inputs["forceDestroy"]}
    assert forced == {"files"}


def test_the_database_lets_in_the_stacks_own_workloads_alone(graph: Graph) -> None:
    rules = graph.of("SecurityGroupIngressRule")
    workloads = "${aws:ec2/securityGroup:SecurityGroup::workloads#id}"
    assert {rule.inputs["referencedSecurityGroupId"] for rule in rules} == {workloads}
    assert not [rule for rule in rules if "cidrIpv4" in rule.inputs]


def test_every_bucket_is_closed_encrypted_and_versioned(graph: Graph) -> None:
    buckets = {f"${{{bucket.type}::{bucket.name}#bucket}}" for bucket in graph.of("Bucket")}
    assert len(buckets) == 3
    blocks = graph.of("BucketPublicAccessBlock")
    assert {block.inputs["bucket"] for block in blocks} == buckets
    closed = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block.inputs[key] is True for block in blocks for key in closed)
    for kind in ("BucketServerSideEncryptionConfiguration", "BucketVersioning"):
        assert {resource.inputs["bucket"] for resource in graph.of(kind)} == buckets


def test_everything_that_takes_tags_has_the_six(graph: Graph) -> None:
    for resource in graph.resources:
        if resource.type.startswith("aws:") and resource.type.split("/")[1].split(":")[0] not in UNTAGGED:
            assert tagged(resource.inputs["tags"]), resource.type
    assert tagged(graph.of("JobRun")[0].inputs["tags"])


def test_everything_is_made_in_the_region_of_the_configuration(graph: Graph) -> None:
    (provider,) = [resource for resource in graph.resources if resource.type == "pulumi:providers:aws"]
    assert provider.inputs["region"] == "eu-west-1"
    made = [resource for resource in graph.resources if resource.type.startswith("aws:")]
    assert {resource.provider for resource in made} == {"pulumi:providers:aws::aws"}


def test_secrets_reach_a_task_by_reference(graph: Graph) -> None:
    for name, container in containers(graph).items():
        assert SECRET not in list(texts([container["environment"], container["command"]])), name
        for secret in container["secrets"]:
            assert secret["name"].endswith(("PASSWORD", "SECRET_KEY"))
            assert secret["valueFrom"].endswith(("#secretId}", "#masterUserSecrets[0].secretArn}:password::"))
    train = containers(graph)[f"{NAME}--work--run"]
    assert {secret["name"] for secret in train["secrets"]} == {"TARGET_PASSWORD", "CLUSTER_PASSWORD"}


def test_a_task_may_read_its_own_secrets_alone(graph: Graph) -> None:
    policy = graph.named("RolePolicy", "--work--run--execution")
    (statement,) = statements(policy.inputs["policy"])
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    train = containers(graph)[f"{NAME}--work--run"]
    assert sorted(statement["Resource"]) == sorted(secret["valueFrom"] for secret in train["secrets"])
    assert {name.split("::")[-1] for name in policy.dependencies if "secretVersion" in name} == {
        f"{NAME}--work--writer--password",
        f"{NAME}--cluster--secret",
    }


def test_a_task_has_rights_on_the_bucket_that_it_uses_alone(graph: Graph) -> None:
    def resources(name: str) -> set[str]:
        policy = graph.named("RolePolicy", f"{name}--task").inputs["policy"]
        return {text for statement in statements(policy) for text in statement["Resource"]}

    bucket = f"${{aws:s3/bucket:Bucket::{NAME}--files#arn}}"
    assert {bucket, f"{bucket}/*"} <= resources("--work--run")
    assert not any("--files#" in text or "--other#" in text for text in resources("--cluster--worker-0"))


def test_no_policy_allows_everything(graph: Graph) -> None:
    policies = [p.inputs["policy"] for kind in ("RolePolicy", "UserPolicy") for p in graph.of(kind)]
    for statement in (statement for policy in policies for statement in statements(policy)):
        assert not {"*", "s3:*", "iam:PassRole"} & set(statement["Action"])
        assert "*" not in statement["Resource"]
    for role in graph.of("Role"):
        (trust,) = statements(role.inputs["assumeRolePolicy"])
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_a_granted_reader_sees_its_prefix_until_the_day(graph: Graph) -> None:
    policy = graph.named("UserPolicy", "--objects-team-reports").inputs["policy"]
    for statement in statements(policy):
        assert statement["Condition"]["DateLessThan"] == {"aws:CurrentTime": "2027-06-30T23:59:59Z"}
        assert statement["Action"] in (["s3:GetObject"], ["s3:ListBucket"])
    assert graph.named("AccessKey", "--objects-team-reports").inputs.keys() == {"user"}


def test_containers_are_private_unprivileged_and_from_the_registry(graph: Graph) -> None:
    for service in graph.of("Service"):
        if service.type == "aws:ecs/service:Service":
            assert service.inputs["networkConfiguration"]["assignPublicIp"] is False
    for task in graph.of("TaskDefinition"):
        assert task.inputs["executionRoleArn"] != task.inputs["taskRoleArn"]
        for container in json.loads(task.inputs["containerDefinitions"]):
            assert container["image"].startswith("registry.example.org/mesh/")
            assert container["readonlyRootFilesystem"] is True
            assert "privileged" not in container
        assert container["user"] == "10001"


def test_placeholders_are_filled_and_other_braces_stay(graph: Graph) -> None:
    scheduler = containers(graph)[f"{NAME}--cluster--scheduler"]
    assert "0.0.0.0:8787" in scheduler["command"]
    assert scheduler["command"][1].startswith("/files/")
    for container in containers(graph).values():
        assert not [text for text in texts(container) if "{{" in text]
    script = graph.named("BucketObjectv2", "--work--run--fit.py").inputs["content"]
    assert script == "print('{{not a placeholder}}')\n"


def test_a_changed_file_gives_a_new_task(graph: Graph) -> None:
    task = graph.named("TaskDefinition", "--work--run")
    files = json.loads(task.inputs["containerDefinitions"])[0]
    script = f"${{aws:s3/bucketObjectv2:BucketObjectv2::{NAME}--work--run--fit.py#etag}}"
    assert script in [variable["value"] for variable in files["environment"]]


def test_a_job_runs_when_its_roles_have_their_rights_and_the_database_is_open(graph: Graph) -> None:
    job, task = graph.named("JobRun", "--work--run"), graph.named("TaskDefinition", "--work--run")
    assert job.inputs["executor"] == "ecs"
    assert "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::databases-in" in job.dependencies
    assert f"aws:ecs/taskDefinition:TaskDefinition::{task.name}" in job.dependencies
    for part in ("task", "execution"):
        assert f"aws:iam/rolePolicy:RolePolicy::{task.name}--{part}" in task.dependencies


@pytest.mark.parametrize(
    ("kind", "key", "limit"),
    [
        ("Instance", "identifier", 63),
        ("Role", "name", 64),
        ("User", "name", 64),
        ("Bucket", "bucketPrefix", 37),
        ("TaskDefinition", "family", 255),
        ("Service", "name", 63),
        ("Secret", "namePrefix", 256),
    ],
)
def test_physical_names_are_legal_and_apart(graph: Graph, kind: str, key: str, limit: int) -> None:
    names = [resource.inputs[key] for resource in graph.of(kind)]
    assert names
    assert all(len(name) <= limit and "--" not in name.rstrip("-") for name in names)
    if kind != "Service":  # a service and its DNS record share their name
        assert len(set(names)) == len(names)


def test_the_shared_parts_are_made_once(graph: Graph) -> None:
    for kind in ("Vpc", "NatGateway", "Cluster", "LogGroup", "PrivateDnsNamespace"):
        assert len(graph.of(kind)) == 1
