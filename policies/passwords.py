"""Rules on secrets that are handed over: to a database, to a provider, out of a stack; and on how old they get."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from policies import literals
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import Check, absent, at, by_type, is_given, items

_INSTANCE = "aws:rds/instance:Instance"
_SERVER = "azure-native:dbforpostgresql:Server"
_CHOSEN = {
    _SERVER: "administratorLoginPassword",
    "azure-native:dbformysql:Server": "administratorLoginPassword",
    "azure-native:sql:Server": "administratorLoginPassword",
    "azure-native:synapse:Workspace": "sqlAdministratorLoginPassword",
    "mesh:index:PostgresServer": "password",
    "mesh:index:ObjectStore": "secretKey",
}
"""What can't make a password of its own, and where it takes one."""
_PROVIDERS = tuple(f"pulumi:providers:{name}" for name in ("aws", "azure-native", "kubernetes", "docker"))
_AWS, _AZURE, _KUBERNETES, _DOCKER = _PROVIDERS
_KEYS = {
    _AWS: ("accessKey", "secretKey", "token"),
    _AZURE: ("clientSecret", "clientCertificatePassword", "clientCertificatePath", "oidcToken"),
    _KUBERNETES: (),
    _DOCKER: ("keyMaterial",),
}
_IN_KUBECONFIG = re.compile(r"\b(?:token|client-key-data|password)[\"']?\s*:\s*[\"']?[^\s\"'{}]")
_LOGIN = re.compile(r"[\"']?password[\"']?\s*:\s*[\"'][^\"']")
_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
_VAULT_KEY = "azure-native:keyvault:Key"
_LONGEST_DAYS = 90
"""The most between two rotations (FSBP: SecretsManager.4, IAM.3)."""
_SHORTEST = 24


def _generated(text: str) -> bool:
    """Whether a password was made by a machine (at least 3.9 bits a character); a symbol of a recording stands for one.

    32 random letters and digits have more than 4.2 bits each, words have less than 3.8.
    """
    if text.startswith("${"):
        return True
    length = len(text)
    bits = -sum(n / length * math.log2(n / length) for n in Counter(text).values()) if length else 0
    return length >= _SHORTEST and bits >= 3.9 and not re.search(r"\s", text)


def _chosen(resource: Resource) -> str | None:
    key = _CHOSEN[resource.type]
    value = resource.props.get(key)
    if value in (None, "", "(secret)") or _generated(str(value)):
        return None
    return f"`{key}` is short, or chosen by hand"


def _handed(*keys: str) -> Check:
    def check(resource: Resource) -> str | None:
        return next((said for key in keys if (said := absent(key)(resource))), None)

    return check


_PASSWORDS: dict[str, Check] = {
    _INSTANCE: _handed("password", "passwordWo"),
    "aws:rds/cluster:Cluster": _handed("masterPassword", "masterPasswordWo"),
    "aws:docdb/cluster:Cluster": _handed("masterPassword", "masterPasswordWo"),
    "aws:redshift/cluster:Cluster": _handed("masterPassword", "masterPasswordWo"),
    "aws:redshiftserverless/namespace:Namespace": _handed("adminUserPassword", "adminUserPasswordWo"),
    **dict.fromkeys(_CHOSEN, _chosen),
}


def _in_provider(resource: Resource) -> str | None:
    props = resource.props
    for key in _KEYS.get(resource.type, ()):
        if is_given(props, key):
            return f"`{key}` is given"
    if resource.type == _KUBERNETES:
        text = props.get("kubeconfig")
        return "`kubeconfig` holds a credential" if _IN_KUBECONFIG.search(str(text or "")) else None
    if resource.type == _DOCKER:
        logins = props.get("registryAuth")
        if isinstance(logins, str):
            return "`registryAuth` holds a password" if _LOGIN.search(logins) else None
        for login in items(logins):
            if is_given(login, "password"):
                return "`registryAuth` holds a password"
    return None


def _seldom(resource: Resource) -> str | None:
    if resource.type == _ROTATION:
        days = at(resource.props, "rotationRules.automaticallyAfterDays")
        if at(resource.props, "rotationRules.scheduleExpression"):
            return None
        late = days is None or float(days) > _LONGEST_DAYS
        return f"`rotationRules.automaticallyAfterDays` is above {_LONGEST_DAYS}" if late else None
    rotates = at(resource.props, "properties.rotationPolicy.lifetimeActions")
    ends = at(resource.props, "properties.attributes.expires")
    return None if rotates or ends else "neither `rotationPolicy` nor `attributes.expires`"


def _bare(resource: Resource) -> str | None:
    for path, text in _told(resource.props, ""):
        name = path.rpartition(".")[2]
        if kind := literals.by_form(text):
            return f"`{path}` is {kind}"
        if literals.names_secret(name, bare_key=False) and literals.looks_random(text):
            return f"`{path}` is a literal value"
    return None


