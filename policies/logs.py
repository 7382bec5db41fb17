"""Rules on logs: that somebody can see later what happened, and for how long."""

from __future__ import annotations

from policies.pods import TASK, Container, a_task, each_container
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import (
    Check,
    at,
    by_type,
    either,
    every,
    given,
    in_prod,
    is_given,
    items,
    must,
    must_not,
    when,
    word,
)

_INSTANCE = "aws:rds/instance:Instance"
_CLUSTER = "aws:rds/cluster:Cluster"
_DOCUMENTS = "aws:docdb/cluster:Cluster"
_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
_SETTING = "azure-native:dbforpostgresql:Configuration"
_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_STAGE = "aws:apigatewayv2/stage:Stage"
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DIAGNOSTICS = "azure-native:monitor:DiagnosticSetting"
_EKS = "aws:eks/cluster:Cluster"
_TRAIL = "aws:cloudtrail/trail:Trail"
_AKS = "azure-native:containerservice:ManagedCluster"
_APPS = "azure-native:app:ManagedEnvironment"
_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_WORKSPACE = "azure-native:operationalinsights:Workspace"
_EMR = "aws:emr/cluster:Cluster"
_PLANES = ("api", "audit", "authenticator")
_SAID = ("log_connections", "log_disconnections", "log_checkpoints", "pgaudit.log")
_LEAST_DAYS = 30
"""Days that logs of prod are kept at least: half of all break-ins are noticed after 10 or more (M-Trends 2024)."""


def _silenced(resource: Resource) -> str | None:
    """A setting that turns a database's log off."""
    if resource.type == _PARAMETERS:
        for parameter in items(resource.props.get("parameters")):
            if parameter.get("name") in _SAID and word(parameter.get("value")) in ("0", "off", "false", "none"):
                return f"`{parameter.get('name')}` is off"
        return None
    if resource.type == _SETTING:
        off = resource.props.get("configurationName") in _SAID and word(resource.props.get("value")) in ("off", "none")
        return f"`{resource.props.get('configurationName')}` is off" if off else None
    for name, value in (resource.props.get("settings") or {}).items():
        if name in _SAID and word(value) in ("0", "off", "false", "none"):
            return f"`settings.{name}` is off"
    return None


def _exports(resource: Resource) -> str | None:
    return None if is_given(resource.props, "enabledCloudwatchLogsExports") else "no `enabledCloudwatchLogsExports`"


def _enabled_logs(resource: Resource) -> str | None:
    """A diagnostic setting that sends some log somewhere."""
    if not any(log.get("enabled") is True for log in items(resource.props.get("logs")) if isinstance(log, dict)):
        return "no log is enabled"
    places = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")
    return None if any(is_given(resource.props, place) for place in places) else "it sends to nowhere"


def _planes(resource: Resource) -> str | None:
    kinds = items(resource.props.get("enabledClusterLogTypes"))
    missing = [kind for kind in _PLANES if kind not in kinds]
    return f"`enabledClusterLogTypes` lacks {', '.join(missing)}" if missing else None


def _unlogged(container: Container) -> str | None:
    return None if at(container.props, "logConfiguration.logDriver") else "no `logConfiguration`"


def _kept(resource: Resource) -> str | None:
    days = resource.props.get("retentionInDays")
    least = _LEAST_DAYS if in_prod(resource) else 1
    return (
        None if isinstance(days, int | float) and days >= least else f"`retentionInDays` is not given, or below {least}"
    )


_DATABASES: dict[str, Check] = {
    _INSTANCE: _exports,
    _CLUSTER: _exports,
    _DOCUMENTS: _exports,
    "aws:neptune/cluster:Cluster": given("enableCloudwatchLogsExports"),
    _PARAMETERS: _silenced,
    _SETTING: _silenced,
    "mesh:index:PostgresServer": _silenced,
}

_ACCESS: dict[str, Check] = {
    _BALANCER: when(lambda r: word(r.props.get("loadBalancerType")) != "gateway", must("accessLogs.enabled", True)),
    _STAGE: given("accessLogSettings"),
    "aws:apigateway/stage:Stage": given("accessLogSettings"),
    _DISTRIBUTION: given("loggingConfig"),
    _DIAGNOSTICS: _enabled_logs,
}

_CONTROL: dict[str, Check] = {
    _EKS: _planes,
    _TRAIL: every(must_not("enableLogging", False), must("enableLogFileValidation", True)),
    _AKS: either(
        must("addonProfiles.omsagent.enabled", True), must("securityProfile.defender.securityMonitoring.enabled", True)
    ),
    _APPS: must("appLogsConfiguration.destination", "azure-monitor", "log-analytics"),
    TASK: each_container(ecs=_unlogged),
}

