"""Rules over what our own components declare: each reads something of theirs, none finds a fault in it.

And rules over the SDKs: each type, and each name that a rule asks for, is one that its provider knows.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from components.targets import TARGETS
from policies.rule import Resource, Rule, all_rules
from policies.unknown import guarded
from tests.policies.reach import ENVIRONMENTS, PAGES, PORTS, declared, published
from tests.policies.reach_sdk import PACKAGES, Asked, folder, given, inputs, package, parts

NEVER: Mapping[str, str] = {
    "COST-03": "reads a comparison that `mesh check` makes",
    "COST-04": "reads a comparison that `mesh check` makes",
    "COST-09": "our network has one NAT gateway and is no awsx one",
    "COST-11": "no component makes a budget alarm",
    "CTR-14": "no component installs a Helm chart",
    "CTR-15": "images go to a registry that is there",
    "ENC-02": "no component makes a disk of its own: volumes are the cluster's, the daemon's or this machine's",
    "ENC-04": "our databases are PostgreSQL",
    "ENC-05": "our Spark runs in containers, not on EMR",
    "ENC-06": "no component uses Glue, Athena or SageMaker",
    "ENC-09": "clusters are there already: no component makes one",
    "GOV-05": "nothing of ours stops by itself when it idles",
    "IAM-08": "our pods have no rights in their cluster",
    "LOG-05": "our Spark runs in containers, not on EMR",
    "NET-04": "our networks have no flow log, which a rule for one resource at a time can't see",
    "PUB-05": "clusters are there already: no component makes one",
    "SEC-04": "our secrets are not rotated",
    "TLS-05": "no component uses EMR, MSK or a cache",
}
"""Rules that read nothing of ours, each with its reason."""

FOUND: Mapping[tuple[str, str], str] = {
    **{("GOV-10", target): "flights offers two ports without a contract" for target in TARGETS},
    **{("COST-12", target): "sales/erp, which stands outside the mesh, has no budget" for target in TARGETS},
    ("COST-02", "azure"): "the example's products cost more there than their manifests' budgets",
    ("COST-06", "azure"): "no price for zone-redundant storage: GAPS of test_prices_example",
    ("LOG-02", "aws"): "aws: Balancer: no `accessLogs`",
}
"""(rule, target) -> what our own components or examples do against it, in dev or prod. Empty it, never widen a rule."""

BESIDE = {
    "kubernetes:gateway.networking.k8s.io/v1:Gateway": "a custom resource of the cluster's",
    "kubernetes:keda.sh/v1alpha1:ScaledObject": "a custom resource of KEDA's",
    "kubernetes:helm.sh/v3:Chart": "a component of the SDK's, not a resource",
}
"""Types that no SDK has as a resource."""

SEVERAL = {
    "CTR-02": "host settings of all kinds of containers",
    "IAM-03": "attachments of all kinds",
    "SEC-02": "variables of all kinds of containers",
    "SEC-07": "files of all kinds of things",
}
"""Rules that ask every type for the names of all: each has to be known to one of the types that they read."""

FREE = frozenset(
    {
        *(
            "accessPolicies",
            "addonProfiles",
            "annotations",
            "assumeRolePolicy",
            "configuration",
            "data",
            "inlinePolicy",
        ),
        *("containerDefinitions", "labels", "limits", "matchLabels", "notifications", "parameters", "policy"),
        *("requests", "selector", "stringData", "tags", "variables"),
    }
)
"""Inputs whose names inside are the user's, or another language's."""


@pytest.fixture(scope="module")
def resources() -> list[tuple[str, Resource]]:
    """All of ours, with their targets; recorded once."""
    found = [(name, resource) for name in TARGETS for each in ENVIRONMENTS for resource in declared(name, each)]
    return found + [(name, resource) for name in (*PAGES, *PORTS) for resource in published(name)]


def test_every_rule_reads_something_of_ours(resources: list[tuple[str, Resource]]) -> None:
    types = {resource.type for _, resource in resources}
    blind = {rule.id for rule in all_rules() if not any(rule.covers(kind) for kind in types)}
    assert blind == set(NEVER)


def test_no_rule_finds_a_fault_in_what_our_components_declare(resources: list[tuple[str, Resource]]) -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for target, resource in resources:
        for rule in all_rules():
            finding = rule.judge(resource) if rule.covers(resource.type) else None
            if finding is not None and finding.outcome != "unknown":
                said = f"{resource.environment} {resource.type} {resource.name}: {finding.detail}"
                found.setdefault((rule.id, target), []).append(said)
    new = {key: lines[:3] for key, lines in found.items() if key not in FOUND}
    assert not new
    assert set(FOUND) - set(found) == set(), "mended: take it out of FOUND"


RDS, PG = "aws:rds/instance:Instance", "azure-native:dbforpostgresql:Server"
BLOCK, LISTENER = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "aws:lb/listener:Listener"
ACCOUNT, VAULT = "azure-native:storage:StorageAccount", "azure-native:keyvault:Vault"
APP, NSG = "azure-native:app:ContainerApp", "azure-native:network:NetworkSecurityGroup"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
POLICY, CONTAINER = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "docker:index/container:Container"
INGRESS, SERVICE = "kubernetes:networking.k8s.io/v1:Ingress", "kubernetes:core/v1:Service"
WORSE: tuple[tuple[str, str, str, object], ...] = (
    ("ENC-01", RDS, "storageEncrypted", False),
    (
        "ENC-03",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm",
        None,
    ),
    ("ENC-03", ACCOUNT, "tags.classification", "confidential"),
    ("ENC-07", "aws:cloudwatch/logGroup:LogGroup", "kmsKeyId", None),
    ("ENC-07", "aws:secretsmanager/secret:Secret", "kmsKeyId", None),
    ("ENC-08", "aws:kms/key:Key", "enableKeyRotation", False),
    ("ENC-08", VAULT, "properties.enablePurgeProtection", False),
    ("TLS-01", "mesh:index:Process", "bind+tags.classification+authentication", ("::", "restricted", "token")),
    ("TLS-02", LISTENER, "sslPolicy", None),
    ("TLS-02", ACCOUNT, "minimumTlsVersion", "TLS1_1"),
    ("TLS-03", LISTENER, "defaultActions", []),
    ("TLS-03", INGRESS, "spec.tls", None),
    ("TLS-03", APP, "configuration.ingress.allowInsecure", True),
    ("TLS-04", "aws:rds/parameterGroup:ParameterGroup", "parameters.0.value", "0"),
    ("TLS-04", "azure-native:dbforpostgresql:Configuration", "value", "off"),
    ("TLS-06", "aws:s3/bucketPolicy:BucketPolicy", "policy.Statement", []),
    ("TLS-06", ACCOUNT, "enableHttpsTrafficOnly", False),
    ("PUB-01", RDS, "publiclyAccessible", True),
    ("PUB-01", PG, "network", {"publicNetworkAccess": "Enabled"}),
    ("PUB-02", BLOCK, "restrictPublicBuckets", False),
    ("PUB-02", ACCOUNT, "allowBlobPublicAccess", True),
    ("PUB-02", "azure-native:storage:BlobContainer", "publicAccess", "Blob"),
    ("PUB-03", "aws:s3/bucketPolicy:BucketPolicy", "policy.Statement", [{"Effect": "Allow", "Principal": "*"}]),
    ("PUB-04", VAULT, "properties.networkAcls+properties.publicNetworkAccess", (None, "Enabled")),
    ("PUB-06", "aws:ecs/service:Service", "networkConfiguration.assignPublicIp", True),
    ("PUB-06", "aws:ec2/subnet:Subnet", "mapPublicIpOnLaunch", True),
    ("PUB-07", "mesh:index:PostgresServer", "bind+password", ("0.0.0.0", None)),
    ("PUB-09", "mesh:data:Service", "args.authentication", "none"),
    ("PUB-11", SERVICE, "spec.type", "NodePort"),
    ("PUB-11", CONTAINER, "ports", [{"internal": 5432.0}]),
    ("PUB-12", "kubernetes:apps/v1:Deployment", "spec.template.spec.containers.0.args", ["--auth", "none"]),
    ("PUB-12", "aws:ecs/taskDefinition:TaskDefinition", "containerDefinitions", '[{"command": ["--auth=none"]}]'),
    ("NET-01", INGRESS_RULE, "cidrIpv4", "0.0.0.0/0"),
    (
        "NET-01",
        NSG,
        "securityRules",
        [
            {
                "access": "Allow",
                "direction": "Inbound",
                "sourceAddressPrefix": "*",
                "destinationPortRange": "5432",
                "description": "x",
            }
        ],
    ),
    ("NET-02", INGRESS_RULE, "description", None),
    ("NET-03", VAULT, "properties.networkAcls.ipRules", [{"value": "0.0.0.0/0"}]),
    ("NET-05", CONTAINER, "networksAdvanced+networkMode", (None, None)),
    ("NET-05", "azure-native:app:ManagedEnvironment", "vnetConfiguration", None),
    ("NET-06", POLICY, "spec.ingress", [{}]),
    ("NET-07", ACCOUNT, "publicNetworkAccess", "Enabled"),
)
"""(rule, one of our types, what of it is made worse, how): the rule has to find it."""


def bare(value: Any) -> Any:
    """The value without its guards."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in dict.items(value)}
    return [bare(item) for item in list.__iter__(value)] if isinstance(value, list) else value


