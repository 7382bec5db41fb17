"""Rules on data on its way: pages without TLS, and versions of it that are broken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import Check, at, by_type, each, every, examples, is_given, items, must, must_not, when, word

LISTENER, INGRESS = "aws:lb/listener:Listener", "kubernetes:networking.k8s.io/v1:Ingress"
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
ACCOUNT, APP = "azure-native:storage:StorageAccount", "azure-native:app:ContainerApp"
CDN, DOMAIN = "aws:cloudfront/distribution:Distribution", "aws:opensearch/domain:Domain"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
PG_CONFIGURATION = "azure-native:dbforpostgresql:Configuration"
SINGLE = "azure-native:dbforpostgresql:SingleServer"
REDIS = "azure-native:redis:Redis"

_LISTENER_POLICY = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)(-.*)?")
_CDN_VERSION = re.compile(r"TLSv1\.[23](_\d{4})?")


def _old_listener(resource: Resource) -> str | None:
    if str(resource.props.get("protocol") or "").upper() not in ("HTTPS", "TLS"):
        return None
    policy = str(resource.props.get("sslPolicy") or "")
    return None if _LISTENER_POLICY.fullmatch(policy) else "`sslPolicy` lets older versions in"


def _old_cdn(resource: Resource) -> str | None:
    version = str(at(resource.props, "viewerCertificate.minimumProtocolVersion") or "")
    return (
        None if _CDN_VERSION.fullmatch(version) else "`viewerCertificate.minimumProtocolVersion` is not `TLSv1.2_2021`"
    )


def parameters(resource: Resource) -> Mapping[str, Any]:
    """The parameters of a group by name, their values in small letters."""
    pairs = [(one.get("name"), word(str(one.get("value")))) for one in items(resource.props.get("parameters"))]
    return {str(name): value for name, value in pairs}


def _old_parameters(resource: Resource) -> str | None:
    version = parameters(resource).get("ssl_min_protocol_version")
    return "`ssl_min_protocol_version` is older" if version in ("tlsv1", "tlsv1.1") else None


_MINIMUM = must("minimumTlsVersion", "1.2", "1.3")
_API = re.compile(r"TLS_1_[23]|SecurityPolicy_TLS1[23]_.*")


def _old_api(path: str) -> Check:
    def check(resource: Resource) -> str | None:
        return None if _API.fullmatch(str(at(resource.props, path) or "")) else f"`{path}` is not `TLS_1_2`"

    return check


VERSIONS = {
    LISTENER: _old_listener,
    "aws:alb/listener:Listener": _old_listener,
    "aws:apigateway/domainName:DomainName": _old_api("securityPolicy"),
    "aws:apigatewayv2/domainName:DomainName": _old_api("domainNameConfiguration.securityPolicy"),
    CDN: _old_cdn,
    DOMAIN: must(
        "domainEndpointOptions.tlsSecurityPolicy",
        "Policy-Min-TLS-1-2-2019-07",
        "Policy-Min-TLS-1-2-PFS-2023-10",
        "Policy-Min-TLS-1-2-RFC9151-FIPS-2024-08",
    ),
    PARAMETERS: _old_parameters,
    ACCOUNT: must("minimumTlsVersion", "TLS1_2", "TLS1_3"),
    "azure-native:sql:Server": must("minimalTlsVersion", "1.2", "1.3"),
    "azure-native:cosmosdb:DatabaseAccount": must("minimalTlsVersion", "Tls12"),
    REDIS: _MINIMUM,
    "azure-native:eventhub:Namespace": _MINIMUM,
    "azure-native:servicebus:Namespace": _MINIMUM,
    "azure-native:web:WebApp": must_not("siteConfig.minTlsVersion", "1.0", "1.1"),
    SINGLE: must("properties.minimalTlsVersion", "TLS1_2"),
    "azure-native:dbformysql:SingleServer": must("properties.minimalTlsVersion", "TLS1_2"),
    PG_CONFIGURATION: when(
        lambda r: r.props.get("configurationName") == "ssl_min_protocol_version", must("value", "TLSv1.2", "TLSv1.3")
    ),
}


def _plain_listener(resource: Resource) -> str | None:
    """HTTP is right where everything is sent on to HTTPS; TCP and UDP are not ours to read."""
    protocol = str(resource.props.get("protocol") or "HTTP").upper()
    if protocol != "HTTP" or not (is_given(resource.props, "protocol") or is_given(resource.props, "port")):
        return None  # a gateway's listener says neither
    actions = items(resource.props.get("defaultActions"))
    sent_on = [str(at(action, "redirect.protocol") or "").upper() == "HTTPS" for action in actions]
    return None if sent_on and all(sent_on) else "`protocol` is `HTTP` and nothing is sent on to HTTPS"


def _plain_ingress(resource: Resource) -> str | None:
    """A host is covered by its own name or by the `*.` above it; a rule without a host takes every name."""
    spec = resource.props.get("spec") or {}
    covered = [str(host) for entry in items(spec.get("tls")) for host in items(entry.get("hosts"))]
    if not items(spec.get("tls")):
        return "`spec.tls` is not given"
    for rule in items(spec.get("rules")):
        host = str(rule.get("host") or "")
        if covered and host not in covered and f"*.{host.partition('.')[2]}" not in covered:
            return "a host of `spec.rules` stands in no `spec.tls`"
    return None


_VIEWERS = must("viewerProtocolPolicy", "redirect-to-https", "https-only")
_BEHAVIOUR = must("defaultCacheBehavior.viewerProtocolPolicy", "redirect-to-https", "https-only")
HTTP = {
    LISTENER: _plain_listener,
    "aws:alb/listener:Listener": _plain_listener,
    INGRESS: _plain_ingress,
    GATEWAY: each("spec.listeners", must("protocol", "HTTPS", "TLS")),
    CDN: every(_BEHAVIOUR, each("orderedCacheBehaviors", _VIEWERS)),
    DOMAIN: must("domainEndpointOptions.enforceHttps", True),
    APP: must_not("configuration.ingress.allowInsecure", True),
    "azure-native:web:WebApp": must("httpsOnly", True),
    "azure-native:cdn:Endpoint": must("isHttpAllowed", False),
}

OUTDATED_TLS = Rule(
    id="TLS-02",
    name="outdated-tls",
    severity="high",
    what="Something still speaks TLS older than 1.2",
    why="TLS 1.0 and 1.1 are broken (RFC 8996).",
    fix="Choose a policy or a minimum of TLS 1.2 or 1.3; where nothing is said, several clouds take 1.0.",
    refs=("CKV_AWS_103", "CKV_AWS_206", "CKV_AWS_174", "CKV_AZURE_44", "FSBP ELB.17", "ASB NS-8", "GDPR Art. 32"),
    reads=tuple(VERSIONS),
    violated=by_type(VERSIONS),
    passes=(
        *examples(
            LISTENER,
            {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "certificateArn": UNKNOWN},
            {"protocol": "HTTP", "port": 80.0},
            {"protocol": "TLS", "sslPolicy": "ELBSecurityPolicy-FS-1-2-Res-2019-08"},
        ),
        *examples(ACCOUNT, {"minimumTlsVersion": "TLS1_2", "accountName": UNKNOWN}),
        *examples(CDN, {"viewerCertificate": {"minimumProtocolVersion": "TLSv1.2_2021"}}),
        *examples(PARAMETERS, {"parameters": [{"name": "rds.force_ssl", "value": "1"}]}),
        *examples(REDIS, {"minimumTlsVersion": "1.2"}),
        *examples("aws:apigateway/domainName:DomainName", {"securityPolicy": "TLS_1_2"}),
        *examples(
            PG_CONFIGURATION,
            {"configurationName": "ssl_min_protocol_version", "value": "TLSv1.3"},
            {"configurationName": "work_mem", "value": "4096"},
        ),
    ),
    fails=(
        *examples(
            LISTENER,
            {"protocol": "HTTPS", "certificateArn": UNKNOWN},
            {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"},
            {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-0-2021-06"},
        ),
        *examples(ACCOUNT, {}, {"minimumTlsVersion": "TLS1_0"}),
        *examples(CDN, {"viewerCertificate": {"cloudfrontDefaultCertificate": True}}),
        *examples(DOMAIN, {"domainEndpointOptions": {"tlsSecurityPolicy": "Policy-Min-TLS-1-0-2019-07"}}),
        *examples(PARAMETERS, {"parameters": [{"name": "ssl_min_protocol_version", "value": "TLSv1.1"}]}),
        *examples("azure-native:sql:Server", {"minimalTlsVersion": "None"}),
        *examples(REDIS, {"minimumTlsVersion": "1.0"}),
        *examples(PG_CONFIGURATION, {"configurationName": "ssl_min_protocol_version", "value": "TLSv1"}),
    ),
    misses=("what an Ingress controller, a program in a container or a certificate's own settings allow",),
)

PLAIN_HTTP = Rule(
    id="TLS-03",
    name="plain-http",
    severity="high",
    what="Pages are shown without TLS",
    why="Logins and data can be read and changed by whoever is on the way.",
    fix="Listen with HTTPS and send HTTP on; give an Ingress `tls` for each of its hosts.",
    refs=("CKV_AWS_2", "CKV_AWS_34", "CKV_AZURE_14", "GK httpsonly", "FSBP ELB.1", "ASB DP-3", "GDPR Art. 32"),
    reads=tuple(HTTP),
    violated=by_type(HTTP),
    passes=(
        *examples(
            LISTENER,
            {"protocol": "HTTPS", "loadBalancerArn": UNKNOWN},
            {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]},
            {"protocol": "TCP", "port": 5432.0},
        ),
        *examples(
            INGRESS,
            {"spec": {"rules": [{"host": "a.example.org"}], "tls": [{"hosts": ["a.example.org"]}]}},
            {"spec": {"rules": [{"host": "a.example.org"}], "tls": [{"hosts": ["*.example.org"]}]}},
            {"spec": {"rules": [{"host": "a.example.org"}], "tls": [{"secretName": UNKNOWN}]}},
        ),
        *examples(APP, {"configuration": {"ingress": {"allowInsecure": False}}}, {"configuration": {}}),
        *examples(CDN, {"defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"}}),
    ),
    fails=(
        *examples(
            LISTENER,
            {"protocol": "HTTP", "loadBalancerArn": UNKNOWN, "defaultActions": [{"type": "forward"}]},
            {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTP"}}]},
            {"port": 80.0},
        ),
        *examples(
            INGRESS,
            {"spec": {"rules": [{"host": "a.example.org"}]}},
            {"spec": {"rules": [{"host": "b.example.org"}], "tls": [{"hosts": ["a.example.org"]}]}},
            {"spec": {"rules": [{"http": {}}], "tls": [{"hosts": ["a.example.org"]}]}},
        ),
        *examples(APP, {"configuration": {"ingress": {"allowInsecure": True}}}),
        *examples(GATEWAY, {"spec": {"listeners": [{"name": "web", "protocol": "HTTP", "port": 80.0}]}}),
        *examples(
            CDN,
            {
                "defaultCacheBehavior": {"viewerProtocolPolicy": "https-only"},
                "orderedCacheBehaviors": [{"viewerProtocolPolicy": "allow-all"}],
            },
        ),
        *examples("azure-native:web:WebApp", {}),
    ),
    misses=(
        "the way from a load balancer or an Ingress controller to the pages behind it",
        "a controller that shows pages over HTTP beside HTTPS; most send it on",
        "listeners of TCP, and HTTP listeners whose rules, not their default, send pages out",
    ),
)
