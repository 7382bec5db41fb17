"""Rules on data at rest: databases, volumes, buckets and EMR clusters."""

from __future__ import annotations

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    at,
    by_type,
    document,
    each,
    either,
    every,
    examples,
    given,
    is_given,
    must,
    must_not,
    sensitive,
    when,
)

RDS, RDS_CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
SSE = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET = "aws:s3/bucket:Bucket"
ACCOUNT = "azure-native:storage:StorageAccount"
EMR_SECURITY = "aws:emr/securityConfiguration:SecurityConfiguration"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
CONFIDENTIAL = {"classification": "confidential"}

_STORAGE = must("storageEncrypted", True)
DATABASES = {
    RDS: either(_STORAGE, given("replicateSourceDb")),
    RDS_CLUSTER: either(_STORAGE, given("replicationSourceIdentifier")),
    "aws:rds/globalCluster:GlobalCluster": either(_STORAGE, given("sourceDbClusterIdentifier")),
    "aws:docdb/cluster:Cluster": _STORAGE,
    "aws:neptune/cluster:Cluster": _STORAGE,
    "aws:redshift/cluster:Cluster": must("encrypted", True),
    "aws:dax/cluster:Cluster": must("serverSideEncryption.enabled", True),
    "aws:elasticache/replicationGroup:ReplicationGroup": must("atRestEncryptionEnabled", True),
    "aws:opensearch/domain:Domain": must("encryptAtRest.enabled", True),
    "aws:elasticsearch/domain:Domain": must("encryptAtRest.enabled", True),
    "azure-native:sql:TransparentDataEncryption": must("state", "Enabled"),
    "azure-native:kusto:Cluster": must("enableDiskEncryption", True),
}


def _ebs_class(resource: Resource) -> str | None:
    if resource.props.get("provisioner") != "ebs.csi.aws.com":
        return None
    return must("parameters.encrypted", True)(resource)


_DISK = every(must("rootBlockDevice.encrypted", True), each("ebsBlockDevices", must("encrypted", True)))
_HOST = must("securityProfile.encryptionAtHost", True)
VOLUMES = {
    "aws:ebs/volume:Volume": must("encrypted", True),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": must_not("enabled", False),
    "aws:efs/fileSystem:FileSystem": must("encrypted", True),
    "aws:ec2/instance:Instance": _DISK,
    "aws:ec2/launchConfiguration:LaunchConfiguration": _DISK,
    "aws:ec2/launchTemplate:LaunchTemplate": each(
        "blockDeviceMappings", when(lambda device: is_given(device.props, "ebs"), must("ebs.encrypted", True))
    ),
    "azure-native:compute:VirtualMachine": _HOST,
    "azure-native:compute:VirtualMachineScaleSet": must("virtualMachineProfile.securityProfile.encryptionAtHost", True),
    STORAGE_CLASS: _ebs_class,
}

_DEFAULT = "applyServerSideEncryptionByDefault"
_ALGORITHM = f"{_DEFAULT}.sseAlgorithm"
_ENCRYPTS = ("aws:kms", "aws:kms:dsse", "AES256")
_RULES = every(given("rules"), each("rules", must(_ALGORITHM, *_ENCRYPTS)))
_INLINE = "serverSideEncryptionConfiguration"
_KEPT = must(f"{_INLINE}.rule.{_ALGORITHM}", *_ENCRYPTS)
_OWN = every(
    must(f"{_INLINE}.rule.{_ALGORITHM}", "aws:kms", "aws:kms:dsse"),
    given(f"{_INLINE}.rule.{_DEFAULT}.kmsMasterKeyId"),
)
BUCKETS = {
    SSE: _RULES,
    BUCKET: when(lambda r: is_given(r.props, _INLINE), every(_KEPT, when(sensitive, _OWN))),
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": _RULES,
    ACCOUNT: every(
        must_not("encryption.services.blob.enabled", False),
        must_not("encryption.services.file.enabled", False),
        when(sensitive, must("encryption.keySource", "Microsoft.Keyvault")),
    ),
}