def worse(value: Any, path: str, new: object) -> Any:
    """The value with something else at a path, also inside JSON text; None takes it away."""
    key, _, rest = path.partition(".")
    if isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, list):
        return [worse(item, rest, new) if number == int(key) else item for number, item in enumerate(value)]
    changed = {**(value or {}), key: worse((value or {}).get(key), rest, new) if rest else new}
    return {name: item for name, item in changed.items() if item is not None}


@pytest.mark.parametrize(("rule_id", "kind", "path", "new"), WORSE)
def test_a_rule_bites_when_ours_is_made_worse(
    resources: list[tuple[str, Resource]], rule_id: str, kind: str, path: str, new: object
) -> None:
    (rule,) = [rule for rule in all_rules() if rule.id == rule_id]
    paths = path.split("+")
    outcomes = set()
    for _, resource in resources:
        if resource.type != kind or resource.environment != "prod":
            continue
        props = bare(resource.props)
        for number, each in enumerate(paths):
            props = worse(props, each, new[number] if isinstance(new, tuple) else new)
        finding = rule.judge(replace(resource, props=guarded(props)))
        outcomes.add(None if finding is None else finding.outcome)
    assert "fail" in outcomes
    assert outcomes <= {"fail", None}


def test_every_type_of_the_sdks_is_spelled_as_they_do() -> None:
    read = {token for rule in all_rules() for token in rule.reads if package(token) in PACKAGES and "*" not in token}
    assert {token for token in read if not inputs(token)} == set(BESIDE)


