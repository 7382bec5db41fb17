"""Cluster: Kubernetes with one node on this machine, all of it below one process that takes everything with it.

Nothing is changed here beside a link to the node, control groups and a few kernel settings; all three are put back.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from tests.kubernetes.policing import policed
from tests.kubernetes.settings import BRIDGE, NODE, Addresses, Settings

UPLINK = "uplink"
CGROUPS = Path("/sys/fs/cgroup")
OURS = "meshwright-tests"
VOLUMES = Path("/tmp/hostpath_pv")
"""Where the controller manager makes volumes (pkg/volume/hostpath): this can't be set."""
KERNEL = [
    f"{group}/{name}"
    for group, names in {
        "vm": ("overcommit_memory", "panic_on_oom"),
        "kernel": ("panic", "panic_on_oops", "keys/root_maxkeys", "keys/root_maxbytes"),
    }.items()
    for name in names
]
"""What the kubelet sets for the whole machine (pkg/kubelet/cm)."""
READY = 90
"""Seconds until the node must be ready."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up."""

    kubeconfig: Path
    logs: Path
    api: Any
    """client.ApiClient, as the administrator."""

    @property
    def core(self) -> Any:
        """The API's core group."""
        return client.CoreV1Api(self.api)


@contextmanager
def cluster(folder: Path, registry: Path, pause: str) -> Iterator[Cluster]:
    """A cluster in `folder` that pulls from the registry of these settings; ready, with a default storage class."""
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_kernel_kept())
        stack.enter_context(_volumes())
        name = stack.enter_context(_cgroup())
        addresses = Addresses(_free_prefix())
        settings = Settings(folder, addresses, name, pause, registry)
        settings.certificates()
        node = stack.enter_context(_node(folder, settings, addresses))
        kubeconfig = folder / "keys" / "admin.kubeconfig"
        loading: Any = config  # without types of its own
        made = Cluster(kubeconfig, folder / "logs", loading.new_client_from_config(str(kubeconfig)))
        _wait_until_ready(made, node)
        network = Path(f"/proc/{node.pid}/ns/net")
        own = loading.new_client_from_config(str(kubeconfig))
        stack.enter_context(policed(own, network, (addresses.node, addresses.outside)))
        yield made


@contextmanager
def _node(folder: Path, settings: Settings, addresses: Addresses) -> Iterator[subprocess.Popen[bytes]]:
    """The node's first process, with this machine on its network."""
    over = {"/var/lib": "lib", "/var/log": "log", "/run": "run", str(VOLUMES): "volumes"}
    for name in (*over.values(), "logs"):
        (folder / name).mkdir()
    (folder / "volumes").chmod(0o777)
    plan = {
        "over": {place: str(folder / name) for place, name in over.items()},
        "link": UPLINK,
        "address": addresses.node,
        "outside": addresses.outside,
        "bridge": BRIDGE,
        "logs": str(folder / "logs"),
        "ready": f"{addresses.server}/readyz",
        "first": settings.first(),
        "then": settings.then(),
    }
    (folder / "plan.json").write_text(json.dumps(plan, indent=1))
    words = ["unshare", "--mount", "--pid", "--net", "--mount-proc", "--kill-child", "--fork", sys.executable, "-S"]
    words += [str(Path(__file__).with_name("node.py")), str(folder / "plan.json")]
    with (folder / "logs" / "node.log").open("w") as log:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
    try:
        _link(process, addresses)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _link(process: subprocess.Popen[bytes], addresses: Addresses) -> None:
    """An end of a link here, the other inside; it goes when the node goes."""
    network = Path(f"/proc/{process.pid}/ns/net")
    while network.readlink() == Path("/proc/self/ns/net").readlink():
        time.sleep(0.01)
    ours = f"mesh{os.getpid()}"
    for words in (
        f"link add {ours} type veth peer name {UPLINK} netns {process.pid}",
        f"address add {addresses.outside}/24 dev {ours}",
        f"link set {ours} up",
        f"route add {addresses.services} via {addresses.node}",
    ):
        subprocess.run(["ip", *words.split()], check=True)


def _free_prefix() -> str:
    """Two numbers at the beginning of addresses that nothing here routes."""
    routes = subprocess.run(["ip", "-4", "route"], check=True, capture_output=True, text=True).stdout
    return random.choice([made for last in range(130, 250) if f"{(made := f'10.{last}')}." not in routes])


@contextmanager
def _cgroup() -> Iterator[str]:
    """A control group for all pods, in each hierarchy."""
    name = f"{OURS}-{os.getpid()}"
    unified = (CGROUPS / "cgroup.procs").exists()
    tops = [CGROUPS] if unified else [file.parent for file in CGROUPS.glob("*/cgroup.procs")]
    for top in {top.resolve() for top in tops}:
        (top / name).mkdir()
        for setting in ("cpuset.mems", "cpuset.cpus"):  # empty at first, and nothing can run then
            if not unified and (top / setting).exists():
                (top / name / setting).write_text((top / setting).read_text())
    try:
        yield name
    finally:
        for _ in range(100):
            left = [found for top in tops for found in (top / name).rglob("*") if found.is_dir()]
            for found in [*sorted(left, reverse=True), *(top / name for top in tops)]:
                with contextlib.suppress(OSError):  # its last process is still ending
                    found.rmdir()
            if not any((top / name).exists() for top in tops):
                break
            time.sleep(0.1)


@contextmanager
def _volumes() -> Iterator[None]:
    """An empty folder over which each cluster lays its own; the last one removes it."""
    VOLUMES.mkdir(exist_ok=True)
    try:
        yield
    finally:
        if not list(CGROUPS.rglob(f"{OURS}-*")):
            with contextlib.suppress(OSError):
                VOLUMES.rmdir()


@contextmanager
def _kernel_kept() -> Iterator[None]:
    """The kernel's settings as they were."""
    files = [Path("/proc/sys") / name for name in KERNEL]
    before = {file: file.read_text() for file in files if file.exists()}
    try:
        yield
    finally:
        for file, text in before.items():
            if file.read_text() != text:
                file.write_text(text)


def _wait_until_ready(made: Cluster, process: subprocess.Popen[bytes]) -> None:
    """The node takes pods, and volumes are made for those who ask."""
    end = time.monotonic() + READY
    while True:
        try:
            node = made.core.read_node(NODE)
            if any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions):
                made.core.read_namespaced_service_account("default", "default")
                break
        except Exception as error:
            last = error
        else:
            last = AssertionError("the node is not ready")
        if time.monotonic() > end or process.poll() is not None:
            logs = "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(made.logs.iterdir()))
            raise AssertionError(f"no cluster: {last}\n{logs}")
        time.sleep(0.2)
    storage = client.V1StorageClass(
        metadata=client.V1ObjectMeta(
            name="folders", annotations={"storageclass.kubernetes.io/is-default-class": "true"}
        ),
        provisioner="kubernetes.io/host-path",
    )
    client.StorageV1Api(made.api).create_storage_class(storage)
