"""Rules on containers that are shown past their network, or that let in whoever comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.pods import APP, DEPLOYMENT, DOCKER, PODS, RUN, TASK, Container, each_container
from policies.rule import UNKNOWN, Resource, Rule
from policies.shapes import at, examples, is_given, items, word

SERVICE, SWARM = "kubernetes:core/v1:Service", "docker:index/service:Service"
_WORDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "kubernetes": (("command", "args"), "env"),
    "azure": (("command", "args"), "env"),
    "ecs": (("entryPoint", "command"), "environment"),
    "docker": (("entrypoints", "command"), "envs"),
    "run": (("command",), "variables"),
}
"""Where each platform writes a container's command lines, and its variables."""
_INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "internal",
}
"""Annotations that keep a load balancer inside (each cloud controller's documentation)."""

_SWITCHED_OFF = {
    "Jupyter": r"\b(ServerApp|NotebookApp|IdentityProvider)\.(token|password)=(''|\"\"|\s|$)|^JUPYTER_TOKEN=$",
    "Spark": r"spark\.authenticate=false|^SPARK_RPC_AUTHENTICATION_ENABLED=no$",
    "Superset": r"^AUTH_ROLE_PUBLIC=\w+|^PUBLIC_ROLE_LIKE=\w+|^SUPERSET__?AUTH_ROLE_PUBLIC=\w+",
    "Airflow": r"^AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=true|^AIRFLOW__API__AUTH_BACKENDS=\S*backend\.default",
    "PostgreSQL": r"^POSTGRES_HOST_AUTH_METHOD=trust|--auth(-host)?[= ]trust",
    "MySQL": r"^(MYSQL|MARIADB)_ALLOW_EMPTY_(ROOT_)?PASSWORD=(yes|true|1)|--skip-grant-tables",
    "a Bitnami image": r"^ALLOW_EMPTY_PASSWORD=(yes|true|1)",
    "Redis": r"--protected-mode[= ]no\b",
    "OpenSearch": r"(xpack\.security\.enabled=false|^DISABLE_SECURITY_PLUGIN=true|plugins\.security\.disabled=true)",
    "code-server": r"--auth[= ]none\b",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _SWITCHED_OFF.items()}


def _published(resource: Resource) -> str | None:
    props = resource.props
    if resource.type == DOCKER:
        if word(props.get("publishAllPorts")) == "true":
            return "`publishAllPorts` is on"
        for number, port in enumerate(items(props.get("ports")), start=1):
            address = str(port.get("ip") or "0.0.0.0")
            if address in ("0.0.0.0", "::", "[::]"):
                return f"port {number} is shown on every interface"
        return None
    if resource.type == SWARM:
        return "`endpointSpec.ports` is shown on every node" if is_given(props, "endpointSpec.ports") else None
    kind = at(props, "spec.type")
    if is_given(props, "spec.externalIPs"):
        return "`spec.externalIPs` is given"
    if kind == "NodePort":
        return "`spec.type` is `NodePort`"
    if kind == "LoadBalancer":
        annotations = at(props, "metadata.annotations") or {}
        inside = any(word(annotations.get(name)) == value for name, value in _INTERNAL.items())
        return None if inside else "`spec.type` is `LoadBalancer`"
    return None


def _texts(container: Container) -> Iterator[str]:
    """Each command line as one text, each variable as NAME=value; one whose value is not known yet says nothing."""
    commands, variables = _WORDS[container.kind]
    for key in commands:
        yield " ".join(str(part) for part in _known(container.props.get(key)))
    found = container.props.get(variables)
    if isinstance(found, dict):
        found = [{"name": name, "value": value} for name, value in dict.items(found)]
    for variable in _known(found):
        if isinstance(variable, str):
            yield variable
        elif not variable.keys() & {"valueFrom", "secretRef"}:
            value = dict.get(variable, "value")
            yield f"{variable.get('name')}={'(unknown)' if value is UNKNOWN else value or ''}"


def _known(value: Any) -> list[Any]:
    """The items that are known; a switch stands in plain text, so the others are no switches."""
    return [item for item in list.__iter__(items(value)) if item is not UNKNOWN]


def _switched_off(container: Container) -> str | None:
    for text in _texts(container):
        for name, pattern in _PATTERNS.items():
            if pattern.search(text):
                return f"{name} is told to ask nobody"
    return None


