"""Rules on databases, clusters and stores that let plain connections in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import (
    at,
    by_type,
    document,
    each,
    every,
    everybody,
    examples,
    is_given,
    items,
    must,
    must_not,
    statements,
    when,
    word,
)
from policies.transit import ACCOUNT, DOMAIN, PARAMETERS, PG_CONFIGURATION, REDIS, SINGLE, parameters

BUCKET_POLICY, TASK = "aws:s3/bucketPolicy:BucketPolicy", "aws:ecs/taskDefinition:TaskDefinition"
RDS, MSK = "aws:rds/instance:Instance", "aws:msk/cluster:Cluster"
EMR_SECURITY = "aws:emr/securityConfiguration:SecurityConfiguration"
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def _lax_parameters(resource: Resource) -> str | None:
    """RDS for PostgreSQL forces TLS by itself from 15 on ("Requiring an SSL connection"); the others never did."""
    family = str(resource.props.get("family") or "")
    name = "rds.force_ssl" if re.match(r"(aurora-)?postgres|sqlserver", family) else "require_secure_transport"
    if not re.match(r"(aurora-)?(postgres|mysql)|mariadb|sqlserver", family):
        return None
    version = re.search(r"postgres(?:ql)?(\d+)", family)
    forced = "1" if version and int(version[1]) >= 15 else "0"
    return None if parameters(resource).get(name, forced) in ("1", "on", "true") else f"`{name}` is not on"


def _default_parameters(resource: Resource) -> str | None:
    props = resource.props
    if is_given(props, "parameterGroupName") or is_given(props, "replicateSourceDb"):
        return None
    engine = str(props.get("engine") or "")
    version = re.match(r"\d+", str(props.get("engineVersion") or ""))
    lax = engine in ("mysql", "mariadb") or (engine == "postgres" and version is not None and int(version[0]) < 15)
    return "`parameterGroupName` is not given, and the engine's own takes plain connections" if lax else None


def _lax_redshift(resource: Resource) -> str | None:
    return None if parameters(resource).get("require_ssl") == "true" else "`require_ssl` is not on"


def _lax_docdb(resource: Resource) -> str | None:
    return "`tls` is off" if parameters(resource).get("tls", "enabled") == "disabled" else None


_FORCED = when(
    lambda r: r.props.get("configurationName") == "require_secure_transport", must("value", "on", "1", "true")
)
_ENFORCED = must("properties.sslEnforcement", "Enabled")
DATABASES = {
    PARAMETERS: _lax_parameters,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _lax_parameters,
    RDS: _default_parameters,
    "aws:redshift/parameterGroup:ParameterGroup": _lax_redshift,
    "aws:docdb/clusterParameterGroup:ClusterParameterGroup": _lax_docdb,
    PG_CONFIGURATION: _FORCED,
    "azure-native:dbformysql:Configuration": _FORCED,
    SINGLE: _ENFORCED,
    "azure-native:dbformysql:SingleServer": _ENFORCED,
    "azure-native:dbformariadb:Server": _ENFORCED,
}


def _lax_emr(resource: Resource) -> str | None:
    written = document(resource.props.get("configuration"))
    safe = at(written, "EncryptionConfiguration.EnableInTransitEncryption") is True
    return None if safe else "`EnableInTransitEncryption` is not on in `configuration`"


_BETWEEN = "encryptionInfo.encryptionInTransit"
TRAFFIC = {
    EMR_SECURITY: _lax_emr,
    MSK: every(
        must_not(f"{_BETWEEN}.clientBroker", "PLAINTEXT", "TLS_PLAINTEXT"), must_not(f"{_BETWEEN}.inCluster", False)
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": must("transitEncryptionEnabled", True),
    "aws:memorydb/cluster:Cluster": must_not("tlsEnabled", False),
    "aws:dax/cluster:Cluster": must("clusterEndpointEncryptionType", "TLS"),
    DOMAIN: must("nodeToNodeEncryption.enabled", True),
    REDIS: must_not("enableNonSslPort", True),
    "azure-native:redisenterprise:Database": must_not("clientProtocol", "Plaintext"),
}


def _plain_access(resource: Resource) -> str | None:
    """Refused to all, whatever they do there, while their connection is no TLS."""
    for statement in statements(resource.props.get("policy")):
        told = at(statement, "Condition.Bool")
        plain = isinstance(told, Mapping) and any(
            key.lower() == "aws:securetransport" and word(items(told.get(key))[0]) == "false" for key in told
        )
        acts = items(statement.get("Action"))
        if (
            plain
            and statement.get("Effect") == "Deny"
            and everybody(statement.get("Principal"))
            and any(re.fullmatch(r"(\w+:)?\*", str(act)) for act in acts)
        ):
            return None
    return "no statement refuses what comes without `aws:SecureTransport`"


_MOUNTS = when(
    lambda volume: is_given(volume.props, "efsVolumeConfiguration"),
    must("efsVolumeConfiguration.transitEncryption", "ENABLED"),
)
STORES = {
    BUCKET_POLICY: _plain_access,
    "aws:efs/fileSystemPolicy:FileSystemPolicy": _plain_access,
    TASK: each("volumes", _MOUNTS),
    ACCOUNT: must_not("enableHttpsTrafficOnly", False),
}

LAX_DATABASE = Rule(
    id="TLS-04",
    name="database-without-forced-tls",
    severity="high",
    what="A database takes connections without TLS",
    why="A client that does not ask for TLS sends its password and its rows in the clear.",
    fix="Force TLS: `rds.force_ssl: 1`, `require_secure_transport: on`, `require_ssl: true`.",
    refs=("CKV2_AWS_69", "CKV_AZURE_28", "CKV_AZURE_29", "CKV_AWS_90", "ASB DP-3", "GDPR Art. 32"),
    reads=tuple(DATABASES),
    violated=by_type(DATABASES),
    passes=(
        *examples(
            PARAMETERS,
            {"family": "postgres14", "parameters": [{"name": "rds.force_ssl", "value": "1"}]},
            {"family": "postgres17", "parameters": [{"name": "log_connections", "value": "1"}]},
            {"family": "mysql8.4", "parameters": [{"name": "require_secure_transport", "value": "ON"}]},
            {"family": "oracle-ee-19", "parameters": []},
        ),
        *examples(
            RDS,
            {"engine": "postgres", "engineVersion": "17"},
            {"engine": "mysql", "parameterGroupName": UNKNOWN},
        ),
        *examples(
            PG_CONFIGURATION,
            {"configurationName": "require_secure_transport", "value": "on"},
            {"configurationName": "work_mem", "value": "4096"},
        ),
        *examples(SINGLE, {"properties": {"sslEnforcement": "Enabled"}}),
    ),
    fails=(
        *examples(
            PARAMETERS,
            {"family": "postgres17", "parameters": [{"name": "rds.force_ssl", "value": "0"}]},
            {"family": "postgres13"},
            {"family": "mysql8.0", "parameters": []},
        ),
        *examples(RDS, {"engine": "mysql", "engineVersion": "8.4"}, {"engine": "postgres", "engineVersion": "14.9"}),
        *examples("aws:redshift/parameterGroup:ParameterGroup", {"family": "redshift-1.0"}),
        *examples(
            "aws:docdb/clusterParameterGroup:ClusterParameterGroup",
            {"parameters": [{"name": "tls", "value": "disabled"}]},
        ),
        *examples(PG_CONFIGURATION, {"configurationName": "require_secure_transport", "value": "OFF"}),
        *examples(SINGLE, {"properties": {"sslEnforcement": "Disabled"}}),
    ),
    misses=(
        "a parameter group that is named and not declared here, and an Aurora cluster that names none",
        "PostgreSQL in containers and on this machine, which asks for a password and offers no TLS",
        "whether clients verify the certificate",
    ),
)

PLAIN_TRAFFIC = Rule(
    id="TLS-05",
    name="plain-cluster-traffic",
    severity="medium",
    what="A cluster, a cache or a broker moves data unencrypted",
    why="Nodes exchange the data itself, often past the firewall's rules.",
    fix="Switch encryption in transit on, and plain ports off.",
    refs=("CKV_AWS_81", "CKV_AWS_30", "CKV_AWS_6", "CKV_AZURE_91", "FSBP EMR.4", "FSBP MSK.1", "ASB DP-3"),
    reads=tuple(TRAFFIC),
    violated=by_type(TRAFFIC),
    passes=(
        *examples(EMR_SECURITY, {"configuration": '{"EncryptionConfiguration": {"EnableInTransitEncryption": true}}'}),
        *examples(MSK, {}, {"encryptionInfo": {"encryptionInTransit": {"clientBroker": "TLS", "inCluster": True}}}),
        *examples("aws:elasticache/replicationGroup:ReplicationGroup", {"transitEncryptionEnabled": True}),
        *examples(REDIS, {"enableNonSslPort": False, "name": UNKNOWN}),
    ),
    fails=(
        *examples(EMR_SECURITY, {"configuration": {"EncryptionConfiguration": {}}}),
        *examples(
            MSK,
            {"encryptionInfo": {"encryptionInTransit": {"clientBroker": "TLS_PLAINTEXT"}}},
            {"encryptionInfo": {"encryptionInTransit": {"inCluster": False}, "encryptionAtRestKmsKeyArn": UNKNOWN}},
        ),
        *examples("aws:elasticache/replicationGroup:ReplicationGroup", {}),
        *examples("aws:dax/cluster:Cluster", {"clusterEndpointEncryptionType": "NONE"}),
        *examples(DOMAIN, {}),
        *examples(REDIS, {"enableNonSslPort": True}),
    ),
    misses=("Spark on Docker, Kubernetes and this machine: a shared secret guards it, its bulk data is not encrypted",),
)

PLAIN_STORE = Rule(
    id="TLS-06",
    name="plain-store-access",
    severity="high",
    what="A bucket or file system answers without TLS",
    why="S3 and file systems answer plain requests unless a policy refuses them.",
    fix="Deny everything where `aws:SecureTransport` is false; mount with `transitEncryption: ENABLED`.",
    refs=("FSBP S3.5", "CKV_AZURE_3", "CKV_AWS_97", "ASB DP-3", "GDPR Art. 32"),
    reads=tuple(STORES),
    violated=by_type(STORES),
    passes=(
        *examples(BUCKET_POLICY, {"policy": {"Statement": [TLS_ONLY]}, "bucket": UNKNOWN}),
        *examples(BUCKET_POLICY, {"policy": json.dumps({"Statement": TLS_ONLY})}),
        *examples(TASK, {"volumes": [{"name": "tmp"}, {"efsVolumeConfiguration": {"transitEncryption": "ENABLED"}}]}),
        *examples(ACCOUNT, {"enableHttpsTrafficOnly": True}, {}),
    ),
    fails=(
        *examples(
            BUCKET_POLICY,
            {"policy": {"Statement": []}, "bucket": UNKNOWN},
            {"policy": {"Statement": [{**TLS_ONLY, "Principal": {"AWS": "arn:aws:iam::1:role/a"}}]}},
            {"policy": {"Statement": [{**TLS_ONLY, "Action": "s3:GetObject"}]}},
            {"policy": {"Statement": [{**TLS_ONLY, "Effect": "Allow"}]}},
            {"policy": {"Statement": [{**TLS_ONLY, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}},
        ),
        *examples(TASK, {"volumes": [{"efsVolumeConfiguration": {"fileSystemId": UNKNOWN}}]}),
        *examples(ACCOUNT, {"enableHttpsTrafficOnly": False}),
    ),
    misses=("a bucket without a policy", "a policy that leaves out some of the bucket's objects"),
)
