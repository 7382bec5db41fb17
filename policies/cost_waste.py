"""Rules on money that buys nothing: dear kinds, data that nobody deletes, budgets without an alarm."""

from __future__ import annotations

import re

from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import Check, at, by_type, in_prod, is_given, items, must_not, when, word

_INSTANCE = "aws:rds/instance:Instance"
_VOLUME = "aws:ebs/volume:Volume"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_NODES = "aws:eks/nodeGroup:NodeGroup"
_POOL = "azure-native:containerservice:AgentPool"
_VPC = "awsx:ec2:Vpc"
_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
_POLICY = "azure-native:storage:ManagementPolicy"
_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_WORKSPACE = "azure-native:operationalinsights:Workspace"
_BUDGET = "aws:budgets/budget:Budget"
_AZURE_BUDGET = "azure-native:consumption:Budget"
_ARM = re.compile(r"(?:db\.|cache\.)?[a-z]+\d+g[a-z]*(?:\.|$)")
_LONGEST_TRIAL_DAYS = 90
"""Days that logs of trials are worth their storage."""


def _on_trial(check: Check) -> Check:
    return when(lambda resource: not in_prod(resource), check)


def _arm(path: str) -> Check:
    def check(resource: Resource) -> str | None:
        for size in items(at(resource.props, path)):
            if not _ARM.match(str(size)):
                return f"`{path}` is no Graviton one"
        return None

    return check


def _dear_database(resource: Resource) -> str | None:
    dear = must_not("storageType", "gp2", "io1", "standard")(resource)
    kinds = ("postgres", "mysql", "mariadb")
    return dear or (_on_trial(_arm("instanceClass"))(resource) if resource.props.get("engine") in kinds else None)


def _dear_disks(resource: Resource) -> str | None:
    for mapping in items(resource.props.get("blockDeviceMappings")):
        if word(at(mapping, "ebs.volumeType")) in ("gp2", "io1", "standard"):
            return "`blockDeviceMappings.ebs.volumeType` is an old one"
    return None


def _not_spot(path: str, spot: str) -> Check:
    def check(resource: Resource) -> str | None:
        return None if word(at(resource.props, path)) == spot else f"`{path}` is not {spot}"

    return check


def _gateways(resource: Resource) -> str | None:
    few = word(at(resource.props, "natGateways.strategy")) in ("single", "none")
    return None if few else "`natGateways.strategy` is one for each zone"


def _enabled(rule: object) -> bool:
    """Whether a rule of a life cycle is in force; Azure's is unless it says otherwise."""
    return isinstance(rule, dict) and word(rule.get("status")) != "disabled" and rule.get("enabled") is not False


def _kept_for_ever(resource: Resource) -> str | None:
    path = "rules" if resource.type == _LIFECYCLE else "policy.rules"
    rules = [rule for rule in items(at(resource.props, path)) if _enabled(rule)]
    if not rules:
        return f"`{path}` has no rule in force"
    if resource.type == _POLICY:
        return None
    ends = ("expiration", "noncurrentVersionExpiration", "transitions", "abortIncompleteMultipartUpload")
    return None if any(is_given(rule, end) for rule in rules for end in ends) else f"`{path}` deletes nothing"


def _kept_long(resource: Resource) -> str | None:
    days = resource.props.get("retentionInDays")
    too_long = isinstance(days, int | float) and days > _LONGEST_TRIAL_DAYS
    return f"`retentionInDays` is above {_LONGEST_TRIAL_DAYS}" if too_long else None


def _tells_nobody(resource: Resource) -> str | None:
    found = resource.props.get("notifications")
    notices = list(found.values()) if isinstance(found, dict) else items(found)
    places = ("subscriberEmailAddresses", "subscriberSnsTopicArns", "contactEmails", "contactGroups", "contactRoles")
    for notice in notices:
        if isinstance(notice, dict) and any(is_given(notice, place) for place in places):
            return None
    return "`notifications` tell nobody"


_DEAR: dict[str, Check] = {
    _INSTANCE: _dear_database,
    _VOLUME: must_not("type", "gp2", "io1", "standard"),
    _TEMPLATE: _dear_disks,
    _NODES: _on_trial(_not_spot("capacityType", "spot")),
    _POOL: _on_trial(when(lambda r: word(r.props.get("mode")) == "user", _not_spot("scaleSetPriority", "spot"))),
    "aws:elasticache/replicationGroup:ReplicationGroup": _on_trial(_arm("nodeType")),
    "aws:opensearch/domain:Domain": must_not("ebsOptions.volumeType", "gp2", "io1", "standard"),
}

_HOARDS: dict[str, Check] = {
    _LIFECYCLE: _kept_for_ever,
    _POLICY: _kept_for_ever,
    _GROUP: _on_trial(_kept_long),
    _WORKSPACE: _on_trial(_kept_long),
}

