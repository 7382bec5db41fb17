"""Every object of all four templates is accepted by the API server, fields it does not know refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from kubernetes import dynamic

from stacks.domain import Domain
from stacks.program import Program
from stacks.recording import SECRET, Recorded
from stacks.render import below
from tests.evidence.listed import listed
from tests.kubernetes.conftest import Place
from tests.stacks.test_snapshots import PRODUCTS, VALUES

NAMESPACE = "judged"


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
    graph = below(recorded(stack), product)
    made = [known(resource.inputs) for resource in graph if resource.type.startswith("kubernetes:")]
    made += [known(resource.inputs["manifest"]) for resource in graph if resource.type.endswith(":JobRun")]
    pods = [pod(one["spec"]) for one in made if "template" in one.get("spec", {})]
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
        return {**made, "stringData": {"value": "hidden"}} if made.get("stringData") == SECRET else made
    if isinstance(inputs, list):
        return [known(value) for value in inputs]
    return "known-later" if isinstance(inputs, str) and inputs.startswith("${") else inputs


@pytest.mark.parametrize("template", PRODUCTS)
def test_the_api_server_takes_every_object(judge: Any, template: str) -> None:
    kinds = set()
    for one in objects(template):
        resource = judge.resources.get(api_version=one["apiVersion"], kind=one["kind"])
        taken = resource.server_side_apply(
            body=one, namespace=NAMESPACE, field_manager="judge", field_validation="Strict", dry_run="All"
        )
        assert taken.metadata.name == one["metadata"]["name"]
        kinds.add(one["kind"])
    assert {"Secret", "ConfigMap", "Service", "StatefulSet", "Job", "Pod"} <= kinds


def test_evidence_of_kubernetes_is_what_was_taken(judge: Any) -> None:
    parts = [part for stack, product in PRODUCTS.values() for part in below(recorded(stack), product)]
    assert listed("kubernetes.e", {part.type for part in parts})
