"""Target kubernetes: restricted pods, secrets by reference, legal names and labels."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.primitives import SIZES
from components.targets.kubernetes_pod import file_key, label
from stacks.recording import SECRET, Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged, texts

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
"""kubernetes.io, "Labels and Selectors", syntax."""
DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def objects(graph: Graph) -> list[dict[str, Any]]:
    """Everything the API server gets, jobs of JobRun included."""
    made = [resource.inputs for resource in graph.resources if resource.type.startswith("kubernetes:")]
    return made + [run.inputs["manifest"] for run in graph.of("JobRun")]


def pods(graph: Graph) -> list[dict[str, Any]]:
    """The template of every pod."""
    specs = [thing.get("spec", {}) for thing in objects(graph)]
    specs += [spec["jobTemplate"]["spec"] for spec in specs if "jobTemplate" in spec]
    return [spec["template"] for spec in specs if "template" in spec]


def test_every_pod_keeps_the_restricted_standard(graph: Graph) -> None:
    assert len(pods(graph)) > 8
    for pod in (template["spec"] for template in pods(graph)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["terminationGracePeriodSeconds"] <= 30
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_images_come_from_the_registry_and_sizes_are_limits(graph: Graph) -> None:
    sizes = {(f"{int(c.cpu * 1000)}m", f"{c.memory}Mi") for c in SIZES.values()}
    for template in pods(graph):
        (container,) = template["spec"]["containers"]
        assert container["image"].startswith("registry.example.org/")
        limits = container["resources"]["limits"]
        assert (limits["cpu"], limits["memory"]) in sizes
        assert container["resources"]["requests"]["memory"] == limits["memory"]


def test_objects_are_tagged_by_legal_labels(graph: Graph) -> None:
    for thing in objects(graph):
        labels = thing["metadata"]["labels"]
        assert tagged(labels), thing["kind"]
        assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())
    for template in pods(graph):
        assert tagged(template["metadata"]["labels"])


def test_names_are_dns_labels(graph: Graph) -> None:
    named = [thing["metadata"]["name"] for thing in objects(graph) if "name" in thing["metadata"]]
    assert named
    assert all(DNS_LABEL.fullmatch(name) for name in named)
    stateful = [s.inputs["metadata"]["name"] for s in graph.of("StatefulSet")]
    assert all(len(name) <= 52 for name in stateful)
    assert len(set(stateful)) == len(stateful)


def test_the_pods_of_a_schedule_are_nobody_elses(graph: Graph) -> None:
    (cron,) = graph.of("CronJob")
    labels = [template["metadata"]["labels"]["app.kubernetes.io/name"] for template in pods(graph)]
    assert labels.count(cron.inputs["metadata"]["name"]) == 1


def test_a_selector_finds_the_pods_of_one_object_alone(graph: Graph) -> None:
    selectors = [service.inputs["spec"]["selector"] for service in graph.of("Service")]
    labels = [template["metadata"]["labels"] for template in pods(graph)]
    for selector in selectors:
        assert len([found for found in labels if found.items() >= selector.items()]) == 1


def test_secrets_reach_a_pod_by_reference(graph: Graph) -> None:
    for secret in graph.of("Secret"):
        assert secret.inputs["stringData"] == SECRET
    for template in pods(graph):
        assert SECRET not in list(texts(template))
        for variable in template["spec"]["containers"][0]["env"]:
            if variable["name"].endswith(("PASSWORD", "SECRET_KEY", "SECRET_ACCESS_KEY")):
                assert variable["valueFrom"]["secretKeyRef"]["key"] == "value"
                assert "value" not in variable
    for config in graph.of("ConfigMap"):
        assert SECRET not in list(texts(config.inputs))


def test_nothing_is_open_to_the_outside(graph: Graph) -> None:
    assert {service.inputs["spec"]["type"] for service in graph.of("Service")} == {"ClusterIP"}
    assert not graph.of("Ingress")


def test_the_stacks_namespace_is_made_once_and_enforces_the_standard(graph: Graph) -> None:
    (namespace,) = graph.of("Namespace")
    assert namespace.inputs["metadata"]["name"] == "sales-dev"
    assert namespace.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_namespace_that_is_there_is_used(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "namespace": "analytics"})
    assert not graph.of("Namespace")
    assert {thing["metadata"]["namespace"] for thing in objects(graph)} == {"analytics"}


def test_data_of_databases_and_buckets_outlives_their_pods(little: LittleMesh) -> None:
    graph = Graph(little, VALUES, "prod")
    for owner in ("--results", "--files", "--other"):
        stateful = graph.named("StatefulSet", owner)
        (claim,) = stateful.inputs["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["name"] == "data"
        assert stateful.protect
    wanted = graph.named("StatefulSet", "--results").inputs["spec"]["volumeClaimTemplates"][0]["spec"]
    assert wanted["resources"]["requests"] == {"storage": "30Gi"}


def test_a_service_that_keeps_data_has_a_volume_and_one_pod_at_a_time(graph: Graph) -> None:
    scheduler = graph.named("Deployment", "--cluster--scheduler")
    (kept,) = [made for made in graph.kept() if made.type.endswith(":Deployment")]
    assert kept.inputs["spec"]["strategy"] == {"type": "Recreate"}
    assert "persistentVolumeClaim" in data_volume(kept)
    assert data_volume(scheduler)["emptyDir"] == {}


def data_volume(resource: Recorded) -> dict[str, Any]:
    volumes = resource.inputs["spec"]["template"]["spec"]["volumes"]
    return next(volume for volume in volumes if volume["name"] == "data")


def test_placeholders_are_filled_and_other_braces_stay(graph: Graph) -> None:
    scheduler = graph.named("Deployment", "--cluster--scheduler").inputs["spec"]["template"]["spec"]["containers"][0]
    assert "0.0.0.0:8787" in scheduler["command"]
    assert not [text for template in pods(graph) for text in texts(template) if "{{" in text]
    script = graph.named("ConfigMap", "--work--run").inputs["data"]["fit.py"]
    assert script == "print('{{not a placeholder}}')\n"


def test_a_job_is_a_manifest_that_names_its_files_by_what_they_hold(graph: Graph) -> None:
    run = graph.named("JobRun", "--work--run")
    assert run.inputs["executor"] == "kubernetes"
    manifest = run.inputs["manifest"]
    assert (manifest["apiVersion"], manifest["kind"]) == ("batch/v1", "Job")
    assert manifest["spec"]["backoffLimit"] == 0
    files = next(v for v in manifest["spec"]["template"]["spec"]["volumes"] if v["name"] == "files")
    # The provider gives a ConfigMap of other content another name: the job runs again with a changed script.
    assert files["configMap"]["name"] == f"${{kubernetes:core/v1:ConfigMap::{NAME}--work--run#metadata.name}}"


def test_every_program_ends_when_it_is_told_to(graph: Graph) -> None:
    """As the first process of its own it would have to handle a SIGTERM, or is asked in its own way."""
    for template in pods(graph):
        (container,) = template["spec"]["containers"]
        assert template["spec"]["shareProcessNamespace"] == ("lifecycle" not in container)
    postgres = graph.named("StatefulSet", "--results").inputs["spec"]["template"]["spec"]["containers"][0]
    assert postgres["lifecycle"]["preStop"]["exec"]["command"] == ["sh", "-c", "kill -INT 1"]


def test_probes_ask_the_health_path_or_connect(graph: Graph) -> None:
    def probe(kind: str, end: str) -> Any:
        (container,) = graph.named(kind, end).inputs["spec"]["template"]["spec"]["containers"]
        return container["readinessProbe"]

    assert probe("StatefulSet", "--files")["httpGet"] == {"path": "/healthz", "port": 8333}
    assert probe("StatefulSet", "--results")["tcpSocket"] == {"port": 5432}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("weather@example.org", "weather_example.org"), ("x" * 70, "x" * 63), ("-a-", "a"), ("ä b", "b"), ("", "")],
)
def test_label_values_are_made_legal(text: str, wanted: str) -> None:
    assert label(text) == wanted
    assert LABEL_VALUE.fullmatch(label(text))


def test_a_path_becomes_a_legal_key() -> None:
    assert file_key("dashboard/charts/mean delay.yaml") == "dashboard__charts__mean_delay.yaml"
