"""The stand-in for the kubernetes plugin: what the official one does, seen on the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.conftest import Place
from tests.plugins.stack import StandInStack

PROGRAM = """
import pulumi_kubernetes as k8s
from pulumi import Output, ResourceOptions
SPACE = k8s.core.v1.Namespace("space", metadata={{"name": "stood"}})
def placed(**more):
    return {{"namespace": SPACE.metadata.name, **more}}
def deployment(image={base!r}, labels={{"app": "held"}}, kind=k8s.apps.v1.Deployment, **container):
    main = {{"name": "main", "image": image, "command": ["sh", "-c", "trap exit TERM; sleep 1000 & wait"], **container}}
    more = {{"service_name": "held"}} if kind is k8s.apps.v1.StatefulSet else {{}}
    return kind("held", metadata=placed(name="held"), spec={{**more,
        "selector": {{"match_labels": labels}},
        "template": {{"metadata": {{"labels": labels}}, "spec": {{"containers": [main]}}}}}})
"""


@pytest.fixture
def stack(place: Place, tmp_path: Path) -> Iterator[StandInStack]:
    """A stack in the tests' cluster, whose namespace must be gone afterwards."""
    made = StandInStack(
        tmp_path / "project", plugin="kubernetes", reach={"KUBECONFIG": str(place.cluster.kubeconfig)}
    ).make()
    yield made
    made.destroy()
    place.gone("stood")


def test_objects_from_their_creation_to_their_end(place: Place, stack: StandInStack) -> None:
    core = place.cluster.core
    text = """
        secret = k8s.core.v1.Secret("hidden", metadata=placed(), string_data={{"value": Output.secret("wo/rd+42")}})
        config = k8s.core.v1.ConfigMap("words", metadata=placed(), data={{"word": "{}"}})
        deployment(env=[{{"name": "WORDS", "value": config.metadata.name}}])
        """
    stack.write(PROGRAM, place.base, text.format("first"))
    assert "+ 5 created" in stack.up()
    (first,) = [found for found in core.list_namespaced_config_map("stood").items if found.metadata.name != CA]
    assert first.data == {"word": "first"}
    assert "5 unchanged" in stack.up()
    state = "".join(file.read_text() for file in (stack.folder / "state").rglob("*.json"))
    assert "words-" in state
    assert "wo/rd+42" not in state
    assert "d28vcmQrNDI=" not in state

    stack.write(PROGRAM, place.base, text.format("second"))
    output = stack.up()
    assert "+-1 replaced" in output
    assert "~ 1 updated" in output, "the pods get the new one's name"
    (second,) = [found for found in core.list_namespaced_config_map("stood").items if found.metadata.name != CA]
    assert second.metadata.name != first.metadata.name

    core.delete_namespaced_config_map(second.metadata.name, "stood")
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "+ 1 created" in stack.up()

    stack.write(PROGRAM, place.base, 'deployment(labels={"app": "other"})')
    assert "1 replaced" in stack.up(), "a selector can't be changed"


CA = "kube-root-ca.crt"


def test_what_the_api_server_refuses_is_refused_at_preview(place: Place, stack: StandInStack) -> None:
    stack.write(PROGRAM, place.base, 'deployment(imagePullPolic="Always")')
    assert "imagePullPolic: field not declared in schema" in stack.pulumi("preview", code=-1)


def test_pods_that_can_not_start_fail_the_update_with_the_reason(place: Place, stack: StandInStack) -> None:
    text = """
        deployment(image="127.0.0.1:1/none:1")
        deployment(image="127.0.0.1:1/none:1", labels={"app": "set"}, kind=k8s.apps.v1.StatefulSet)
        """
    stack.write(PROGRAM, place.base, text)
    output = stack.up(code=-1)
    for kind in ("Deployment", "StatefulSet"):
        (seconds,) = set(re.findall(rf"\b{kind} held is not ready after (\d+) s", output))
        assert int(seconds) < 60
    assert "ImagePull" in output
    assert "127.0.0.1:1/none:1" in output
    place.eventually(lambda: not place.cluster.core.list_namespaced_pod("stood").items)
