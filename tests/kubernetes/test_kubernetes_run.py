"""Jobs in pods: their lines and codes, the cluster's reasons, their end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal
from tests.kubernetes.conftest import Place
from tests.providers.conftest import Made

NAMESPACE = "jobs"
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def namespace(place: Place) -> Iterator[str]:
    """A namespace whose pods must be restricted, with a Secret."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    place.cluster.core.create_namespace({"metadata": {"name": NAMESPACE, "labels": labels}})
    place.cluster.core.create_namespaced_secret(
        NAMESPACE, {"metadata": {"name": "pw"}, "stringData": {"value": "an odd one"}}
    )
    place.eventually(lambda: bool(place.cluster.core.list_namespaced_service_account(NAMESPACE).items))
    yield NAMESPACE
    place.cluster.core.delete_namespace(NAMESPACE)


@pytest.fixture
def job(place: Place, namespace: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Made]:
    """Make a job that runs a shell script in a pod."""
    monkeypatch.setenv("KUBECONFIG", str(place.cluster.kubeconfig))

    def make(script: str, container: dict[str, Any] | None = None, name: str = "load", **inputs: Any) -> Made:
        secret = {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "pw", "key": "value"}}}
        main = {
            "name": "main",
            "image": place.base,
            "command": ["sh", "-c", script],
            "env": [secret],
            "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            **(container or {}),
        }
        manifest = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "backoffLimit": 0.0,  # as the engine sends it
                "template": {
                    "spec": {"restartPolicy": "Never", "securityContext": RESTRICTED, "containers": [main]},
                },
            },
        }
        return Made("JobRun", executor="kubernetes", home=str(home.path), name=name, manifest=manifest, **inputs)

    return make


def failure(job: Made, operation: Operation | None = None) -> str:
    """Why a job can't be made."""
    with pytest.raises(Refusal) as caught:
        job.create(operation)
    return str(caught.value)


def jobs(place: Place) -> list[str]:
    """Names of the Jobs that are there."""
    batch: Any = client.BatchV1Api(place.cluster.api)
    return [found.metadata.name for found in batch.list_namespaced_job(NAMESPACE).items]


def gone(place: Place) -> bool:
    """Whether no Job and no pod stayed."""
    return not jobs(place) and not place.cluster.core.list_namespaced_pod(NAMESPACE).items


def test_it_runs_and_runs_again_and_is_undone(place: Place, home: Home, job: Callable[..., Made]) -> None:
    script = """echo "$PW for $(id -u)"; echo '::mesh:: {"rows": 7}'"""
    made = job(script, undo=["sh", "-c", 'echo "undone with $PW"']).create()
    assert made.state["rows"] == 7
    assert "an odd one for 10001" in home.log("load").read_text()
    assert jobs(place) == ["load"], "it stays to be looked at"
    made.update(triggers=["again"])
    assert home.log("load").read_text().count("an odd one for 10001") == 2
    made.delete()
    assert "undone with an odd one" in home.log("load").read_text()
    assert gone(place)
    assert [path.name for path in home.path.iterdir()] == ["logs"]


@pytest.mark.parametrize(
    ("script", "container", "sentences"),
    [
        ("echo bad; exit 7", {}, ("exit code 7", "bad")),
        ('python3 -c "x = bytearray(400 << 20)"', {}, ("exit code 137", "memory limit")),
        ("true", {"comand": []}, ("exit code 2", "comand")),
    ],
)
def test_failures_in_a_sentence(
    job: Callable[..., Made], script: str, container: dict[str, Any], sentences: tuple[str, ...]
) -> None:
    said = failure(job(script, container))
    for sentence in sentences:
        assert sentence in said
    assert "Traceback" not in said


NEVER_START = {
    "image": ({"image": "127.0.0.1:1/none:1"}, ("ImagePull", "127.0.0.1:1/none:1")),
    "node": ({"resources": {"requests": {"cpu": "400"}}}, ("no node takes the pod", "Insufficient cpu")),
    "rights": ({"securityContext": {}}, ("violates PodSecurity",)),
    "secret": (
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "a"}}}]},
        ('"no" not found',),
    ),
}


def test_what_never_starts_is_told_within_a_minute(place: Place, job: Callable[..., Made]) -> None:
    def said(name: str) -> tuple[str, float]:
        begun = time.monotonic()
        return failure(job("true", NEVER_START[name][0], name=name)), time.monotonic() - begun

    with ThreadPoolExecutor(len(NEVER_START)) as pool:
        for (text, seconds), (_, sentences) in zip(pool.map(said, NEVER_START), NEVER_START.values(), strict=True):
            assert seconds < 60
            for sentence in ("exit code 2", *sentences):
                assert sentence in text
            assert "Traceback" not in text
    assert not set(NEVER_START) & set(jobs(place)), "what never started does not stay"


def test_an_unknown_context_and_a_cluster_that_is_away(
    place: Place, tmp_path: Path, job: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no Kubernetes configuration with the context elsewhere" in failure(job("true", context="elsewhere"))
    text = place.cluster.kubeconfig.read_text()
    away = tmp_path / "away"
    away.write_text(text.replace(":6443", ":1"))
    monkeypatch.setenv("KUBECONFIG", str(away))
    said = failure(job("true"))
    assert "the cluster does not answer: " in said
    assert "Connection refused" in said


@pytest.mark.parametrize("limit", [None, 4.0])
def test_a_job_that_is_ended_leaves_nothing(place: Place, job: Callable[..., Made], limit: float | None) -> None:
    operation = Operation()
    running = job("trap exit TERM; sleep 60 & wait", **({"timeoutSeconds": limit} if limit else {}))
    if limit:
        said = failure(running)
        assert "exit code 124" in said
        assert "time limit of 4.0 s" in said
    else:
        thread = threading.Thread(target=cancelled, args=(running, operation))
        thread.start()
        place.eventually(lambda: bool(place.cluster.core.list_namespaced_pod(NAMESPACE).items))
        operation.cancelled.set()
        thread.join(30)
    place.eventually(lambda: gone(place))


def cancelled(job: Made, operation: Operation) -> None:
    with pytest.raises(Cancelled):
        job.create(operation)


def test_a_secret_that_a_pod_prints_is_masked(home: Home, job: Callable[..., Made]) -> None:
    made = job('echo "user:$PW" | base64; echo "raw $PW"', secrets={"PW": "an odd one"}).create()
    log = home.log("load").read_text()
    assert log.count("[secret]") == 2
    assert "an odd one" not in log
    made.delete()