def _insecure_emr(resource: Resource) -> str | None:
    """EMR's own JSON: what is encrypted at rest, and where. EMRFS and local disks are said apart."""
    written = document(resource.props.get("configuration"))
    if at(written, "EncryptionConfiguration.EnableAtRestEncryption") is not True:
        return "`EnableAtRestEncryption` is not on in `configuration`"
    kept = at(written, "EncryptionConfiguration.AtRestEncryptionConfiguration")
    for part in ("S3EncryptionConfiguration", "LocalDiskEncryptionConfiguration"):
        if not is_given(kept, part):
            return f"`{part}` is not given in `configuration`"
    return None


EMR = {"aws:emr/cluster:Cluster": given("securityConfiguration"), EMR_SECURITY: _insecure_emr}
EMR_ENCRYPTED = """{"EncryptionConfiguration": {"EnableAtRestEncryption": true, "EnableInTransitEncryption": true,
"AtRestEncryptionConfiguration": {"S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS"},
"LocalDiskEncryptionConfiguration": {"EncryptionKeyProviderType": "AwsKms"}}}}"""


UNENCRYPTED_DATABASE = Rule(
    id="ENC-01",
    name="unencrypted-database",
    severity="high",
    what="A database keeps its data unencrypted",
    why="A copied disk or snapshot is then readable; switching it on later means a new database.",
    fix="Switch encryption at rest on (`storageEncrypted: true`); the Database component does so.",
    refs=(
        "CKV_AWS_16",
        "CKV_AWS_96",
        "CKV_AWS_44",
        "CKV_AWS_74",
        "CKV_AWS_64",
        "FSBP RDS.3",
        "ASB DP-4",
        "GDPR Art. 32",
    ),
    reads=tuple(DATABASES),
    violated=by_type(DATABASES),
    passes=(
        *examples(RDS, {"storageEncrypted": True}, {"replicateSourceDb": UNKNOWN}, {"storageEncrypted": "true"}),
        *examples("aws:redshift/cluster:Cluster", {"encrypted": "true"}),
        *examples("aws:opensearch/domain:Domain", {"encryptAtRest": {"enabled": True, "kmsKeyId": UNKNOWN}}),
        *examples("azure-native:sql:TransparentDataEncryption", {"state": "Enabled"}),
    ),
    fails=(
        *examples(RDS, {}, {"storageEncrypted": False, "kmsKeyId": UNKNOWN}),
        *examples(RDS_CLUSTER, {"engine": "aurora-postgresql"}),
        *examples("aws:opensearch/domain:Domain", {"domainName": UNKNOWN}, {"encryptAtRest": {"enabled": False}}),
        *examples("aws:elasticache/replicationGroup:ReplicationGroup", {"atRestEncryptionEnabled": False}),
        *examples("azure-native:sql:TransparentDataEncryption", {"state": "Disabled"}),
        *examples("azure-native:kusto:Cluster", {}),
    ),
    misses=(
        "a replica, whose source decides",
        "Azure's PostgreSQL, MySQL and Cosmos DB, which can't be had unencrypted",
        "databases in containers and on this machine: there the disk or the volume is encrypted (ENC-02)",
    ),
)

UNENCRYPTED_VOLUME = Rule(
    id="ENC-02",
    name="unencrypted-volume",
    severity="high",
    what="A disk or file system is unencrypted",
    why="Whoever gets hold of a disk or its snapshot reads everything on it.",
    fix="Set `encrypted` (on Azure `encryptionAtHost`) on each disk.",
    refs=("CKV_AWS_3", "CKV_AWS_42", "CKV_AWS_8", "FSBP EC2.3", "FSBP EFS.1", "ASB DP-4", "GDPR Art. 32"),
    reads=tuple(VOLUMES),
    violated=by_type(VOLUMES),
    passes=(
        *examples("aws:ebs/volume:Volume", {"encrypted": True}),
        *examples("aws:ec2/instance:Instance", {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": []}),
        *examples(
            "aws:ec2/launchTemplate:LaunchTemplate",
            {"blockDeviceMappings": [{"ebs": {"encrypted": "true"}}, {"virtualName": "ephemeral0"}]},
        ),
        *examples("azure-native:compute:VirtualMachine", {"securityProfile": {"encryptionAtHost": True}}),
        *examples(
            STORAGE_CLASS,
            {"provisioner": "ebs.csi.aws.com", "parameters": {"encrypted": "true"}},
            {"provisioner": "rancher.io/local-path"},
        ),
    ),
    fails=(
        *examples("aws:ebs/volume:Volume", {}, {"encrypted": False, "kmsKeyId": UNKNOWN}),
        *examples("aws:efs/fileSystem:FileSystem", {}),
        *examples(
            "aws:ec2/instance:Instance",
            {},
            {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"encrypted": False}]},
        ),
        *examples("aws:ec2/launchTemplate:LaunchTemplate", {"blockDeviceMappings": [{"ebs": {"encrypted": "false"}}]}),
        *examples("azure-native:compute:VirtualMachine", {}),
        *examples(STORAGE_CLASS, {"provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"}}),
    ),
    misses=(
        "an account whose default encrypts every volume, which is refused all the same",
        "storage classes of other drivers, Docker volumes and this machine's own disks",
    ),
)

