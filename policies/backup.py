"""Rules on data that must not be lost: how long copies are kept, and how hard it is to delete the data."""

from __future__ import annotations

from components.tags import SHARED
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import Check, at, by_type, either, every, in_prod, is_given, items, must, must_not, when

_INSTANCE = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_DOCUMENTS = "aws:docdb/cluster:Cluster"
_WAREHOUSE = "aws:redshift/cluster:Cluster"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_TABLE = "aws:dynamodb/table:Table"
_BUCKET = "aws:s3/bucket:Bucket"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
_SERVER = "azure-native:dbforpostgresql:Server"
_MYSQL = "azure-native:dbformysql:Server"
_COSMOS = "azure-native:cosmosdb:DatabaseAccount"
_STORAGE = "azure-native:storage:StorageAccount"
_BLOBS = "azure-native:storage:BlobServiceProperties"
_VAULT = "azure-native:keyvault:Vault"
_VOLUME = "docker:index/volume:Volume"
_STATEFUL = "kubernetes:apps/v1:StatefulSet"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
LEAST_DAYS = 7
"""Days that copies are kept at least: a fault of Friday is seen on Monday (CKV_AWS_133, FSBP: RDS.11)."""


def _days(path: str) -> Check:
    def check(resource: Resource) -> str | None:
        days = at(resource.props, path)
        kept = isinstance(days, int | float) and days >= LEAST_DAYS
        return None if kept else f"`{path}` is below {LEAST_DAYS}"

    return check


def _own(resource: Resource) -> bool:
    """Whether a store holds data of a product; what a stack shares holds copies of its programs' files."""
    return resource.tags.get("product") != SHARED


def _labelled_shared(resource: Resource) -> bool:
    labels = items(resource.props.get("labels"))
    return any(label.get("label") == "product" and label.get("value") == SHARED for label in labels)


def _protected(resource: Resource) -> str | None:
    return None if resource.options.protect else "`protect` is not on"


def _is_replica(resource: Resource) -> bool:
    return is_given(resource.props, "replicateSourceDb")


def _instance(check: Check) -> Check:
    """For instances that hold data of their own."""
    return when(lambda resource: not _is_replica(resource), check)


def _prod(check: Check) -> Check:
    return when(lambda resource: in_prod(resource) and _own(resource), check)


def _claims(resource: Resource) -> bool:
    return bool(at(resource.props, "spec.volumeClaimTemplates"))


_KEPT: dict[str, Check] = {
    _INSTANCE: _instance(_days("backupRetentionPeriod")),
    _CLUSTER: _days("backupRetentionPeriod"),
    _DOCUMENTS: _days("backupRetentionPeriod"),
    "aws:neptune/cluster:Cluster": _days("backupRetentionPeriod"),
    _WAREHOUSE: _days("automatedSnapshotRetentionPeriod"),
    _CACHE: _days("snapshotRetentionLimit"),
    _SERVER: when(lambda r: at(r.props, "createMode") != "Replica", _days("backup.backupRetentionDays")),
    _MYSQL: when(lambda r: at(r.props, "createMode") != "Replica", _days("backup.backupRetentionDays")),
}

_TO_THE_SECOND: dict[str, Check] = {
    _TABLE: must("pointInTimeRecovery.enabled", True),
    _COSMOS: must("backupPolicy.type", "Continuous"),
    _INSTANCE: _instance(must_not("backupRetentionPeriod", 0)),
}

_VERSIONED: dict[str, Check] = {
    _VERSIONING: must("versioningConfiguration.status", "Enabled"),
    _BLOBS: every(
        must("isVersioningEnabled", True),
        must("deleteRetentionPolicy.enabled", True),
        must("containerDeleteRetentionPolicy.enabled", True),
    ),
    "azure-native:storage:FileServiceProperties": must_not("shareDeleteRetentionPolicy.enabled", False),
    _VAULT: must_not("properties.enableSoftDelete", False),
}

_LOCKED: dict[str, Check] = {
    _INSTANCE: _prod(_instance(every(_protected, must("deletionProtection", True)))),
    _CLUSTER: _prod(every(_protected, must("deletionProtection", True))),
    _DOCUMENTS: _prod(every(_protected, must("deletionProtection", True))),
    _TABLE: _prod(every(_protected, must("deletionProtectionEnabled", True))),
    _WAREHOUSE: _prod(_protected),
    _BUCKET: _prod(_protected),
    _SERVER: _prod(_protected),
    _MYSQL: _prod(_protected),
    _COSMOS: _prod(_protected),
    _STORAGE: _prod(_protected),
    _VOLUME: when(lambda r: in_prod(r) and not _labelled_shared(r), _protected),
    _STATEFUL: when(lambda r: in_prod(r) and _claims(r), _protected),
    _CLAIM: when(in_prod, _protected),
    "mesh:index:PostgresServer": _prod(_protected),
    "mesh:index:ObjectStore": _prod(_protected),
}

