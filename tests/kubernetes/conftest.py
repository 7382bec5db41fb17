"""A cluster with a registry, and a copy of the checkout whose stacks run there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kubernetes.stream import stream

from tests.example.running import Running, copy_of_checkout
from tests.kubernetes import programs
from tests.kubernetes.cluster import Cluster, cluster
from tests.tools.image_base import push_base, registry
from tools.images.oci import MANIFEST, Descriptor, assembled
from tools.images.registry import Registry
from tools.images.store import Store

HOST = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc")
CONNECT = """
import concurrent.futures, json, socket, sys
def connects(end):
    try:
        socket.create_connection(tuple(end), 4).close()
        return True
    except OSError:
        return False
ends = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(ends)) as pool:
    print(*(name for name, there in zip(ends, pool.map(connects, ends.values())) if there))
"""
PLUGIN = Path(__file__).resolve().parents[1] / "plugins" / "kubernetes"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs a cluster."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@dataclass(frozen=True)
class Place:
    """A cluster, and the registry that it pulls from; `base` is an image with Python."""

    cluster: Cluster
    registry: str
    base: str
    ran: set[str] = field(default_factory=set)
    """Type tokens of what was up."""

    def reached(self, text: str) -> str:
        """An address that this machine reaches: a pod's or a service's own one for its name inside the cluster."""
        found = HOST.search(text)
        if found is None:
            return text
        name, namespace = found["name"], found["namespace"]
        address = self.cluster.core.read_namespaced_service(name, namespace).spec.cluster_ip
        if address == "None":
            chosen = f"app.kubernetes.io/name={name}"
            address = self.cluster.core.list_namespaced_pod(namespace, label_selector=chosen).items[0].status.pod_ip
        return text.replace(found[0], str(address))

    def place(self, running: Running, stack: str) -> None:
        """Let a stack of the copy run here."""
        settings = {"target": "kubernetes", "registry": self.registry, "baseImage": self.base}
        lines = "".join(f"  meshwright:{key}: {value}\n" for key, value in settings.items())
        (running.root / "stacks" / f"Pulumi.{stack}.yaml").write_text(f"config:\n{lines}")
        running.mesh("images", "push", "-s", stack)

    def up(self, running: Running, domain: str) -> None:
        """Bring a domain up, and note what ran."""
        running.mesh("up", domain)
        state = json.loads(running.pulumi("stack", "export", "-s", f"{domain}-dev").stdout)["deployment"]
        assert not state.get("pending_operations")
        self.ran.update(resource["type"] for resource in state["resources"])

    def gone(self, stack: str) -> None:
        """Nothing of a stack is there any more."""
        assert stack not in [found.metadata.name for found in self.cluster.core.list_namespace().items]
        volumes = self.cluster.core.list_persistent_volume
        self.eventually(lambda: stack not in [one.spec.claim_ref.namespace for one in volumes().items])
        assert not self.cluster.core.list_namespaced_pod(stack).items

    def reached_from(self, namespace: str) -> dict[str, set[str]]:
        """Which running pods of a namespace each of them connects to, at the port that is theirs; names of labels."""
        listed = self.cluster.core.list_namespaced_pod(namespace, field_selector="status.phase=Running").items
        pods = {pod.metadata.labels["app.kubernetes.io/name"]: pod for pod in listed}
        ports = {name: pod.spec.containers[0].ports[0].container_port for name, pod in pods.items()}
        found = {}
        for name, pod in pods.items():
            ends = {other: [pods[other].status.pod_ip, port] for other, port in ports.items() if other != name}
            said = stream(
                self.cluster.core.connect_get_namespaced_pod_exec,
                pod.metadata.name,
                namespace,
                command=["python", "-c", CONNECT, json.dumps(ends)],
                stdout=True,
                stderr=True,
            )
            found[name] = set(said.split())
        return found

    @staticmethod
    def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not true after {seconds} s"
            time.sleep(0.2)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One cluster for all these tests."""
    if reason := programs.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("k8s")
    with registry(folder / "r") as host:
        base = push_base(host, Store())
        with cluster(folder / "c", folder / "r" / "registry.yml", push_pause(host, base)) as made:
            yield Place(made, host, base)


@pytest.fixture(scope="session")
def checkout(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A copy whose Pulumi.yaml names the stand-in; its stacks run in the cluster once they are placed there."""
    return copied(place, tmp_path_factory.mktemp("mesh"))


def copied(place: Place, folder: Path) -> Running:
    """A copy of the checkout that runs on the cluster by the stand-in."""
    made = copy_of_checkout(folder / "checkout", folder / "state")
    made.environment["KUBECONFIG"] = str(place.cluster.kubeconfig)
    made.edit("Pulumi.yaml", "  providers:\n", f"  providers:\n    - name: kubernetes\n      path: {PLUGIN}\n")
    made.seen = place.reached
    return made


def push_pause(host: str, base: str) -> str:
    """The image of a pod's first container, which waits: the base's own layers with another command."""
    repository, store, to = base.removeprefix(f"{host}/").rpartition(":")[0], Store(), Registry(host, print)
    found = to.manifest(repository, base.rpartition(":")[2])
    assert found is not None
    manifest = json.loads(found[0])
    layers = tuple(Descriptor.of(layer) for layer in manifest["layers"])
    config = json.loads(store.path(manifest["config"]["digest"]).read_bytes())
    config["config"] = {"Entrypoint": ["/bin/sleep", "infinity"]}
    image = assembled(store, "pause", "1", config=config, layers=layers, annotations={})
    for blob in (image.config, *layers):
        to.push_blob("pause", blob, store, "pause", near=repository)
    to.push_manifest("pause", "1", image.manifest, MANIFEST)
    return f"{host}/pause:1"