DEAR_KIND = Rule(
    id="COST-08",
    name="dearer-kind",
    severity="low",
    what="The same thing is to be had for less",
    fix="Use gp3 disks and Graviton classes (t4g, m7g); outside prod Spot for nodes that may vanish.",
    refs=("FinOps:rate-optimization",),
    reads=tuple(_DEAR),
    violated=by_type(_DEAR),
    passes=(
        example(_INSTANCE, {"engine": "postgres", "instanceClass": "db.t4g.micro", "storageType": "gp3"}),
        example(_INSTANCE, {"engine": "postgres", "instanceClass": "db.m7i.large"}, environment="prod"),
        example(_INSTANCE, {"engine": "sqlserver-ex", "instanceClass": "db.t3.small"}),
        example(_VOLUME, {"type": "gp3"}),
        example(_NODES, {"capacityType": "SPOT"}),
        example(_NODES, {"capacityType": "ON_DEMAND"}, environment="prod"),
        example(_POOL, {"mode": "System"}),
    ),
    fails=(
        example(_INSTANCE, {"engine": "postgres", "instanceClass": "db.t3.micro"}),
        example(_INSTANCE, {"engine": "postgres", "instanceClass": "db.t4g.micro", "storageType": "gp2"}),
        example(_VOLUME, {"type": "gp2"}),
        example(_TEMPLATE, {"blockDeviceMappings": [{"ebs": {"volumeType": "gp2"}}]}),
        example(_NODES, {}),
        example(_POOL, {"mode": "User"}),
    ),
    misses=("Fargate, whose Spot would end a database's only client", "programs that need an Intel processor"),
)

MANY_GATEWAYS = Rule(
    id="COST-09",
    name="many-nat-gateways",
    severity="medium",
    what="A network has a NAT gateway in each zone",
    why="Each costs as much as a small database, idle or not.",
    fix="Set `natGateways: {strategy: Single}`, or `None` with endpoints.",
    refs=("FinOps:usage-optimization",),
    reads=(_VPC,),
    violated=_on_trial(_gateways),
    passes=(
        example(_VPC, {"natGateways": {"strategy": "Single"}}),
        example(_VPC, {"natGateways": {"strategy": "None"}}),
        example(_VPC, {}, environment="prod"),
    ),
    fails=(example(_VPC, {}), example(_VPC, {"natGateways": {"strategy": "OnePerAz"}})),
    misses=("several NatGateways of one program: a rule sees one resource at a time", "prod, where a zone may fail"),
)

HOARDED = Rule(
    id="COST-10",
    name="data-nobody-deletes",
    severity="low",
    what="Old versions, unfinished uploads or logs of trials are kept and paid for",
    fix="Give a life cycle rule that is in force; keep logs outside prod for weeks, not years.",
    refs=("CKV_AWS_300", "CKV2_AWS_61", "FSBP:S3.13"),
    reads=tuple(_HOARDS),
    violated=by_type(_HOARDS),
    passes=(
        example(
            _LIFECYCLE, {"rules": [{"status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 30.0}}]}
        ),
        example(_LIFECYCLE, {"rules": [{"status": "Enabled", "expiration": UNKNOWN}]}),
        example(_POLICY, {"policy": {"rules": [{"name": "old", "enabled": True, "type": "Lifecycle"}]}}),
        example(_GROUP, {"retentionInDays": 30.0}),
        example(_GROUP, {"retentionInDays": 365.0}, environment="prod"),
    ),
    fails=(
        example(_LIFECYCLE, {"rules": []}),
        example(_LIFECYCLE, {"rules": [{"status": "Disabled", "expiration": {"days": 1.0}}]}),
        example(_LIFECYCLE, {"rules": [{"status": "Enabled"}]}),
        example(_POLICY, {"policy": {"rules": [{"name": "old", "enabled": False}]}}),
        example(_GROUP, {"retentionInDays": 3653.0}),
        example(_WORKSPACE, {"retentionInDays": 730.0}),
    ),
    misses=("a bucket without any life cycle: that is a resource of its own", "old images in a registry"),
)

SILENT_BUDGET = Rule(
    id="COST-11",
    name="silent-budget",
    severity="medium",
    what="A budget of the cloud tells nobody when it is used up",
    fix="Give `notifications` with an address.",
    refs=("FinOps:budgeting",),
    reads=(_BUDGET, _AZURE_BUDGET),
    violated=_tells_nobody,
    passes=(
        example(_BUDGET, {"notifications": [{"threshold": 80.0, "subscriberEmailAddresses": ["a@example.org"]}]}),
        example(_BUDGET, {"notifications": [{"threshold": 80.0, "subscriberSnsTopicArns": [UNKNOWN]}]}),
        example(_AZURE_BUDGET, {"notifications": {"threshold": {"enabled": True, "contactEmails": ["a@example.org"]}}}),
    ),
    fails=(
        example(_BUDGET, {}),
        example(_BUDGET, {"notifications": [{"threshold": 80.0}]}),
        example(_AZURE_BUDGET, {"notifications": {"threshold": {"enabled": True, "contactEmails": []}}}),
    ),
    misses=("whether there is a budget at all (COST-12 asks a product for its own)",),
)