_WIPED: dict[str, Check] = {
    _INSTANCE: _prod(_instance(must("skipFinalSnapshot", False))),
    _CLUSTER: _prod(must("skipFinalSnapshot", False)),
    _DOCUMENTS: _prod(must("skipFinalSnapshot", False)),
    _WAREHOUSE: _prod(must("skipFinalSnapshot", False)),
    _BUCKET: _prod(must_not("forceDestroy", True)),
    "aws:ecr/repository:Repository": _prod(must_not("forceDelete", True)),
    "aws:secretsmanager/secret:Secret": _prod(must_not("recoveryWindowInDays", 0)),
}

_TWO_ZONES: dict[str, Check] = {
    _INSTANCE: when(in_prod, _instance(must("multiAz", True))),
    _CACHE: when(in_prod, must("multiAzEnabled", True)),
    _WAREHOUSE: when(in_prod, either(must("multiAz", True), must("availabilityZoneRelocationEnabled", True))),
    "aws:opensearch/domain:Domain": when(in_prod, must("clusterConfig.zoneAwarenessEnabled", True)),
    _SERVER: when(in_prod, must("highAvailability.mode", "ZoneRedundant", "SameZone")),
    _MYSQL: when(in_prod, must("highAvailability.mode", "ZoneRedundant", "SameZone")),
    _STORAGE: when(in_prod, must_not("sku.name", "Standard_LRS", "Premium_LRS")),
    "azure-native:app:ManagedEnvironment": when(in_prod, must("zoneRedundant", True)),
}

SHORT_RETENTION = Rule(
    id="BAK-01",
    name="short-backup-retention",
    severity="high",
    what="Copies of a database are kept for less than a week",
    fix=f"Keep copies for at least {LEAST_DAYS} days (`backupRetentionPeriod`, `backup.backupRetentionDays`).",
    refs=("CKV_AWS_133", "FSBP:RDS.11", "ASB:BR-1", "GDPR Art. 32"),
    reads=tuple(_KEPT),
    violated=by_type(_KEPT),
    passes=(
        example(_INSTANCE, {"backupRetentionPeriod": 7.0}),
        example(_INSTANCE, {"replicateSourceDb": UNKNOWN}),
        example(_SERVER, {"backup": {"backupRetentionDays": 35.0}}),
        example(_CACHE, {"snapshotRetentionLimit": 7.0}),
    ),
    fails=(
        example(_INSTANCE, {}),
        example(_INSTANCE, {"backupRetentionPeriod": 1.0}),
        example(_CLUSTER, {"backupRetentionPeriod": 6.0}),
        example(_WAREHOUSE, {"automatedSnapshotRetentionPeriod": 0.0}),
        example(_SERVER, {"backup": {}}),
        example(_MYSQL, {"backup": {"backupRetentionDays": 1.0}}),
    ),
    misses=(
        "databases in containers and on this machine: nobody copies them",
        "whether a copy can be restored",
    ),
)

NO_POINT_IN_TIME = Rule(
    id="BAK-02",
    name="no-point-in-time-recovery",
    severity="high",
    what="A database can't be put back to the minute before a mistake",
    fix="Set `pointInTimeRecovery: {enabled: true}`; on Cosmos DB `backupPolicy: {type: Continuous}`.",
    refs=("CKV_AWS_28", "FSBP:DynamoDB.2"),
    reads=tuple(_TO_THE_SECOND),
    violated=by_type(_TO_THE_SECOND),
    passes=(
        example(_TABLE, {"pointInTimeRecovery": {"enabled": True}}),
        example(_COSMOS, {"backupPolicy": {"type": "Continuous"}}),
        example(_INSTANCE, {"backupRetentionPeriod": 7.0}),
    ),
    fails=(
        example(_TABLE, {}),
        example(_TABLE, {"pointInTimeRecovery": {"enabled": False}}),
        example(_COSMOS, {"backupPolicy": {"type": "Periodic"}}),
        example(_INSTANCE, {"backupRetentionPeriod": 0.0}),
    ),
    misses=("databases in containers and on this machine", "Azure's PostgreSQL, which always can"),
)

NO_VERSIONS = Rule(
    id="BAK-03",
    name="no-versions-of-objects",
    severity="medium",
    what="An object that is overwritten or deleted is gone",
    fix="Turn versioning on; on Azure soft delete for blobs and containers too.",
    refs=("CKV_AWS_21", "FSBP:S3.14", "CKV2_AZURE_38"),
    reads=tuple(_VERSIONED),
    violated=by_type(_VERSIONED),
    passes=(
        example(_VERSIONING, {"versioningConfiguration": {"status": "Enabled"}}),
        example(
            _BLOBS,
            {
                "isVersioningEnabled": True,
                "deleteRetentionPolicy": {"enabled": True, "days": 7.0},
                "containerDeleteRetentionPolicy": {"enabled": True, "days": 7.0},
            },
        ),
        example(_VAULT, {"properties": {}}),
    ),
    fails=(
        example(_VERSIONING, {"versioningConfiguration": {"status": "Suspended"}}),
        example(_BLOBS, {"isVersioningEnabled": True}),
        example(_VAULT, {"properties": {"enableSoftDelete": False}}),
    ),
    misses=("a bucket or account to which no such resource belongs", "stores in containers and on this machine"),
)

