"""Target aws: encrypted, private, tagged; secrets by reference; rights for what is used alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks.recording import SECRET
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged, texts

VALUES = {"target": "aws", "region": "eu-west-1", "registry": "registry.example.org/mesh/"}
KEY = "${aws:kms/key:Key::key#arn}"
UNTAGGED = (  # AWS has no tags for these
    "routeTableAssociation",
    "bucketPublicAccessBlock",
    "bucketServerSideEncryptionConfiguration",
    "bucketVersioning",
    "bucketLifecycleConfiguration",
    "bucketPolicy",
    "secretVersion",
    "rolePolicy",
    "userPolicy",
    "accessKey",
    "alias",
    "keyPolicy",
    "schedule",
)


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def containers(graph: Graph) -> dict[str, dict[str, Any]]:
    """The main container of each task, by the task's name."""
    return {task.name: json.loads(task.inputs["containerDefinitions"])[1] for task in graph.of("TaskDefinition")}


def statements(policy: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
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
        "vpcSecurityGroupIds": [f"${{aws:ec2/securityGroup:SecurityGroup::{database.name}#id}}"],
        "kmsKeyId": KEY,
        "masterUserSecretKmsKeyId": KEY,
        "parameterGroupName": "${aws:rds/parameterGroup:ParameterGroup::databases#name}",
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


def test_every_database_refuses_connections_without_tls(graph: Graph) -> None:
    (group,) = graph.of("ParameterGroup")
    settings = {entry["name"]: entry["value"] for entry in group.inputs["parameters"]}
    assert settings["rds.force_ssl"] == "1"
    assert {database.inputs["engineVersion"] for database in graph.of("Instance")} == {"17"}
    assert group.inputs["family"] == "postgres17"


def test_one_key_encrypts_everything(graph: Graph) -> None:
    (key,) = graph.of("Key")
    assert key.inputs["enableKeyRotation"] is True
    assert {secret.inputs["kmsKeyId"] for secret in graph.of("Secret")} == {KEY}
    assert graph.of("LogGroup")[0].inputs["kmsKeyId"] == KEY
    assert "aws:kms/keyPolicy:KeyPolicy::key" in graph.of("LogGroup")[0].dependencies
    for kept in graph.of("BucketServerSideEncryptionConfiguration"):
        (rule,) = kept.inputs["rules"]
        default = rule["applyServerSideEncryptionByDefault"]
        assert default == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
        assert rule["bucketKeyEnabled"] is True  # the policies' encryption context counts on it


def test_old_versions_and_unfinished_uploads_go(graph: Graph) -> None:
    for lifecycle in graph.of("BucketLifecycleConfiguration"):
        (rule,) = lifecycle.inputs["rules"]
        assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
        assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
        assert "expiration" not in rule
    assert len(graph.of("BucketLifecycleConfiguration")) == len(graph.of("Bucket"))


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


def test_a_task_waits_for_the_values_of_its_secrets(graph: Graph) -> None:
    policy = graph.named("RolePolicy", "--work--run--execution")
    assert {name.split("::")[-1] for name in policy.dependencies if "secretVersion" in name} == {
        f"{NAME}--work--writer--password",
        f"{NAME}--cluster--secret",
    }


def test_images_of_ecr_are_pulled_from_their_own_repositories(little: LittleMesh) -> None:
    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mesh"
    policy = Graph(little, VALUES | {"registry": registry}).named("RolePolicy", "--work--run--execution")
    login, pull = [each for each in statements(policy.inputs["policy"]) if each["Action"][0].startswith("ecr:")]
    assert (login["Action"], login["Resource"]) == (["ecr:GetAuthorizationToken"], ["*"])  # it knows no resource
    where = "arn:aws:ecr:eu-central-1:123456789012:repository/mesh"
    assert pull["Resource"] == [f"{where}/aws-cli", f"{where}/dask"]


def test_no_policy_allows_everything(graph: Graph) -> None:
    policies = [p.inputs["policy"] for kind in ("RolePolicy", "UserPolicy") for p in graph.of(kind)]
    for statement in (statement for policy in policies for statement in statements(policy)):
        assert not {"*", "s3:*", "kms:*"} & set(statement["Action"])
        assert "*" not in statement["Resource"]
        if "iam:PassRole" in statement["Action"]:
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
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
    opened = f"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::{job.name}--to-{NAME}--results-5432"
    assert opened in job.dependencies
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
        ("SecurityGroup", "namePrefix", 229),
        ("ScheduleGroup", "name", 64),
        ("Schedule", "name", 64),
    ],
)
def test_physical_names_are_legal_and_apart(graph: Graph, kind: str, key: str, limit: int) -> None:
    names = [resource.inputs[key] for resource in graph.of(kind)]
    assert names
    assert all(len(name) <= limit and "--" not in name.rstrip("-") for name in names)
    if kind != "Service":  # a service and its DNS record share their name
        assert len(set(names)) == len(names)


def test_the_shared_parts_are_made_once(graph: Graph) -> None:
    for kind in ("Vpc", "NatGateway", "VpcEndpoint", "Cluster", "Key", "LogGroup", "PrivateDnsNamespace"):
        assert len(graph.of(kind)) == 1