SILENT_DATABASE = Rule(
    id="LOG-01",
    name="silent-database",
    severity="medium",
    what="A database keeps no log that outlives it, or its log is turned off",
    fix="Give `enabledCloudwatchLogsExports`; leave log_connections and pgaudit on.",
    refs=("CKV_AWS_129", "CKV_AWS_324", "CKV_AZURE_30", "CKV_AZURE_31", "FSBP:RDS.9", "ASB:LT-3"),
    reads=tuple(_DATABASES),
    violated=by_type(_DATABASES),
    passes=(
        example(_INSTANCE, {"enabledCloudwatchLogsExports": ["postgresql"]}),
        example(_INSTANCE, {"enabledCloudwatchLogsExports": UNKNOWN}),
        example(_PARAMETERS, {"parameters": [{"name": "log_connections", "value": "1"}]}),
        example(_SETTING, {"configurationName": "require_secure_transport", "value": "off"}),
        example("mesh:index:PostgresServer", {"settings": {"max_connections": "100"}}),
    ),
    fails=(
        example(_INSTANCE, {}),
        example(_CLUSTER, {"enabledCloudwatchLogsExports": []}),
        example(_PARAMETERS, {"parameters": [{"name": "log_connections", "value": "0"}]}),
        example(_SETTING, {"configurationName": "log_connections", "value": "OFF"}),
        example("mesh:index:PostgresServer", {"settings": {"log_connections": "off"}}),
    ),
    misses=("an Azure server without a diagnostic setting, which is a resource of its own", "what the log says"),
)

NO_ACCESS_LOG = Rule(
    id="LOG-02",
    name="no-access-log",
    severity="medium",
    what="Nobody can see later who called",
    fix="Set `accessLogs: {bucket, enabled: true}`, `accessLogSettings`, or a log of the diagnostic setting.",
    refs=("CKV_AWS_18", "CKV_AWS_91", "CKV_AWS_76", "CKV_AWS_86", "FSBP:ELB.5", "ASB:LT-3"),
    reads=tuple(_ACCESS),
    violated=by_type(_ACCESS),
    passes=(
        example(_BALANCER, {"accessLogs": {"bucket": "logs", "enabled": True}}),
        example(_BALANCER, {"loadBalancerType": "gateway"}),
        example(_STAGE, {"accessLogSettings": UNKNOWN}),
        example(_DIAGNOSTICS, {"logs": [{"enabled": True, "categoryGroup": "audit"}], "workspaceId": UNKNOWN}),
    ),
    fails=(
        example(_BALANCER, {}),
        example(_BALANCER, {"accessLogs": {"bucket": "logs", "enabled": False}}),
        example(_STAGE, {}),
        example(_DISTRIBUTION, {}),
        example(_DIAGNOSTICS, {"logs": [{"enabled": False}], "workspaceId": "x"}),
        example(_DIAGNOSTICS, {"logs": [{"enabled": True}]}),
    ),
    misses=("a bucket without BucketLogging, an account without a diagnostic setting: resources of their own",),
)

NO_CONTROL_LOG = Rule(
    id="LOG-03",
    name="no-control-plane-log",
    severity="medium",
    what="What was changed in a cluster, or what its programs said, is written nowhere",
    fix="Log api, audit and authenticator; give containers a `logConfiguration`, an environment a destination.",
    refs=("CKV_AWS_37", "CKV_AZURE_4", "CKV_AWS_36", "FSBP:EKS.8", "FSBP:ECS.9"),
    reads=tuple(_CONTROL),
    violated=by_type(_CONTROL),
    passes=(
        example(_EKS, {"enabledClusterLogTypes": ["api", "audit", "authenticator"]}),
        example(_TRAIL, {"enableLogFileValidation": True}),
        example(_AKS, {"addonProfiles": {"omsagent": {"enabled": True}}}),
        example(_APPS, {"appLogsConfiguration": {"destination": "azure-monitor"}}),
        a_task(),
    ),
    fails=(
        example(_EKS, {}),
        example(_EKS, {"enabledClusterLogTypes": ["api"]}),
        example(_TRAIL, {"enableLogging": False, "enableLogFileValidation": True}),
        example(_AKS, {}),
        example(_APPS, {}),
        a_task({"logConfiguration": None}),
    ),
    misses=("a cluster whose owner logs it elsewhere", "an AKS cluster logged by a diagnostic setting alone"),
)

NO_RETENTION = Rule(
    id="LOG-04",
    name="no-log-retention",
    severity="medium",
    what="Logs are kept for ever, or for too short a time to notice anything",
    fix=f"Set `retentionInDays` (in prod {_LEAST_DAYS} or more).",
    refs=("CKV_AWS_66", "FSBP:CloudWatch.16", "GDPR Art. 5"),
    reads=(_GROUP, _WORKSPACE),
    violated=_kept,
    passes=(example(_GROUP, {"retentionInDays": 7.0}), example(_WORKSPACE, {"retentionInDays": 30.0})),
    fails=(
        example(_GROUP, {}),
        example(_GROUP, {"retentionInDays": 0.0}),
        example(_GROUP, {"retentionInDays": 7.0}, environment="prod"),
        example(_WORKSPACE, {}),
    ),
    misses=("logs of containers on Kubernetes and Docker, which their engine keeps", "files in a bucket for logs"),
)

NO_CLUSTER_LOG = Rule(
    id="LOG-05",
    name="cluster-without-log-uri",
    severity="low",
    what="What a Spark job said ends with its cluster",
    fix="Give `logUri`.",
    reads=(_EMR,),
    violated=given("logUri"),
    passes=(example(_EMR, {"logUri": UNKNOWN}), example(_EMR, {"logUri": "s3://logs/emr/"})),
    fails=(example(_EMR, {}), example(_EMR, {"logUri": ""})),
    misses=("EMR Serverless, which keeps logs by itself", "Databricks and Synapse"),
)