def asked(rule: Rule, token: str) -> set[tuple[str, ...]]:
    """The names that a rule asks a type for, also on the ways that it takes in prod."""
    noted: set[tuple[str, ...]] = set()
    for environment in ENVIRONMENTS:
        with suppress(Exception), warnings.catch_warnings():  # what is asked for is no number and no address
            rule.violated(Resource(type=token, props=Asked(noted), environment=environment))
    return noted


def strange(token: str, paths: set[tuple[str, ...]]) -> set[str]:
    """Those of the names that the SDK has nowhere in a type."""
    top = inputs(token)
    inside = top | parts(folder(token))
    outer = {path for path in paths if not FREE & set(path[:-1])}
    return {".".join(path) for path in outer if path[-1] not in (top if len(path) == 1 else inside)}


def of_the_sdks(rule: Rule) -> list[str]:
    return [token for token in rule.reads if "*" not in token and inputs_known(token)]


def inputs_known(token: str) -> bool:
    return package(token) in PACKAGES and token not in BESIDE and bool(inputs(token))


def test_every_name_that_a_rule_asks_for_is_an_input() -> None:
    wrong, needless = {}, set(SEVERAL)
    for rule in all_rules():
        odd = {token: strange(token, asked(rule, token)) for token in of_the_sdks(rule)}
        odd = {token: names for token, names in odd.items() if names}
        if odd:
            needless.discard(rule.id)
        if odd and rule.id in SEVERAL:
            read = of_the_sdks(rule)
            odd = {token: names & strange_everywhere(names, read) for token, names in odd.items()}
        if found := {token: names for token, names in odd.items() if names}:
            wrong[rule.id] = found
    assert not wrong
    assert not needless, "take it out of SEVERAL"


def strange_everywhere(names: set[str], tokens: list[str]) -> set[str]:
    """Those of the names whose last word none of the types knows; `variables` and `files` are our own types'."""
    own = {"variables", "files"}
    known = {name for token in tokens for name in (*inputs(token), *parts(folder(token)))} | own
    return {name for name in names if name.rpartition(".")[2] not in known}


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_name_in_a_fixture_is_an_input(rule: Rule) -> None:
    fixtures = [resource for resource in (*rule.passes, *rule.fails) if inputs_known(resource.type)]
    odd = {resource.type: strange(resource.type, set(given(resource.props))) for resource in fixtures}
    assert not {token: names for token, names in odd.items() if names}