UNENCRYPTED_BUCKET = Rule(
    id="ENC-03",
    name="unencrypted-bucket",
    severity="high",
    what="A bucket keeps objects unencrypted, or confidential ones with a key that is not ours",
    why="With a key of our own, access can be revoked and every use of it is logged.",
    fix="Give a rule with `sseAlgorithm: aws:kms`; on Azure `keySource: Microsoft.Keyvault` for confidential data.",
    refs=("CKV_AWS_19", "CKV_AWS_145", "CKV2_AZURE_1", "FSBP S3.17", "ASB DP-5", "GDPR Art. 32"),
    reads=tuple(BUCKETS),
    violated=by_type(BUCKETS),
    passes=(
        *examples(
            SSE,
            {"rules": [{_DEFAULT: {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN}}]},
            {"bucket": UNKNOWN, "rules": [{_DEFAULT: {"sseAlgorithm": "AES256"}}]},
        ),
        *examples(BUCKET, {"tags": CONFIDENTIAL}, {_INLINE: {"rule": {_DEFAULT: {"sseAlgorithm": "AES256"}}}}),
        *examples(
            ACCOUNT,
            {"tags": {"classification": "internal"}, "encryption": {"keySource": "Microsoft.Storage"}},
            {"tags": CONFIDENTIAL, "encryption": {"keySource": "Microsoft.Keyvault"}},
        ),
    ),
    fails=(
        *examples(BUCKET, {"tags": CONFIDENTIAL, _INLINE: {"rule": {_DEFAULT: {"sseAlgorithm": "AES256"}}}}),
        *examples(SSE, {"bucket": UNKNOWN, "rules": []}, {"rules": [{"bucketKeyEnabled": True}]}),
        *examples(
            ACCOUNT,
            {"tags": CONFIDENTIAL, "encryption": {"keySource": "Microsoft.Storage"}},
            {"tags": {"classification": "restricted"}},
            {"encryption": {"services": {"blob": {"enabled": False}}}},
        ),
    ),
    misses=(
        "an S3 bucket without an encryption resource, which S3 encrypts with a key of its own",
        "whether an S3 bucket of confidential data names a key: its encryption is a resource without tags",
        "SeaweedFS on Docker, Kubernetes and this machine, which relies on the disk",
    ),
)

UNENCRYPTED_EMR = Rule(
    id="ENC-05",
    name="unencrypted-emr",
    severity="high",
    what="An EMR cluster writes its disks or its results unencrypted",
    why="EMR spills intermediate results to local disks, and encrypts none of them by itself.",
    fix="Name a `securityConfiguration` that encrypts S3 and local disks at rest.",
    refs=("CKV2_AWS_55", "FSBP EMR.3", "GDPR Art. 32"),
    reads=tuple(EMR),
    violated=by_type(EMR),
    passes=(
        *examples("aws:emr/cluster:Cluster", {"securityConfiguration": UNKNOWN}, {"securityConfiguration": "strict"}),
        *examples(EMR_SECURITY, {"configuration": EMR_ENCRYPTED}),
    ),
    fails=(
        *examples("aws:emr/cluster:Cluster", {"releaseLabel": "emr-7.9.0"}),
        *examples(
            EMR_SECURITY,
            {"configuration": "{}"},
            {"configuration": '{"EncryptionConfiguration": {"EnableAtRestEncryption": false}}'},
            {"configuration": EMR_ENCRYPTED.replace("LocalDisk", "Other")},
        ),
    ),
    misses=("what a configuration that is named and not declared here says",),
)
