"""Ready: when an object of a kind is as it should be, and why it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from tests.plugins.kubernetes import connection
from tests.plugins.standin import Refusal, Values

SKIP = "pulumi.com/skipAwait"
LONGEST = 600
"""Seconds until the official plugin gives up."""
PATIENCE = 45
"""Seconds in which a pod that can't start may still change its mind."""
HOPELESS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff")
Waiting = Callable[[Values, threading.Event], None]


def awaited(body: Values) -> bool:
    """Whether its maker wants us to wait."""
    return (body["metadata"].get("annotations") or {}).get(SKIP) != "true"


def deployment(found: Values) -> bool:
    """All pods of the newest template are available, and no other is left."""
    status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return _seen(found) and counts == [wanted] * 3


def stateful_set(found: Values) -> bool:
    """All pods are of the newest template and ready."""
    status, wanted = found.get("status") or {}, found["spec"].get("replicas", 1)
    same = status.get("updateRevision") == status.get("currentRevision")
    return _seen(found) and same and status.get("readyReplicas", 0) == wanted


def claim(found: Values) -> bool:
    """It has a volume."""
    return bool((found.get("status") or {}).get("phase") == "Bound")


def service(found: Values) -> bool:
    """It leads to pods; a headless one with a selector, too (pkg/await/service.go)."""
    metadata = found["metadata"]
    ends = connection.live({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata})
    return not found["spec"].get("selector") or bool(ends and ends.get("subsets"))


def _seen(found: Values) -> bool:
    return bool((found.get("status") or {}).get("observedGeneration", 0) >= found["metadata"]["generation"])


def reason(found: Values) -> str:
    """Why its pods do not start, in the cluster's words; empty while they may."""
    labels = (found["spec"].get("selector") or {}).get("matchLabels") or {}
    if not labels:
        return ""
    chosen = ",".join(f"{key}={value}" for key, value in labels.items())
    namespace = found["metadata"]["namespace"]
    for pod in connection.core().list_namespaced_pod(namespace, label_selector=chosen).items:
        for state in pod.status.container_statuses or []:
            waiting = state.state.waiting
            if waiting is not None and waiting.reason in HOPELESS:
                return f"{waiting.reason}: {waiting.message or state.image}"
        for condition in pod.status.conditions or []:
            if condition.type == "PodScheduled" and condition.status == "False":
                return f"no node takes the pod: {condition.message}"
    for condition in (found.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition["message"])
    return _refused(found)


def _refused(found: Values) -> str:
    """A warning about the object itself: its pods are not let in."""
    chosen = f"involvedObject.uid={found['metadata']['uid']},type=Warning"
    events = connection.core().list_namespaced_event(found["metadata"]["namespace"], field_selector=chosen).items
    return str(events[-1].message) if events else ""


def until(ready: Callable[[Values], bool]) -> Waiting:
    """Waits until it is; says why when its pods have not started after PATIENCE."""

    def wait(body: Values, cancelled: threading.Event) -> None:
        begun, name = time.monotonic(), f"{body['kind']} {body['metadata']['name']}"
        while (found := connection.live(body)) is not None and not ready(found):
            spent = time.monotonic() - begun
            why = reason(found) if spent > PATIENCE else ""
            if why or spent > LONGEST or cancelled.is_set():
                raise Refusal(f"{name} is not ready after {spent:.0f} s{': ' if why else ''}{why}")
            time.sleep(0.25)

    return wait


READY: Mapping[str, Waiting] = {
    "Deployment": until(deployment),
    "PersistentVolumeClaim": until(claim),
    "Service": until(service),
    "StatefulSet": until(stateful_set),
}
