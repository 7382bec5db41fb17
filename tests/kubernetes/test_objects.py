"""Every object of all four templates is accepted by the API server, fields it does not know refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from kubernetes import dynamic

from components.primitives import Endpoint
from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import COMPUTED, SECRET, Recorded
from stacks.render import below
from tests.conftest import LittleMesh
from tests.evidence.listed import listed
from tests.kubernetes.conftest import Place
from tests.stacks.test_snapshots import PRODUCTS, VALUES
from tests.targets.recorded import Graph

NAMESPACE = "judged"
EXAMPLE = ("table", "dashboard", "dask-model", "spark-batch")
"""Templates of which the example mesh has a product."""


@pytest.fixture(scope="module")
def judge(place: Place) -> Iterator[Any]:
    """A client, and a namespace that lets in restricted pods alone."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    place.cluster.core.create_namespace({"metadata": {"name": NAMESPACE, "labels": labels}})
    yield dynamic.DynamicClient(place.cluster.api)  # type: ignore[no-untyped-call]
    place.cluster.core.delete_namespace(NAMESPACE)


@cache
def recorded(stack: str) -> list[Recorded]:
    """All that a stack makes."""
    return Program(Domain(stack), {"target": "kubernetes", **VALUES["kubernetes"]}).recorded()


def objects(template: str) -> list[dict[str, Any]]:
    """What the API server gets for a product, the jobs of JobRun and every pod by itself included."""
    stack, product = PRODUCTS[template]
    return sent(below(recorded(stack), product))


def sent(graph: list[Recorded]) -> list[dict[str, Any]]:
    """The objects of a graph, in the namespace of the judge."""
    made = [known(resource.inputs) for resource in graph if resource.type.startswith("kubernetes:")]
    made += [known(resource.inputs["manifest"]) for resource in graph if resource.type.endswith(":JobRun")]
    specs = [one.get("spec", {}) for one in made]
    specs += [spec["jobTemplate"]["spec"] for spec in specs if "jobTemplate" in spec]
    pods = [pod(spec) for spec in specs if "template" in spec]
    for number, one in enumerate([*made, *pods]):
        one["metadata"] = {**one["metadata"], "namespace": NAMESPACE}
        one["metadata"].setdefault("name", f"unnamed-{number}")
    return [*made, *pods]


def pod(spec: dict[str, Any]) -> dict[str, Any]:
    """A pod as its owner would make it: only here are the rules of the namespace kept."""
    inner = spec["template"]["spec"]
    claims = [{"name": claim["metadata"]["name"], "emptyDir": {}} for claim in spec.get("volumeClaimTemplates", [])]
    made = {**inner, "volumes": [*inner["volumes"], *claims]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": spec["template"]["metadata"], "spec": made}


def known(inputs: Any) -> Any:
    """Inputs with a word for what is not known yet."""
    if isinstance(inputs, dict):
        made = {key: known(value) for key, value in inputs.items()}
        if "egress" in made:  # the way to another stack's port
            made["egress"] = [{} if rule == COMPUTED else rule for rule in made["egress"]]
        return {**made, "stringData": {"value": "hidden"}} if made.get("stringData") == SECRET else made
    if isinstance(inputs, list):
        return [known(value) for value in inputs]
    return "known-later" if isinstance(inputs, str) and inputs.startswith("${") else inputs


@pytest.mark.parametrize("template", EXAMPLE)
def test_the_api_server_takes_every_object(judge: Any, template: str) -> None:
    assert {"Secret", "ConfigMap", "Service", "StatefulSet", "Job", "NetworkPolicy", "Pod"} <= taken(
        judge, objects(template)
    )


def taken(judge: Any, wanted: list[dict[str, Any]]) -> set[str]:
    """The kinds of objects, all of which the API server has taken in a dry run."""
    for one in wanted:
        resource = judge.resources.get(api_version=one["apiVersion"], kind=one["kind"])
        made = resource.server_side_apply(
            body=one,
            namespace=NAMESPACE if resource.namespaced else None,
            field_manager="judge",
            field_validation="Strict",
            dry_run="All",
        )
        assert made.metadata.name == one["metadata"]["name"]
        assert keeps(made.to_dict()["spec"], one["spec"]) if one["kind"] in EXACT else True
    return {one["kind"] for one in wanted}


EXACT = ("NetworkPolicy", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget")


def keeps(found: Any, said: Any) -> bool:
    """Whether the server has understood every word."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(keeps(found.get(key), value) for key, value in said.items())
    if isinstance(said, list):
        return len(found) == len(said) and all(map(keeps, found, said))
    return bool(found == said)


def test_it_takes_what_a_stack_shares_and_a_public_service_that_grows(judge: Any, little: LittleMesh) -> None:
    values = {
        **VALUES["kubernetes"],
        "target": "kubernetes",
        "quota": {"cpu": 4, "memory": "16Gi", "storage": "100Gi"},
        "ingressDomain": "data.example.org",
        "ingressClass": "nginx",
        "ingressIssuer": "letsencrypt",
    }
    graph = Graph(little, values)
    public = {"web": Endpoint(protocol="http", port=8000, health="/", public=True)}
    assert taken(judge, sent(graph.resources)) >= {"Namespace", "ResourceQuota", "LimitRange", "CronJob"}
    assert taken(judge, sent(graph.service(endpoints=public, maximum=3))) >= {
        "Ingress",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    }


def test_evidence_of_kubernetes_is_what_was_taken(judge: Any) -> None:
    found = (PRODUCTS[template] for template in EXAMPLE)
    parts = [part for stack, product in found for part in below(recorded(stack), product)]
    assert listed("kubernetes.e", {part.type for part in parts})
