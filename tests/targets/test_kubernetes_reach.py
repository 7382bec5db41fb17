"""Who reaches whom on Kubernetes: for every pair of pods of the example, exactly what `uses` says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any

import pytest

from components.port import Port
from components.primitives import Endpoint
from components.targets import seaweedfs
from components.targets.kubernetes_network import internet, rule
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import COMPUTED, Recorded, _plain
from tests.conftest import LittleMesh
from tests.targets.network_policies import Pod, Rules, numbers
from tests.targets.recorded import Graph

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}
NAME = "app.kubernetes.io/name"
WEATHER = ("observations--warehouse.weather-dev.svc", 5432)
"""Where the port of the other stack is, which a recording can't know."""
EPHEMERAL = 40123
CHAINS = {
    "departures--load--run--schedule": (
        "departures--load--run",
        "delay-model--train--run",
        "route-stats--batch--driver--run",
    ),
    "observations--load--run--schedule": ("observations--load--run",),
}
"""The pods of schedules, and the jobs that run in them."""


@cache
def graph(stack: str) -> tuple[Recorded, ...]:
    return tuple(Program(Domain(stack), VALUES).recorded())


def specs(graph: tuple[Recorded, ...]) -> Iterator[Mapping[str, Any]]:
    """The template of every pod, those of JobRun and CronJob included."""
    for resource in graph:
        spec = (resource.inputs.get("manifest") or resource.inputs).get("spec") or {}
        if resource.type.endswith(":CronJob"):
            spec = spec["jobTemplate"]["spec"]
        if isinstance(spec, dict) and "template" in spec:
            yield spec["template"]


def pods(stack: str) -> list[Pod]:
    labels = [template["metadata"]["labels"] for template in specs(graph(stack))]
    return [Pod(each[NAME], stack, each) for each in labels]


def policies(stack: str) -> list[dict[str, Any]]:
    """All of a stack, in its namespace; rules that wait for another stack's address have it."""
    known = json.loads(json.dumps(_plain(rule(*WEATHER), set())))
    found = []
    for resource in graph(stack):
        if resource.type.endswith(":NetworkPolicy"):
            one = json.loads(json.dumps(resource.inputs))
            one["metadata"]["namespace"] = stack
            if "egress" in one["spec"]:
                one["spec"]["egress"] = [known if each == COMPUTED else each for each in one["spec"]["egress"]]
            found.append(one)
    return found


@cache
def rules() -> Rules:
    """Both stacks on one cluster."""
    stacks = ("flights-dev", "weather-dev")
    spaces = {
        stack: next(one for one in graph(stack) if one.type.endswith(":Namespace")).inputs["metadata"]["labels"]
        for stack in stacks
    }
    return Rules(tuple(one for stack in stacks for one in policies(stack)), {**spaces, "kube-system": {}, "others": {}})


@cache
def listening() -> dict[str, dict[int, str]]:
    """Port -> protocol of all that others may use, from the components' arguments alone."""
    found = {}
    for resource in [*graph("flights-dev"), *graph("weather-dev")]:
        if resource.type == "mesh:data:Service":
            ends = resource.inputs["args"]["endpoints"].values()
            found[resource.name] = {int(end["port"]): end["protocol"] for end in ends}
        elif resource.type == "mesh:data:Database":
            found[resource.name] = {5432: "sql"}
        elif resource.type == "mesh:data:Bucket":
            found[resource.name] = {end.port: "s3" for end in (seaweedfs.OBJECTS, *seaweedfs.INSIDE.values())}
    return found


@cache
def wanted() -> dict[str, set[str]]:
    """User -> what it says that it uses."""
    found: dict[str, set[str]] = {}
    for resource in [*graph("flights-dev"), *graph("weather-dev")]:
        if resource.type in ("mesh:data:Service", "mesh:data:Job"):
            uses = resource.inputs["args"]["uses"]
            found[resource.name] = {name for used in uses if (name := used.get("component") or used.get("behind"))}
            if any("port" in used and used.get("behind") is None for used in uses):
                found[resource.name].add("observations--warehouse")
    return found | {pod: set[str]().union(*(found[job] for job in jobs)) for pod, jobs in CHAINS.items()}


@cache
def clusters() -> dict[str, set[str]]:
    """What brings others together -> it and all who use it."""
    hubs = {used for uses in wanted().values() for used in uses if {"dask", "spark"} & set(listening()[used].values())}
    return {hub: {hub, *(user for user, uses in wanted().items() if hub in uses)} for hub in hubs}


