"""Rules on the keys that data is encrypted with: who keeps them, and whether they are renewed."""

from __future__ import annotations

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import by_type, every, examples, given, is_given, items, must, must_not, when

KEY, VAULT = "aws:kms/key:Key", "azure-native:keyvault:Vault"
EKS, AKS = "aws:eks/cluster:Cluster", "azure-native:containerservice:ManagedCluster"


def _rotates(resource: Resource) -> bool:
    """AWS rotates symmetric keys of its own making alone."""
    props = resource.props
    spec, usage = props.get("customerMasterKeySpec"), props.get("keyUsage")
    return spec in (None, "SYMMETRIC_DEFAULT") and usage in (None, "ENCRYPT_DECRYPT")


_PURGE = every(must("properties.enablePurgeProtection", True), must_not("properties.enableSoftDelete", False))
KEYS = {
    KEY: when(_rotates, must("enableKeyRotation", True)),
    VAULT: _PURGE,
    "azure-native:keyvault:ManagedHsm": _PURGE,
    "azure-native:keyvault:Key": given("properties.rotationPolicy.lifetimeActions"),
}


def _plain_secrets(resource: Resource) -> str | None:
    config = resource.props.get("encryptionConfig")
    for one in items(config):
        if "secrets" in items(one.get("resources")) and is_given(one, "provider.keyArn"):
            return None
    return "`encryptionConfig` names no key for `secrets`"


CLUSTERS = {
    EKS: _plain_secrets,
    AKS: must("securityProfile.azureKeyVaultKms.enabled", True),
}

UNROTATED_KEY = Rule(
    id="ENC-08",
    name="unrotated-key",
    severity="medium",
    what="A key is never renewed, or a vault with its keys can be purged",
    why="Who purges a key destroys everything that was encrypted with it.",
    fix="Set `enableKeyRotation` on a KMS key, `enablePurgeProtection` on a vault, `rotationPolicy` on its keys.",
    refs=("CKV_AWS_7", "CKV_AZURE_110", "CKV_AZURE_42", "FSBP KMS.4", "ASB DP-6", "ASB DP-8"),
    reads=tuple(KEYS),
    violated=by_type(KEYS),
    passes=(
        *examples(KEY, {"enableKeyRotation": True}, {"customerMasterKeySpec": "RSA_4096"}),
        *examples(KEY, {"keyUsage": "GENERATE_VERIFY_MAC", "customerMasterKeySpec": "HMAC_256"}),
        *examples(VAULT, {"properties": {"enablePurgeProtection": True, "tenantId": UNKNOWN}}),
    ),
    fails=(
        *examples(KEY, {}, {"enableKeyRotation": False, "customerMasterKeySpec": "SYMMETRIC_DEFAULT"}),
        *examples(VAULT, {}, {"properties": {"enablePurgeProtection": True, "enableSoftDelete": False}}),
        *examples("azure-native:keyvault:Key", {"properties": {"kty": "RSA"}}),
    ),
    misses=("a key that is brought along (`kmsKeyArn`, `vaultId`)", "asymmetric keys, which are renewed by hand"),
)

PLAIN_CLUSTER_SECRETS = Rule(
    id="ENC-09",
    name="unencrypted-cluster-secrets",
    severity="high",
    what="A Kubernetes cluster keeps its Secrets without a key of ours",
    why="Secrets lie in etcd as plain text otherwise, and in each of its backups.",
    fix="Give `encryptionConfig` with a `keyArn` for `secrets` (on Azure `azureKeyVaultKms`).",
    refs=("CKV_AWS_58", "FSBP EKS.3", "ASB DP-5"),
    reads=tuple(CLUSTERS),
    violated=by_type(CLUSTERS),
    passes=(
        *examples(EKS, {"encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}}),
        *examples(
            AKS,
            {"securityProfile": {"azureKeyVaultKms": {"enabled": True, "keyId": UNKNOWN}}},
        ),
    ),
    fails=(
        *examples(EKS, {}, {"encryptionConfig": {"resources": ["secrets"]}}),
        *examples(AKS, {}),
    ),
    misses=("a cluster that is there already: how it keeps the Secrets of a stack is its operator's",),
)
