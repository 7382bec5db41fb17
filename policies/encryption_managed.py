"""Rules on managed services that encrypt by themselves, but with a key that is not ours, or not everything."""

from __future__ import annotations

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    by_type,
    either,
    every,
    examples,
    given,
    items,
    must,
    must_not,
    sensitive,
    when,
)

TABLE, COSMOS = "aws:dynamodb/table:Table", "azure-native:cosmosdb:DatabaseAccount"
DATABRICKS, SYNAPSE = "azure-native:databricks:Workspace", "azure-native:synapse:Workspace"
QUEUE, LOGS, SECRET = "aws:sqs/queue:Queue", "aws:cloudwatch/logGroup:LogGroup", "aws:secretsmanager/secret:Secret"
GLUE_SECURITY = "aws:glue/securityConfiguration:SecurityConfiguration"
WORKGROUP = "aws:athena/workgroup:Workgroup"
CONFIDENTIAL = {"classification": "confidential"}

TABLES = {
    TABLE: every(must("serverSideEncryption.enabled", True), given("serverSideEncryption.kmsKeyArn")),
    "aws:dynamodb/tableReplica:TableReplica": given("kmsKeyArn"),
    COSMOS: given("keyVaultKeyUri"),
    DATABRICKS: either(
        given("encryption.entities.managedServices.keyVaultProperties"),
        must("parameters.encryption.value.keySource", "Microsoft.Keyvault"),
    ),
    SYNAPSE: given("encryption.cmk.key"),
}

_CATALOG = "dataCatalogEncryptionSettings"
_RESULTS = "configuration.resultConfiguration.encryptionConfiguration.encryptionOption"
_SECURITY = given("securityConfiguration")
ANALYTICS = {
    "aws:glue/dataCatalogEncryptionSettings:DataCatalogEncryptionSettings": every(
        must(f"{_CATALOG}.encryptionAtRest.catalogEncryptionMode", "SSE-KMS", "SSE-KMS-WITH-SERVICE-ROLE"),
        must(f"{_CATALOG}.connectionPasswordEncryption.returnConnectionPasswordEncrypted", True),
    ),
    GLUE_SECURITY: every(
        must("encryptionConfiguration.cloudwatchEncryption.cloudwatchEncryptionMode", "SSE-KMS"),
        must("encryptionConfiguration.jobBookmarksEncryption.jobBookmarksEncryptionMode", "CSE-KMS"),
        must("encryptionConfiguration.s3Encryption.s3EncryptionMode", "SSE-KMS", "SSE-S3"),
    ),
    "aws:glue/job:Job": _SECURITY,
    "aws:glue/crawler:Crawler": _SECURITY,
    "aws:glue/devEndpoint:DevEndpoint": _SECURITY,
    "aws:athena/database:Database": given("encryptionConfiguration.encryptionOption"),
    WORKGROUP: every(
        must(_RESULTS, "SSE_KMS", "SSE_S3", "CSE_KMS"),
        must_not("configuration.enforceWorkgroupConfiguration", False),
    ),
    "aws:sagemaker/notebookInstance:NotebookInstance": given("kmsKeyId"),
    "aws:sagemaker/domain:Domain": given("kmsKeyId"),
    "azure-native:machinelearningservices:Workspace": must("encryption.status", "Enabled"),
}


def _ecr(resource: Resource) -> str | None:
    kinds = [one.get("encryptionType") for one in items(resource.props.get("encryptionConfigurations"))]
    return None if kinds and all(str(kind).startswith("KMS") for kind in kinds) else "`encryptionType` is not `KMS`"


_BUS = when(sensitive, must("encryption.keySource", "Microsoft.KeyVault"))
MESSAGES = {
    QUEUE: either(given("kmsMasterKeyId"), must("sqsManagedSseEnabled", True)),
    "aws:sns/topic:Topic": given("kmsMasterKeyId"),
    "aws:kinesis/stream:Stream": must("encryptionType", "KMS"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": either(
        must("serverSideEncryption.enabled", True), given("kinesisSourceConfiguration")
    ),
    "aws:msk/cluster:Cluster": given("encryptionInfo.encryptionAtRestKmsKeyArn"),
    "aws:mq/broker:Broker": given("encryptionOptions.kmsKeyId"),
    LOGS: given("kmsKeyId"),
    "aws:cloudtrail/trail:Trail": given("kmsKeyId"),
    "aws:ecr/repository:Repository": _ecr,
    SECRET: given("kmsKeyId"),
    "aws:ssm/parameter:Parameter": when(lambda r: r.props.get("type") == "SecureString", given("keyId")),
    "azure-native:eventhub:Namespace": _BUS,
    "azure-native:servicebus:Namespace": _BUS,
    "azure-native:containerregistry:Registry": when(sensitive, must("encryption.status", "enabled")),
}