def expected(source: str, target: str, port: int) -> bool:
    """Whether `uses` says so; members of a cluster talk on all ports, and tasks reach what their client uses."""
    mine = [members for members in clusters().values() if source in members]
    if any(target in members for members in mine):
        return True
    uses = set(wanted().get(source, ()))
    for member in (member for members in mine for member in members if member not in {*listening(), *CHAINS}):
        if source != member and source not in clusters():
            uses |= wanted()[member]
    return target in uses and port in listening().get(target, {})


PAIRS = [(one, other) for one, other in product(pods("flights-dev") + pods("weather-dev"), repeat=2) if one != other]


def test_every_pair_of_pods_talks_exactly_where_it_is_used() -> None:
    assert len(PAIRS) > 900
    wrong, reached = [], 0
    for source, target in PAIRS:
        for port in (*listening().get(target.name, {}), EPHEMERAL):
            allowed = rules().allow(source, target, port)
            reached += allowed
            if allowed != expected(source.name, target.name, port):
                wrong.append((source.name, target.name, port, allowed))
    assert not wrong
    assert reached > 100


def test_every_pod_of_a_stack_is_closed_in_both_directions_and_finds_names() -> None:
    names = Pod("coredns", "kube-system", {"k8s-app": "kube-dns"})
    stranger = Pod("stranger", "others", {})
    for pod in pods("flights-dev") + pods("weather-dev"):
        assert rules().isolated(pod) == {"Ingress", "Egress"}
        assert rules().allow(pod, names, 53, "UDP")
        assert not rules().allow(pod, names, 443)
        assert not rules().allow(pod, stranger, 5432)
        assert not rules().allow(stranger, pod, next(iter(listening().get(pod.name, {1: ""}))))


def test_others_in_a_namespace_that_was_there_are_left_alone(little: LittleMesh) -> None:
    made = Graph(little, {**VALUES, "namespace": "analytics"})
    found = [resource.inputs for resource in made.of("NetworkPolicy")]
    assert {one["metadata"]["namespace"] for one in found} == {"analytics"}
    theirs = Pod("theirs", "analytics", {"app": "theirs", "domain": "sales"})
    assert Rules(tuple(found), {"analytics": {}}).isolated(theirs) == set()


def test_a_reader_of_another_stack_gets_to_what_is_offered_alone() -> None:
    reader = Pod("delay-model--train--run", "flights-dev", {})
    label = {"mesh/tenant": "acme", "reads.mesh/weather-dev": "true"}
    spaces = {**rules().namespaces, "flights-dev": label}
    warehouse = next(pod for pod in pods("weather-dev") if pod.name == "observations--warehouse")

    def lets_in(labels: Mapping[str, str]) -> bool:
        only_theirs = Rules(tuple(policies("weather-dev")), {**spaces, "flights-dev": labels})
        return only_theirs.allow(reader, warehouse, 5432)

    assert lets_in(label)
    assert not lets_in({"mesh/tenant": "acme"})
    assert not lets_in({**label, "mesh/tenant": "another"})
    assert rules().namespaces["flights-dev"].items() >= label.items()
    metadata = next(pod for pod in pods("flights-dev") if pod.name == "departures--bi--metadata")
    readers = {"mesh/tenant": "acme", "reads.mesh/flights-dev": "true"}
    outside = Pod("reader", "weather-dev", {})
    own = Rules(tuple(policies("flights-dev")), {**spaces, "weather-dev": readers})
    assert not own.allow(outside, metadata, 5432), "Superset's own database is nobody's port"
    offered = next(pod for pod in pods("flights-dev") if pod.name == "departures--warehouse")
    assert own.allow(outside, offered, 5432)
    web = next(pod for pod in pods("flights-dev") if pod.name == "departures--bi--web")
    assert own.allow(outside, web, 8088)


def test_policies_are_there_before_the_pods(little: LittleMesh) -> None:
    made = Graph(little, VALUES)
    for kind in ("StatefulSet", "Deployment", "JobRun", "CronJob"):
        for resource in made.of(kind):
            before = {name.partition("::")[2] for name in resource.dependencies if "NetworkPolicy" in name}
            own = resource.name.removesuffix("--schedule")
            assert "closed" in before
            assert [name for name in before if name.startswith(own)], resource.name