UNPROTECTED_STORE = Rule(
    id="BAK-04",
    name="unprotected-store",
    severity="high",
    what="A database or bucket in prod can be deleted by one wrong line",
    fix="Protect it (`protect=True`, `deletionProtection`); the Database and Bucket components do so in prod.",
    refs=("CKV_AWS_293", "FSBP:RDS.8", "FSBP:DynamoDB.6"),
    reads=tuple(_LOCKED),
    violated=by_type(_LOCKED),
    passes=(
        example("mesh:index:PostgresServer", {}, environment="prod", protect=True),
        example("mesh:index:ObjectStore", {}, environment="dev"),
        example(_INSTANCE, {"deletionProtection": True}, environment="prod", protect=True),
        example(_BUCKET, {"tags": {"product": SHARED}}, environment="prod"),
        example(_STATEFUL, {"spec": {"replicas": 1.0}}, environment="prod"),
        example(_VOLUME, {"name": "x"}, environment="prod", protect=True),
    ),
    fails=(
        example("mesh:index:PostgresServer", {}, environment="prod"),
        example("mesh:index:ObjectStore", {}, environment="prod"),
        example(_INSTANCE, {"deletionProtection": True}, environment="prod"),
        example(_INSTANCE, {"deletionProtection": False}, environment="prod", protect=True),
        example(_BUCKET, {"tags": {"product": "orders"}}, environment="prod"),
        example(_SERVER, {}, environment="prod"),
        example(_STORAGE, {}, environment="prod"),
        example(_VOLUME, {"labels": [{"label": "product", "value": "orders"}]}, environment="prod"),
        example(_STATEFUL, {"spec": {"volumeClaimTemplates": [{"spec": {}}]}}, environment="prod"),
    ),
    misses=("deletion past Pulumi", "what is tagged `product: shared`: copies of programs' files"),
)

WIPED = Rule(
    id="BAK-05",
    name="deleted-without-a-copy",
    severity="high",
    what="In prod, deleting this leaves nothing behind",
    fix="Drop `forceDestroy` and `skipFinalSnapshot` (give `finalSnapshotIdentifier`), leave a recovery window.",
    refs=("ASB:BR-1",),
    reads=tuple(_WIPED),
    violated=by_type(_WIPED),
    passes=(
        example(_INSTANCE, {"skipFinalSnapshot": False}, environment="prod"),
        example(_INSTANCE, {"skipFinalSnapshot": True}),
        example(_BUCKET, {}, environment="prod"),
        example(_BUCKET, {"forceDestroy": True, "tags": {"product": SHARED}}, environment="prod"),
        example("aws:secretsmanager/secret:Secret", {}, environment="prod"),
    ),
    fails=(
        example(_INSTANCE, {}, environment="prod"),
        example(_CLUSTER, {"skipFinalSnapshot": True}, environment="prod"),
        example(_BUCKET, {"forceDestroy": True}, environment="prod"),
        example("aws:ecr/repository:Repository", {"forceDelete": True}, environment="prod"),
        example("aws:secretsmanager/secret:Secret", {"recoveryWindowInDays": 0.0}, environment="prod"),
    ),
    misses=("what is tagged `product: shared`", "automated copies, which go with an instance"),
)

ONE_ZONE = Rule(
    id="BAK-06",
    name="one-zone-in-prod",
    severity="medium",
    what="In prod, one building decides whether the data is there",
    fix="Set `multiAz: true`, `highAvailability.mode: ZoneRedundant`, a ZRS sku, `zoneRedundant: true`.",
    refs=("CKV_AWS_157", "FSBP:RDS.5", "CKV_AZURE_206", "ASB:BR-1"),
    reads=tuple(_TWO_ZONES),
    violated=by_type(_TWO_ZONES),
    passes=(
        example(_INSTANCE, {"multiAz": True}, environment="prod"),
        example(_INSTANCE, {}),
        example(_SERVER, {"highAvailability": {"mode": "ZoneRedundant"}}, environment="prod"),
        example(_STORAGE, {"sku": {"name": "Standard_ZRS"}}, environment="prod"),
    ),
    fails=(
        example(_INSTANCE, {}, environment="prod"),
        example(_SERVER, {"highAvailability": {"mode": "Disabled"}}, environment="prod"),
        example(_STORAGE, {"sku": {"name": "Standard_LRS"}}, environment="prod"),
        example("azure-native:app:ManagedEnvironment", {}, environment="prod"),
        example("aws:opensearch/domain:Domain", {"clusterConfig": {}}, environment="prod"),
    ),
    misses=("whether a cluster of containers spans zones", "one NAT gateway (COST-09 wants one)", "Aurora's instances"),
)
