"""Public endpoints on Kubernetes: an Ingress with TLS, or a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from components.base import Component
from components.errors import UserError
from components.port import Port
from components.primitives import Endpoint, Job, JobArgs, Service, ServiceArgs, locked
from stacks.product import Product, ProductArgs
from stacks.recording import record
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}
PUBLIC = {"web": Endpoint(protocol="http", port=8000, public=True)}
HOST = "a-name-of-thirty-eight-characters-long-extra.data.example.org"


def ingress(little: LittleMesh, **more: str) -> dict[str, Any]:
    made = Graph(little, {**VALUES, "ingressDomain": "data.example.org", **more}).service(endpoints=PUBLIC)
    (found,) = [resource.inputs for resource in made if resource.type.endswith("/v1:Ingress")]
    assert found["apiVersion"] == "networking.k8s.io/v1"
    assert tagged(found["metadata"]["labels"])
    return found


def test_it_is_published_under_the_stacks_domain(little: LittleMesh) -> None:
    found = ingress(little, ingressClass="nginx", ingressTls="wildcard")
    spec = found["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": [HOST], "secretName": "wildcard"}]
    (one,) = spec["rules"]
    assert one["host"] == HOST
    (path,) = one["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"]["port"] == {"name": "web"}


def test_a_certificate_is_issued_where_an_issuer_is_named(little: LittleMesh) -> None:
    found = ingress(little, ingressIssuer="letsencrypt")
    assert found["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert found["spec"]["tls"][0]["secretName"] == f"{NAME}--extra-tls"


def test_else_the_controller_shows_its_own(little: LittleMesh) -> None:
    found = ingress(little)
    assert found["spec"]["tls"] == [{"hosts": [HOST]}]
    assert "ingressClassName" not in found["spec"]


def test_a_missing_domain_is_told_before_anything_is_made(little: LittleMesh) -> None:
    with pytest.raises(UserError) as caught:
        Graph(little, VALUES).service(endpoints=PUBLIC)
    assert "`meshwright:ingressDomain` names no domain" in str(caught.value)
    assert "pulumi config set meshwright:ingressDomain data.example.org -s sales-dev" in str(caught.value)


def test_only_http_is_public(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "ingressDomain": "data.example.org"})
    with pytest.raises(UserError, match=r"`bus` of .* speaks dask; on kubernetes only http can be public"):
        graph.service(endpoints={"bus": Endpoint(protocol="dask", port=8786, public=True)})


def test_the_port_is_the_outer_address_and_pods_of_the_stack_take_the_inner_one(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "ingressDomain": "data.example.org"})
    target = graph.program.target()
    context = graph.program.domain.context(graph.program.domain.products[0], target)

    def build(product: Component[Any, Any]) -> dict[str, Port]:
        args = ServiceArgs(software=locked("dask"), command=("serve",), endpoints=PUBLIC)
        service = Service(product.child("extra"), args, product.below())
        asks = JobArgs(
            software=locked("dask"), command=("ask",), environment={"PAGE": f"https://{HOST}/login"}, uses=(service,)
        )
        Job(product.child("asks"), asks, product.below())
        return {}

    own: dict[str, Any] = {"domain": "sales", "owner": "a", "classification": "internal", "template": "whole@1"}
    product = ProductArgs(**own, estimate={}, budget=None, build=build)
    made = record(lambda: Product(NAME, product, context))
    (run,) = [resource.inputs for resource in made if resource.type.endswith(":JobRun")]
    variables = run["manifest"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PAGE", "value": f"http://{NAME}--extra.sales-dev.svc:8000/login"} in variables
    assert target.hosts == {f"https://{HOST}": f"http://{NAME}--extra.sales-dev.svc:8000"}  # type: ignore[attr-defined]


def test_two_that_would_be_one_host_are_refused(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "ingressDomain": "data.example.org"})
    target = graph.program.target()
    context = graph.program.domain.context(graph.program.domain.products[0], target)

    def build(product: Component[Any, Any]) -> dict[str, Port]:
        for name in ("a-b", "a--b"):
            args = ServiceArgs(software=locked("dask"), command=("serve",), endpoints=PUBLIC)
            Service(product.child(name), args, product.below())
        return {}

    own: dict[str, Any] = {"domain": "sales", "owner": "a", "classification": "internal", "template": "whole@1"}
    product = ProductArgs(**own, estimate={}, budget=None, build=build)
    with pytest.raises(UserError, match="two services of stack sales-dev would be"):
        record(lambda: Product("shop", product, context))