@pytest.mark.parametrize(
    ("urls", "ports"),
    [
        ([], set()),
        (["https://example.org/a.csv", "http://example.org/b.csv"], {80, 443}),
        (["https://example.org:8443/a.csv"], {8443}),
    ],
)
def test_a_job_that_loads_from_addresses_gets_to_the_internet_at_their_ports(
    little: LittleMesh, urls: list[str], ports: set[int]
) -> None:
    lines = "".join(f"  - {{name: s{number}, url: '{url}'}}\n" for number, url in enumerate(urls))
    little.table("sales/orders")
    if urls:
        little.product("sales/orders", f"sources:\n{lines}")
    made = Program(little.domain("sales-dev"), VALUES).recorded()
    found = tuple(one.inputs for one in made if one.type.endswith(":NetworkPolicy"))
    everything = [{**one, "metadata": {**one["metadata"], "namespace": "sales-dev"}} for one in found]
    cluster = Rules(tuple(everything), {"sales-dev": {}})
    for template in specs(tuple(made)):
        pod = Pod("", "sales-dev", template["metadata"]["labels"])
        outward = [each for each in cluster.outward(pod) if numbers([each]) != {53}]
        assert numbers(outward) == (ports if pod.labels[NAME] == "orders--load--run" else set())
        for each in outward:
            blocks = [peer["ipBlock"] for peer in each["to"]]
            assert {"0.0.0.0/0", "::/0"} == {block["cidr"] for block in blocks}
            assert "10.0.0.0/8" in blocks[0]["except"]
            assert "169.254.0.0/16" in blocks[0]["except"], "the clouds' own services of a machine"


def test_only_what_ingest_lists_counts_as_a_source() -> None:
    assert internet({"fit.py": "# https://example.org"}) == []


@pytest.mark.parametrize(
    ("host", "port", "to", "number"),
    [
        ("db.weather-dev.svc", 5432, "weather-dev", 5432),
        ("http://web.weather-dev.svc:8088", None, "weather-dev", 8088),
        ("https://db.else.svc.cluster.local", None, "else", 443),
        ("db.example.org", 5433.0, None, 5433),
        ("https://web.example.org/x", None, None, 443),
        ("10.1.2.3", 5432, "10.1.2.3/32", 5432),
    ],
)
def test_the_way_to_an_address(host: str, port: float | None, to: str | None, number: int) -> None:
    found = _plain(rule(host, port), set())
    assert found["ports"] == [{"port": number, "protocol": "TCP"}]
    peer = found["to"][0] if to else {}
    assert not peer.keys() - {"ipBlock", "namespaceSelector"}
    space = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
    assert (peer.get("ipBlock", {}).get("cidr") or space) == to


def test_a_port_outside_the_mesh_is_reached_at_its_number(graph_of: Graph) -> None:
    made = graph_of.service(uses=(Port(protocol="sql", address={"host": "db.example.org", "port": 5433}),))
    (policy,) = [one.inputs for one in made if one.type.endswith(":NetworkPolicy") and one.name.endswith("--extra")]
    assert policy["spec"]["egress"] == [{"ports": [{"port": 5433, "protocol": "TCP"}]}]


@pytest.mark.parametrize("namespace", [None, "ingress"])
def test_a_public_endpoint_lets_in_the_controller(little: LittleMesh, namespace: str | None) -> None:
    more = {"ingressNamespace": namespace} if namespace else {}
    made = Graph(little, {**VALUES, "ingressDomain": "data.example.org", **more}).service(
        endpoints={"web": Endpoint(protocol="http", port=8000, public=True), "in": Endpoint(protocol="http", port=8001)}
    )
    found = [{**one.inputs, "metadata": {"namespace": "sales-dev"}} for one in made if "NetworkPolicy" in one.type]
    labels = next(iter(specs(tuple(made))))["metadata"]["labels"]
    cluster = Rules(tuple(found), {"sales-dev": {}, "ingress": {}, "others": {}})
    service = Pod("extra", "sales-dev", labels)
    assert cluster.allow(Pod("nginx", "ingress", {}), service, 8000)
    assert not cluster.allow(Pod("nginx", "ingress", {}), service, 8001)
    assert cluster.allow(Pod("another", "others", {}), service, 8000) == (namespace is None)


@pytest.fixture
def graph_of(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)
