"""Rules on who can reach a program, and how callers prove who they are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import Check, at, either, every, examples, given, must, must_not, when

SERVERS = ("mesh:index:Process", "mesh:index:PostgresServer", "mesh:index:ObjectStore")
SERVICE, URL = "mesh:data:Service", "aws:lambda/functionUrl:FunctionUrl"
PERMISSION, METHOD = "aws:lambda/permission:Permission", "aws:apigateway/method:Method"
ROUTE, APP_AUTH = "aws:apigatewayv2/route:Route", "azure-native:app:ContainerAppsAuthConfig"
_PROVES = ("password", "token", "tls")
_EVERYWHERE = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]|(?<![\w:])::(?![\w:])")
_INTERFACES = re.compile(r"superset|dask|spark|jupyter|airflow", re.IGNORECASE)


def is_loopback(address: str) -> bool:
    """Whether an address reaches this machine only. An empty one means every interface."""
    return address in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", address) is not None


def _bind(resource: Resource) -> str:
    return str(resource.props.get("bind", "127.0.0.1"))


def _proof(resource: Resource) -> str:
    """How callers prove who they are. PostgreSQL and the object store know only passwords."""
    if resource.type == "mesh:index:PostgresServer":
        return "password" if resource.props.get("password") else "none"
    if resource.type == "mesh:index:ObjectStore":
        return "password" if resource.props.get("secretKey") else "none"
    return str(resource.props.get("authentication") or "none")


_ASKS = must_not("globalValidation.unauthenticatedClientAction", "AllowAnonymous")
FUNCTIONS: Mapping[str, Check] = {
    URL: must("authorizationType", "AWS_IAM"),
    PERMISSION: when(
        lambda r: r.props.get("principal") == "*",
        either(
            must("functionUrlAuthType", "AWS_IAM"), given("principalOrgId"), given("sourceAccount"), given("sourceArn")
        ),
    ),
    METHOD: when(
        lambda r: r.props.get("httpMethod") != "OPTIONS",  # what a browser asks before it may send who it is
        either(must_not("authorization", "NONE"), must("apiKeyRequired", True)),
    ),
    ROUTE: when(
        lambda r: re.match(r"\$connect|(?!OPTIONS )\w+ /", str(r.props.get("routeKey"))) is not None,
        must("authorizationType", "AWS_IAM", "JWT", "CUSTOM"),
    ),
    APP_AUTH: every(_ASKS, must_not("platform.enabled", False)),
    "azure-native:web:WebAppAuthSettingsV2": every(_ASKS, must("globalValidation.requireAuthentication", True)),
}


def _open(resource: Resource) -> str | None:
    if resource.type in FUNCTIONS:
        return FUNCTIONS[resource.type](resource)
    bind = _bind(resource)
    if is_loopback(bind) or _proof(resource) in _PROVES:
        return None
    return f"`bind` is `{bind}`, authentication is `{_proof(resource)}`"


def _unencrypted(resource: Resource) -> str | None:
    if resource.tags.get("classification") not in ("confidential", "restricted") or is_loopback(_bind(resource)):
        return None
    return f"`bind` is `{_bind(resource)}`" if _proof(resource) != "tls" else None


def _everywhere(resource: Resource) -> str | None:
    for number, word in enumerate(resource.props.get("command") or (), start=1):
        if _EVERYWHERE.search(str(word)):
            return f"word {number} of `command`"
    for name, value in (resource.props.get("variables") or {}).items():
        if isinstance(value, str) and _EVERYWHERE.search(value):
            return f"`variables.{name}`"
    return None


def _public(resource: Resource) -> str | None:
    args = resource.props.get("args") or {}
    open_to_all = [name for name, endpoint in (args.get("endpoints") or {}).items() if endpoint.get("public")]
    if not open_to_all:
        return None
    if args.get("authentication") not in _PROVES:
        return f"endpoint `{open_to_all[0]}` is public, authentication is `{args.get('authentication')}`"
    classification = resource.tags.get("classification")
    if classification in ("confidential", "restricted"):
        return f"endpoint `{open_to_all[0]}` is public, the product is {classification}"
    return None


def _service(endpoint: dict[str, bool], authentication: str, classification: str) -> Resource:
    args = {"endpoints": {"web": endpoint}, "authentication": authentication}
    return example("mesh:data:Service", {"args": args, "tags": {"classification": classification}})


def _interface(resource: Resource) -> str | None:
    """A Service is the same on every target; a Process is what the local one makes of it."""
    told = at(resource.props, "args") or {} if resource.type == SERVICE else resource.props
    proof = str(told.get("authentication") or "none")
    if proof in _PROVES:
        return None
    words = " ".join(str(word) for word in told.get("command") or ())
    software = _INTERFACES.search(f"{resource.name} {at(told, 'software.name') or ''} {words}")
    return f"{software[0].lower()}, authentication is `{proof}`" if software else None


OPEN_SERVICE = Rule(
    id="PUB-07",
    name="open-without-authentication",
    severity="critical",
    what="A service listens beyond this machine and asks nobody who they are",
    fix="Set `authentication` to password, token or tls, or leave `bind` at 127.0.0.1; a function asks by `AWS_IAM`.",
    refs=("CKV_AWS_258", "CKV_AWS_301", "CKV_AWS_59", "CKV_AWS_309", "FSBP Lambda.1", "CWE-306"),
    reads=(*SERVERS, *FUNCTIONS),
    violated=_open,
    passes=(
        example("mesh:index:Process", {"bind": "127.0.0.1", "authentication": "none"}),
        example("mesh:index:Process", {"authentication": "none"}),
        example("mesh:index:Process", {"bind": "10.0.0.5", "authentication": "token"}),
        example("mesh:index:PostgresServer", {"bind": "0.0.0.0", "password": "given"}),
        *examples(URL, {"authorizationType": "AWS_IAM", "functionName": UNKNOWN}),
        *examples(PERMISSION, {"principal": "s3.amazonaws.com"}, {"principal": "*", "principalOrgId": UNKNOWN}),
        *examples(METHOD, {"authorization": "AWS_IAM"}, {"authorization": "NONE", "httpMethod": "OPTIONS"}),
        *examples(ROUTE, {"routeKey": "GET /a", "authorizationType": "JWT"}, {"routeKey": "$disconnect"}),
        *examples(APP_AUTH, {"globalValidation": {"unauthenticatedClientAction": "Return401"}}),
    ),
    fails=(
        example("mesh:index:Process", {"bind": "0.0.0.0", "authentication": "none"}),
        example("mesh:index:Process", {"bind": "", "authentication": "none"}),
        example("mesh:index:Process", {"bind": "10.0.0.5"}),
        example("mesh:index:PostgresServer", {"bind": "::"}),
        example("mesh:index:ObjectStore", {"bind": "192.168.1.4", "accessKey": "x"}),
        *examples(URL, {"authorizationType": "NONE", "functionName": UNKNOWN}),
        *examples(PERMISSION, {"principal": "*"}, {"principal": "*", "functionUrlAuthType": "NONE"}),
        *examples(METHOD, {"authorization": "NONE", "httpMethod": "GET", "restApi": UNKNOWN}),
        *examples(ROUTE, {"routeKey": "GET /a"}, {"routeKey": "$connect", "authorizationType": "NONE"}),
        *examples(APP_AUTH, {"globalValidation": {"unauthenticatedClientAction": "AllowAnonymous"}}),
    ),
    misses=(
        "a program that listens elsewhere than its `bind` says (PUB-08 sees the plain cases)",
        "functions on Azure, whose triggers ask by themselves, and `$default` routes",
        "a method of a private API, which is refused all the same",
    ),
)

HARD_CODED_BIND = Rule(
    id="PUB-08",
    name="hard-coded-bind-address",
    severity="high",
    what="A program is told to listen on every interface, past its `bind`",
    fix="Write `{{<endpoint>.host}}` where the address stands; the target fills it in.",
    refs=("CWE-1327",),
    reads=("mesh:index:Process",),
    violated=_everywhere,
    passes=(
        example("mesh:index:Process", {"command": ["serve", "--host", "{{web.host}}"], "variables": {"V": "10.0.0.0"}}),
        example("mesh:index:Process", {"command": ["python", "-m", "a::b"], "variables": {"SCOPE": "a::b"}}),
    ),
    fails=(
        example("mesh:index:Process", {"command": ["serve", "--host=0.0.0.0"]}),
        example("mesh:index:Process", {"command": ["serve", "--host", "::"]}),
        example("mesh:index:Process", {"command": ["serve"], "variables": {"BIND": "0.0.0.0:8088"}}),
    ),
    misses=("addresses in files",),
)

UNAUTHENTICATED_INTERFACE = Rule(
    id="PUB-09",
    name="unauthenticated-interface",
    severity="high",
    what="Superset, Dask, Spark, Jupyter or Airflow takes commands from whoever connects",
    why="Each of them runs code for its callers; on a shared machine loopback is no protection either.",
    fix="Set `authentication` to password, token or tls and configure the software so.",
    reads=("mesh:index:Process", SERVICE),
    violated=_interface,
    passes=(
        example("mesh:index:Process", {"command": ["superset", "run"], "authentication": "password"}),
        example("mesh:index:Process", {"command": ["dask", "scheduler"], "authentication": "tls"}),
        example("mesh:index:Process", {"command": ["python", "scheduler.py"], "authentication": "none"}),
        *examples(SERVICE, {"args": {"software": {"name": "superset"}, "authentication": "password"}}),
        *examples(SERVICE, {"args": {"software": {"name": "web"}, "command": ["serve"], "authentication": "none"}}),
    ),
    fails=(
        example("mesh:index:Process", {"command": ["superset", "run"]}),
        example("mesh:index:Process", {"command": ["dask", "scheduler"], "authentication": "none"}),
        example("mesh:index:Process", {"command": ["x/bin/spark-class", "Master"], "authentication": "none"}),
        *examples(SERVICE, {"args": {"software": {"name": "superset"}, "authentication": "none"}}),
        *examples(SERVICE, {"args": {"command": ["jupyter", "lab"], "endpoints": UNKNOWN}}),
    ),
    misses=(
        "whether the software really asks: the input is what its component declares (PUB-12 sees what switches it off)",
        "TLS: inside a stack's network pages are plain, their way to people is TLS-03's",
    ),
)

PUBLIC_ENDPOINT = Rule(
    id="PUB-10",
    name="public-endpoint",
    severity="critical",
    what="The internet may open a service with confidential or restricted data, or one that asks nobody who they are",
    fix="Take `public` out of the manifest's parameters, or set `authentication` on the service.",
    refs=("CWE-284", "GDPR Art. 32"),
    reads=("mesh:data:Service",),
    violated=_public,
    passes=(
        _service({"public": False}, "none", "restricted"),
        _service({"public": True}, "password", "internal"),
    ),
    fails=(
        _service({"public": True}, "none", "public"),
        _service({"public": True}, "password", "confidential"),
        _service({"public": True}, "token", "restricted"),
    ),
    misses=("what somebody publishes outside of Meshwright",),
)

UNENCRYPTED_CONFIDENTIAL = Rule(
    id="TLS-01",
    name="confidential-without-tls",
    severity="high",
    what="Confidential or restricted data leaves this machine unencrypted",
    fix="Set `authentication: tls`, or leave `bind` at 127.0.0.1.",
    refs=("GDPR Art. 32",),
    reads=SERVERS,
    violated=_unencrypted,
    passes=(
        example("mesh:index:Process", {"bind": "127.0.0.1", "tags": {"classification": "restricted"}}),
        example(
            "mesh:index:Process", {"bind": "0.0.0.0", "authentication": "tls", "tags": {"classification": "restricted"}}
        ),
        example(
            "mesh:index:PostgresServer", {"bind": "0.0.0.0", "password": "x", "tags": {"classification": "public"}}
        ),
    ),
    fails=(
        example(
            "mesh:index:Process", {"bind": "::", "authentication": "token", "tags": {"classification": "restricted"}}
        ),
        example(
            "mesh:index:PostgresServer",
            {"bind": "0.0.0.0", "password": "x", "tags": {"classification": "confidential"}},
        ),
    ),
    misses=("PostgreSQL with `ssl` in its settings, which is refused all the same",),
)