FOREIGN_KEY = Rule(
    id="ENC-04",
    name="database-without-own-key",
    severity="medium",
    what="A managed database is encrypted with a key that only its vendor controls",
    why="Nobody can then revoke access to the data, see who used the key, or share a backup under control.",
    fix="Name a key of your own: `kmsKeyArn`, `keyVaultKeyUri`, `encryption.cmk`.",
    refs=("CKV_AWS_119", "CKV_AZURE_100", "ASB DP-5", "GDPR Art. 32"),
    reads=tuple(TABLES),
    violated=by_type(TABLES),
    passes=(
        *examples(TABLE, {"serverSideEncryption": {"enabled": True, "kmsKeyArn": UNKNOWN}}),
        *examples(COSMOS, {"keyVaultKeyUri": "https://v.vault.azure.net/keys/k"}, {"keyVaultKeyUri": UNKNOWN}),
        *examples(
            DATABRICKS,
            {"parameters": {"encryption": {"value": {"keySource": "Microsoft.Keyvault"}}}},
            {"encryption": {"entities": {"managedServices": {"keyVaultProperties": UNKNOWN}}}, "parameters": UNKNOWN},
        ),
        *examples(SYNAPSE, {"encryption": {"cmk": {"key": {"name": "k"}}}}),
    ),
    fails=(
        *examples(TABLE, {}, {"serverSideEncryption": {"enabled": True}}, {"serverSideEncryption": {"enabled": False}}),
        *examples(COSMOS, {"databaseAccountOfferType": "Standard"}),
        *examples(DATABRICKS, {}, {"parameters": {"encryption": {"value": {"keySource": "Default"}}}}),
        *examples(SYNAPSE, {"encryption": {}}),
    ),
    misses=("Azure's PostgreSQL and MySQL, and RDS, where the list asks for encryption alone (ENC-01)",),
)

UNENCRYPTED_ANALYTICS = Rule(
    id="ENC-06",
    name="unencrypted-analytics",
    severity="medium",
    what="Glue, Athena or a notebook leaves results, bookmarks, passwords or disks unencrypted",
    why="Query results and notebook disks hold copies of the data that they were made from.",
    fix="Name a `securityConfiguration`, an encryption of the results, or a `kmsKeyId`.",
    refs=("CKV_AWS_94", "CKV_AWS_99", "CKV_AWS_195", "CKV_AWS_77", "CKV_AWS_159", "CKV_AWS_22", "ASB DP-4"),
    reads=tuple(ANALYTICS),
    violated=by_type(ANALYTICS),
    passes=(
        *examples("aws:glue/job:Job", {"securityConfiguration": UNKNOWN}),
        *examples(
            GLUE_SECURITY,
            {
                "encryptionConfiguration": {
                    "cloudwatchEncryption": {"cloudwatchEncryptionMode": "SSE-KMS", "kmsKeyArn": UNKNOWN},
                    "jobBookmarksEncryption": {"jobBookmarksEncryptionMode": "CSE-KMS"},
                    "s3Encryption": {"s3EncryptionMode": "SSE-S3"},
                }
            },
        ),
        *examples(
            WORKGROUP,
            {
                "configuration": {
                    "resultConfiguration": {"encryptionConfiguration": {"encryptionOption": "SSE_KMS"}},
                    "enforceWorkgroupConfiguration": True,
                }
            },
        ),
        *examples("aws:sagemaker/notebookInstance:NotebookInstance", {"kmsKeyId": UNKNOWN}),
    ),
    fails=(
        *examples("aws:glue/job:Job", {"glueVersion": "5.0"}),
        *examples(
            GLUE_SECURITY, {"encryptionConfiguration": {"cloudwatchEncryption": {"cloudwatchEncryptionMode": "X"}}}
        ),
        *examples(
            WORKGROUP,
            {},
            {
                "configuration": {
                    "resultConfiguration": {"encryptionConfiguration": {"encryptionOption": "SSE_S3"}},
                    "enforceWorkgroupConfiguration": False,
                }
            },
        ),
        *examples("aws:athena/database:Database", {"bucket": UNKNOWN}),
        *examples("aws:sagemaker/domain:Domain", {}),
        *examples("azure-native:machinelearningservices:Workspace", {"encryption": {"status": "Disabled"}}),
    ),
    misses=("what a security configuration that is named and not declared here says",),
)

UNENCRYPTED_MESSAGES = Rule(
    id="ENC-07",
    name="messages-without-own-key",
    severity="medium",
    what="A queue, stream, log, registry or secret has no key of ours, or none at all",
    why="What passes through or is logged is data as well; a key of our own can be revoked.",
    fix="Name a key: `kmsKeyId`, `kmsMasterKeyId`, `encryptionType: KMS`; on Azure `encryption` for confidential data.",
    refs=("CKV_AWS_27", "CKV_AWS_26", "CKV_AWS_43", "CKV_AWS_158", "CKV_AWS_136", "CKV_AWS_149", "ASB DP-5"),
    reads=tuple(MESSAGES),
    violated=by_type(MESSAGES),
    passes=(
        *examples(QUEUE, {"kmsMasterKeyId": UNKNOWN}, {"sqsManagedSseEnabled": True}),
        *examples(LOGS, {"kmsKeyId": UNKNOWN, "retentionInDays": 30.0}),
        *examples(SECRET, {"kmsKeyId": UNKNOWN}),
        *examples("aws:ecr/repository:Repository", {"encryptionConfigurations": [{"encryptionType": "KMS"}]}),
        *examples("aws:ssm/parameter:Parameter", {"type": "String"}, {"type": "SecureString", "keyId": UNKNOWN}),
        *examples("azure-native:eventhub:Namespace", {"tags": {"classification": "internal"}}),
    ),
    fails=(
        *examples(QUEUE, {}, {"sqsManagedSseEnabled": False}),
        *examples(LOGS, {"retentionInDays": 30.0}),
        *examples(SECRET, {"name": UNKNOWN}, {"kmsKeyId": ""}),
        *examples("aws:kinesis/stream:Stream", {"encryptionType": "NONE"}),
        *examples("aws:ecr/repository:Repository", {}, {"encryptionConfigurations": [{"encryptionType": "AES256"}]}),
        *examples("aws:ssm/parameter:Parameter", {"type": "SecureString"}),
        *examples("azure-native:eventhub:Namespace", {"tags": CONFIDENTIAL, "encryption": {}}),
    ),
    misses=(
        "a Log Analytics workspace, whose key belongs to its cluster",
        "a vault's secrets on Azure: a vault encrypts by itself",
    ),
)