def _told(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of each text below a value; an unknown one is no text yet."""
    if isinstance(value, dict):
        for key, item in dict.items(value):
            yield from _told(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for item in list.__iter__(value):
            yield from _told(item, path)
    elif isinstance(value, str) and value is not UNKNOWN:
        yield path, value


_RANDOM = "canaryX7f3aQ9zR2bLm4Kp8Wd"

HANDED_PASSWORD = Rule(
    id="SEC-01",
    name="handed-database-password",
    severity="critical",
    what="A database's password is chosen in the program, though the database or Meshwright can make one",
    why="What a program chooses stands in the state, in the repository or in a head, and is never renewed.",
    fix="Set `manageMasterUserPassword: true`; where the cloud has no such thing, give a `Secret`.",
    refs=("CWE-259", "CWE-798", "ASB:IM-8"),
    reads=tuple(_PASSWORDS),
    violated=by_type(_PASSWORDS),
    passes=(
        example(_INSTANCE, {"manageMasterUserPassword": True}),
        example("aws:rds/cluster:Cluster", {"manageMasterUserPassword": True}),
        example(_SERVER, {"administratorLoginPassword": _RANDOM}),
        example(_SERVER, {"authConfig": {"passwordAuth": "Disabled"}}),
        example("mesh:index:PostgresServer", {"password": "${mesh:index:SecretValue::admin#value}"}),
        example("mesh:index:ObjectStore", {"secretKey": _RANDOM}),
    ),
    fails=(
        example(_INSTANCE, {"password": "canary-7f3a"}),
        example(_INSTANCE, {"password": UNKNOWN}),
        example("aws:rds/cluster:Cluster", {"masterPassword": _RANDOM}),
        example("aws:redshift/cluster:Cluster", {"masterPassword": "canary-7f3a"}),
        example(_SERVER, {"administratorLoginPassword": "canary-7f3a"}),
        example("mesh:index:PostgresServer", {"password": "canary"}),
        example("mesh:index:ObjectStore", {"secretKey": "canary-7f3a"}),
    ),
    misses=("a long random literal, where a password has to be given", "passwords of users that SQL makes"),
)

PROVIDER_SECRET = Rule(
    id="SEC-03",
    name="secret-in-provider-settings",
    severity="critical",
    what="A provider is given a key instead of an identity",
    why="It stands in every state file of the stack, and works from everywhere.",
    fix="Let the provider find its identity: a profile or a role, a managed identity, OIDC, a kubeconfig with `exec`.",
    refs=("CKV_AWS_41", "CWE-798"),
    reads=_PROVIDERS,
    violated=_in_provider,
    passes=(
        example(_AWS, {"region": "eu-west-1", "profile": "sales"}),
        example(_AZURE, {"useOidc": "true", "clientId": "x"}),
        example(_KUBERNETES, {"kubeconfig": "users: [{name: x, user: {exec: {command: aws}}}]"}),
        example(_KUBERNETES, {"context": "kind"}),
        example(_DOCKER, {"host": "unix:///var/run/docker.sock", "registryAuth": [{"address": "x"}]}),
    ),
    fails=(
        example(_AWS, {"accessKey": "AKIACANARYCANARYCANA", "secretKey": "canary"}),
        example(_AWS, {"secretKey": UNKNOWN}),
        example(_AZURE, {"clientSecret": "canary"}),
        example(_KUBERNETES, {"kubeconfig": "users:\n- user:\n    token: canary\n"}),
        example(_KUBERNETES, {"kubeconfig": '{"users": [{"user": {"client-key-data": "canary"}}]}'}),
        example(_DOCKER, {"registryAuth": '[{"address": "x", "password": "canary"}]'}),
        example(_DOCKER, {"registryAuth": [{"address": "x", "password": "canary"}]}),
    ),
    misses=("what a provider reads from the environment", "other providers"),
)

SELDOM_ROTATED = Rule(
    id="SEC-04",
    name="seldom-rotated-secret",
    severity="low",
    what="A secret or key is renewed seldom or never",
    fix=f"Rotate at least every {_LONGEST_DAYS} days; give a vault's key a rotation policy.",
    refs=("FSBP:SecretsManager.4", "CKV_AZURE_40"),
    reads=(_ROTATION, _VAULT_KEY),
    violated=_seldom,
    passes=(
        example(_ROTATION, {"rotationRules": {"automaticallyAfterDays": 30.0}}),
        example(_ROTATION, {"rotationRules": {"scheduleExpression": "rate(10 days)"}}),
        example(_VAULT_KEY, {"properties": {"rotationPolicy": {"lifetimeActions": [{"action": {"type": "rotate"}}]}}}),
    ),
    fails=(
        example(_ROTATION, {"rotationRules": {"automaticallyAfterDays": 365.0}}),
        example(_ROTATION, {"rotationRules": {}}),
        example(_VAULT_KEY, {"properties": {"kty": "RSA"}}),
    ),
    misses=("a secret without any rotation: that is a resource of its own", "rotation of AWS keys (ENC-08)"),
)

BARE_OUTPUT = Rule(
    id="SEC-05",
    name="unmarked-secret",
    severity="high",
    what="A secret stands in the clear in what a component or a stack tells the outside",
    why="Outputs are copied to other stacks, to the catalogue and to logs.",
    fix="Hand on a reference to the Secret; what must leave is made with `Output.secret`.",
    refs=("CWE-200", "CWE-532"),
    reads=("mesh:data:*", "pulumi:pulumi:Stack"),
    violated=_bare,
    passes=(
        example("mesh:data:External", {"args": {"database": {"password": "erp-login", "host": "db.example.org"}}}),
        example("mesh:data:Service", {"args": {"secrets": {"PASSWORD": {"component": "x--password"}}}}),
        example("pulumi:pulumi:Stack", {"password": "[secret]", "url": "https://db.example.org", "other": UNKNOWN}),
    ),
    fails=(
        example("mesh:data:External", {"args": {"database": {"password": _RANDOM}}}),
        example("mesh:data:Service", {"args": {"environment": {"DB": "postgresql://x:canary-7f3a@127.0.0.1/x"}}}),
        example("mesh:data:Product", {"ports": {"x": {"url": "https://u:canary-7f3a@example.org"}}}),
        example("pulumi:pulumi:Stack", {"other": UNKNOWN, "who": "AKIACANARYCANARYCANA"}),
    ),
    misses=("short secrets under an innocent name", "a stack's outputs, unless whoever runs the rules hands them over"),
)