def _pod(**container: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", **container}]}}}}


PUBLISHED_PORT = Rule(
    id="PUB-11",
    name="published-port",
    severity="high",
    what="A container's port is shown past the network it belongs to",
    why="It goes past the Ingress, its TLS and the network policies.",
    fix="Use a ClusterIP behind an Ingress with TLS; on Docker bind the port to 127.0.0.1 or one inner address.",
    refs=("GK block-nodeport-services", "GK block-loadbalancer-services", "CIS Docker 5.14", "ASB NS-2"),
    reads=(SERVICE, DOCKER, SWARM),
    violated=_published,
    passes=(
        *examples(
            SERVICE,
            {"spec": {"type": "ClusterIP", "ports": [{"port": 80.0}]}, "metadata": {"namespace": UNKNOWN}},
            {"spec": {"selector": {"a": "b"}}},
            {
                "spec": {"type": "LoadBalancer"},
                "metadata": {"annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}},
            },
        ),
        *examples(
            DOCKER,
            {"image": UNKNOWN},
            {"ports": [{"internal": 8088.0, "external": 8088.0, "ip": "127.0.0.1"}]},
            {"ports": [{"internal": 8088.0, "ip": "10.0.0.5"}]},
        ),
    ),
    fails=(
        *examples(
            SERVICE,
            {"spec": {"type": "NodePort"}, "metadata": {"namespace": UNKNOWN}},
            {"spec": {"type": "LoadBalancer"}},
            {"spec": {"type": "ClusterIP", "externalIPs": ["198.51.100.7"]}},
        ),
        *examples(
            DOCKER,
            {"ports": [{"internal": 5432.0, "external": 5432.0}], "image": UNKNOWN},
            {"ports": [{"internal": 1.0, "ip": "127.0.0.1"}, {"internal": 2.0, "ip": "0.0.0.0"}]},
            {"publishAllPorts": True},
        ),
        *examples(SWARM, {"endpointSpec": {"ports": [{"targetPort": 80.0}]}}),
    ),
    misses=(
        "a host port (CTR-02) and the host's own network (CTR-02)",
        "an Ingress controller's own service, which no stack declares",
        "a port that is shown on an inner address: then authentication is the component's to ask for (PUB-07, PUB-09)",
    ),
)

SWITCHED_OFF = Rule(
    id="PUB-12",
    name="authentication-switched-off",
    severity="high",
    what="A container is started with its software's own question for a password switched off",
    why="Each of them runs code or hands out data for its callers.",
    fix="Take the switch out and give the software a password or token by `secrets`.",
    refs=("CWE-306", "CWE-1188"),
    reads=PODS,
    violated=each_container(**dict.fromkeys(_WORDS, _switched_off)),
    passes=(
        *examples(DEPLOYMENT, _pod(command=["jupyter", "lab", "--port=8888"], env=[{"name": "A", "value": UNKNOWN}])),
        *examples(DEPLOYMENT, _pod(command=["start", UNKNOWN], env=[{"name": "JUPYTER_TOKEN", "value": UNKNOWN}])),
        *examples(DEPLOYMENT, _pod(env=[{"name": "JUPYTER_TOKEN", "valueFrom": {"secretKeyRef": UNKNOWN}}])),
        *examples(APP, {"template": {"containers": [{"env": [{"name": "JUPYTER_TOKEN", "secretRef": "token"}]}]}}),
        *examples(DOCKER, {"command": ["postgres"], "envs": ["POSTGRES_HOST_AUTH_METHOD=scram-sha-256"]}),
        *examples(TASK, {"containerDefinitions": '[{"command": ["spark-class", "Master"]}]'}),
        *examples(RUN, {"executor": "docker", "command": ["python", UNKNOWN], "variables": {"JUPYTER_TOKEN": UNKNOWN}}),
    ),
    fails=(
        *examples(
            DEPLOYMENT,
            _pod(command=["jupyter", "lab", "--ServerApp.token="], image=UNKNOWN),
            _pod(args=["lab", "--NotebookApp.password=''"]),
            _pod(env=[{"name": "AUTH_ROLE_PUBLIC", "value": "Admin"}, {"name": "A", "value": UNKNOWN}]),
        ),
        *examples(
            DOCKER, {"envs": ["POSTGRES_HOST_AUTH_METHOD=trust"]}, {"command": ["code-server", "--auth", "none"]}
        ),
        *examples(TASK, {"containerDefinitions": '[{"command": ["x", "--conf", "spark.authenticate=false"]}]'}),
        *examples(APP, {"template": {"containers": [{"env": [{"name": "JUPYTER_TOKEN", "value": ""}]}]}}),
        *examples(RUN, {"executor": "docker", "variables": {"ALLOW_EMPTY_PASSWORD": "yes", "A": UNKNOWN}}),
    ),
    misses=("a configuration file that says so", "switches of other software, and of versions to come"),
)
