"""Rules on data that the internet can reach: databases, buckets, policies that let everybody in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    Check,
    at,
    by_type,
    either,
    every,
    examples,
    first,
    given,
    items,
    lets_everybody,
    must,
    must_not,
    statements,
)

RDS, PG = "aws:rds/instance:Instance", "azure-native:dbforpostgresql:Server"
BLOCK, ACL = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "aws:s3/bucketAcl:BucketAcl"
ACCOUNT, CONTAINER = "azure-native:storage:StorageAccount", "azure-native:storage:BlobContainer"
BUCKET_POLICY, KEY_POLICY = "aws:s3/bucketPolicy:BucketPolicy", "aws:kms/keyPolicy:KeyPolicy"
BUCKET = "aws:s3/bucket:Bucket"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
QUEUE = "aws:sqs/queue:Queue"

_PUBLIC = must_not("publiclyAccessible", True)
_CLOSED = must("publicNetworkAccess", "Disabled", "SecuredByPerimeter")
_FLEXIBLE = either(must("network.publicNetworkAccess", "Disabled"), given("network.delegatedSubnetResourceId"))
_SINGLE = must("properties.publicNetworkAccess", "Disabled")
DATABASES = {
    RDS: _PUBLIC,
    "aws:rds/clusterInstance:ClusterInstance": _PUBLIC,
    "aws:neptune/clusterInstance:ClusterInstance": _PUBLIC,
    "aws:redshift/cluster:Cluster": _PUBLIC,
    "aws:redshiftserverless/workgroup:Workgroup": _PUBLIC,
    "aws:dms/replicationInstance:ReplicationInstance": _PUBLIC,
    "aws:mq/broker:Broker": _PUBLIC,
    "aws:msk/cluster:Cluster": must_not(
        "brokerNodeGroupInfo.connectivityInfo.publicAccess.type", "SERVICE_PROVIDED_EIPS"
    ),
    "aws:opensearch/domain:Domain": given("vpcOptions.subnetIds"),
    PG: _FLEXIBLE,
    "azure-native:dbformysql:Server": _FLEXIBLE,
    "azure-native:dbforpostgresql:SingleServer": _SINGLE,
    "azure-native:dbformysql:SingleServer": _SINGLE,
    "azure-native:dbformariadb:Server": _SINGLE,
    "azure-native:sql:Server": _CLOSED,
    "azure-native:cosmosdb:DatabaseAccount": _CLOSED,
    "azure-native:redis:Redis": either(_CLOSED, given("subnetId")),
    "azure-native:synapse:Workspace": _CLOSED,
    "azure-native:kusto:Cluster": _CLOSED,
}

FOUR = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_FOUR = every(*(must(name, True) for name in FOUR))
BUCKETS = {
    BLOCK: _FOUR,
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": _FOUR,
    "aws:s3/accessPoint:AccessPoint": every(
        *(must_not(f"publicAccessBlockConfiguration.{name}", False) for name in FOUR)
    ),
    ACCOUNT: must("allowBlobPublicAccess", False),
    CONTAINER: must_not("publicAccess", "Blob", "Container"),
    "azure-native:containerregistry:Registry": must_not("anonymousPullEnabled", True),
}

_CANNED = must_not("acl", "public-read", "public-read-write", "authenticated-read")
_GROUPS = ("AllUsers", "AuthenticatedUsers")


def _grants(path: str, group: str) -> Check:
    def check(resource: Resource) -> str | None:
        named = any(str(at(grant, group) or "").endswith(_GROUPS) for grant in items(at(resource.props, path)))
        return f"`{path}` names a group of everybody" if named else None

    return check


_GRANTED = _grants("accessControlPolicy.grants", "grantee.uri")


def _open_policy(path: str) -> Check:
    """No statement for everybody. Its number is told, not its text."""

    def said(numbered: tuple[int, Mapping[str, Any]]) -> str | None:
        return f"statement {numbered[0]} of `{path}` is for everybody" if lets_everybody(numbered[1]) else None

    return lambda resource: first(enumerate(statements(resource.props.get(path)), start=1), said)


_POLICY = _open_policy("policy")
POLICIES = {
    BUCKET: every(_CANNED, _POLICY, _grants("grants", "uri")),
    ACL: every(_CANNED, _GRANTED),
    "aws:s3/bucketAclV2:BucketAclV2": every(_CANNED, _GRANTED),
    "aws:s3/bucketObject:BucketObject": _CANNED,
    "aws:s3/bucketObjectv2:BucketObjectv2": _CANNED,
    BUCKET_POLICY: _POLICY,
    "aws:s3/accessPoint:AccessPoint": _POLICY,
    QUEUE: _POLICY,
    "aws:sqs/queuePolicy:QueuePolicy": _POLICY,
    "aws:sns/topic:Topic": _POLICY,
    "aws:sns/topicPolicy:TopicPolicy": _POLICY,
    "aws:kms/key:Key": _POLICY,
    KEY_POLICY: _POLICY,
    "aws:secretsmanager/secret:Secret": _POLICY,
    "aws:secretsmanager/secretPolicy:SecretPolicy": _POLICY,
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _POLICY,
    "aws:efs/fileSystemPolicy:FileSystemPolicy": _POLICY,
    "aws:opensearch/domain:Domain": _open_policy("accessPolicies"),
    "aws:opensearch/domainPolicy:DomainPolicy": _open_policy("accessPolicies"),
    "aws:glue/resourcePolicy:ResourcePolicy": _POLICY,
    "aws:backup/vaultPolicy:VaultPolicy": _POLICY,
    "aws:dynamodb/resourcePolicy:ResourcePolicy": _POLICY,
    "aws:kinesis/resourcePolicy:ResourcePolicy": _POLICY,
}

EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
_OURS = {**EVERYBODY, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
_REFUSED = {**EVERYBODY, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}


def _policy(*told: Mapping[str, object]) -> dict[str, object]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(told)})}


PUBLIC_DATABASE = Rule(
    id="PUB-01",
    name="public-database",
    severity="critical",
    what="A database has an address on the internet",
    why="Its password is then all that stands between the data and everybody.",
    fix="Keep it in private subnets: `publiclyAccessible: false`, on Azure `publicNetworkAccess: Disabled`.",
    refs=("CKV_AWS_17", "CKV_AWS_87", "CKV_AZURE_68", "CKV_AZURE_113", "FSBP RDS.2", "ASB NS-2", "GDPR Art. 32"),
    reads=tuple(DATABASES),
    violated=by_type(DATABASES),
    passes=(
        *examples(RDS, {"publiclyAccessible": False}, {"identifier": UNKNOWN}),
        *examples(
            PG,
            {"network": {"publicNetworkAccess": "Disabled"}},
            {"network": {"delegatedSubnetResourceId": UNKNOWN, "publicNetworkAccess": UNKNOWN}},
        ),
        *examples("azure-native:sql:Server", {"publicNetworkAccess": "Disabled"}),
        *examples("aws:opensearch/domain:Domain", {"vpcOptions": {"subnetIds": UNKNOWN}}),
    ),
    fails=(
        *examples(RDS, {"publiclyAccessible": True, "password": "canary-7f3a"}, {"publiclyAccessible": "true"}),
        *examples("aws:redshiftserverless/workgroup:Workgroup", {"publiclyAccessible": True}),
        *examples(
            PG, {}, {"network": {"publicNetworkAccess": "Enabled"}}, {"network": {"delegatedSubnetResourceId": ""}}
        ),
        *examples("azure-native:sql:Server", {}, {"publicNetworkAccess": "Enabled"}),
        *examples("aws:opensearch/domain:Domain", {"domainName": UNKNOWN}),
    ),
    misses=("a database in a public subnet behind a proxy or a tunnel",),
)

PUBLIC_BUCKET = Rule(
    id="PUB-02",
    name="public-bucket",
    severity="critical",
    what="A bucket may be opened to everybody",
    why="One careless access list is enough afterwards.",
    fix="Switch all four public access blocks on; on Azure `allowBlobPublicAccess: false`.",
    refs=("CKV2_AWS_6", "CKV_AWS_53", "CKV_AZURE_59", "CKV_AZURE_190", "FSBP S3.8", "ASB NS-2", "GDPR Art. 32"),
    reads=tuple(BUCKETS),
    violated=by_type(BUCKETS),
    passes=(
        *examples(BLOCK, {"bucket": UNKNOWN, **dict.fromkeys(FOUR, True)}),
        *examples(ACCOUNT, {"allowBlobPublicAccess": False}),
        *examples(CONTAINER, {"publicAccess": "None"}, {"accountName": UNKNOWN}),
        *examples("aws:s3/accessPoint:AccessPoint", {"bucket": UNKNOWN}),
    ),
    fails=(
        *examples(BLOCK, {}, *({**dict.fromkeys(FOUR, True), name: False} for name in FOUR)),
        *examples(BLOCK, {"blockPublicAcls": UNKNOWN, "blockPublicPolicy": False}),
        *examples(ACCOUNT, {}, {"allowBlobPublicAccess": True}),
        *examples(CONTAINER, {"publicAccess": "Blob"}, {"publicAccess": "Container"}),
        *examples("azure-native:containerregistry:Registry", {"anonymousPullEnabled": True}),
    ),
    misses=("a bucket without a public access block: S3 blocks new ones by itself, but nothing here keeps it so",),
)

PUBLIC_POLICY = Rule(
    id="PUB-03",
    name="public-policy",
    severity="critical",
    what="A policy or access list lets everybody in",
    why="`*` means every account and every anonymous caller, not everybody of ours.",
    fix="Name the roles that may, or add a condition: `aws:PrincipalOrgID`, `aws:SourceArn`, `aws:SourceVpce`.",
    refs=("CKV_AWS_20", "CKV_AWS_57", "CKV_AWS_70", "CKV_AWS_33", "CKV_AWS_168", "FSBP S3.2", "FSBP S3.3"),
    reads=tuple(POLICIES),
    violated=by_type(POLICIES),
    passes=(
        *examples(BUCKET_POLICY, _policy(_REFUSED), _policy(_OURS), {"policy": {"Statement": _REFUSED}}),
        *examples(
            BUCKET_POLICY,
            _policy({**EVERYBODY, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}),
            _policy({**EVERYBODY, "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}}),
        ),
        *examples(ACL, {"acl": "private"}),
        *examples(QUEUE, {"name": UNKNOWN}),
    ),
    fails=(
        *examples(BUCKET_POLICY, _policy(EVERYBODY), {"policy": {"Statement": EVERYBODY}}),
        *examples(
            BUCKET_POLICY,
            _policy(_REFUSED, {**EVERYBODY, "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}),
            {"policy": {"Statement": [{**EVERYBODY, "Principal": UNKNOWN}, EVERYBODY]}},
            _policy({**EVERYBODY, "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}),
            _policy({**EVERYBODY, "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}),
            _policy({**EVERYBODY, "Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}),
            _policy({**EVERYBODY, "Condition": {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}}),
            _policy({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:*"}),
        ),
        *examples(KEY_POLICY, {"keyId": UNKNOWN, **_policy({**EVERYBODY, "Action": "kms:*"})}),
        *examples(BUCKET, {"acl": "public-read-write"}, _policy(EVERYBODY), {"grants": [{"uri": ALL_USERS}]}),
        *examples(ACL, {"acl": "public-read", "bucket": UNKNOWN}, {"acl": "authenticated-read"}),
        *examples(
            ACL,
            {"accessControlPolicy": {"grants": [{"grantee": {"uri": ALL_USERS}}]}},
        ),
    ),
    misses=(
        "roles' own trust, which IAM-04 judges, and functions, which PUB-07 does",
        "a policy that names all the accounts of others one by one",
        "a narrow condition with a wide value, like an account pattern `arn:aws:iam::*:role/x`",
    ),
)
