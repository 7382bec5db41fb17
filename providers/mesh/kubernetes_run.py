"""Runs a job as a Kubernetes Job: `kubernetes_run.py JOB.json [--undo]`.

Shows the pod's lines and exits with its container's code; 2 where it could not be started, with the cluster's reason.
The finished Job stays, to be looked at, until the next run; `--undo` runs the job's undo command, then removes both.
"""

from __future__ import annotations

import copy
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import urllib3.exceptions
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

HOPELESS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
)
"""Why a container waits that will not start by itself."""
PATIENCE = 45
"""Seconds in which a pull or a placement that fails may still succeed; a user hears of it within a minute."""
LOOK = 0.5


class Refused(Exception):
    """Why the job can't run, in one sentence."""


def whole(value: Any) -> Any:
    """A manifest with whole numbers where a Pulumi value had only floats."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def reason(error: ApiException) -> str:
    """The API server's own words."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


class Cluster:
    """The jobs of one namespace."""

    def __init__(self, context: str | None, namespace: str) -> None:
        loading: Any = config  # without types of its own
        try:
            loading.load_kube_config(context=context)
        except ConfigException:
            try:
                loading.load_incluster_config()
            except ConfigException:
                raise Refused(
                    f"there is no Kubernetes configuration with the context {context or 'that is current'}"
                ) from None
        # Their own types call every field optional.
        self.batch: Any = client.BatchV1Api()
        self.core: Any = client.CoreV1Api()
        self.namespace = namespace

    def remove(self, name: str) -> None:
        """Remove a Job with its pods, and wait until it is gone."""
        try:
            self.batch.delete_namespaced_job(name, self.namespace, propagation_policy="Foreground")
            while True:
                self.batch.read_namespaced_job(name, self.namespace)
                time.sleep(LOOK)
        except ApiException as error:
            if error.status != 404:
                raise

    def pod(self, name: str) -> Any:
        """The newest pod of a Job, or None."""
        pods = self.core.list_namespaced_pod(self.namespace, label_selector=f"job-name={name}").items
        return max(pods, key=lambda pod: pod.metadata.creation_timestamp, default=None)

    def started(self, name: str) -> Any:
        """The Job's pod once its container runs or has ended."""
        begun = time.monotonic()
        while True:
            pod = self.pod(name)
            why = self.failed(name) if pod is None else waits(pod)
            if pod is not None and pod.status.phase in ("Running", "Succeeded", "Failed"):
                return pod
            if why and time.monotonic() - begun > PATIENCE:
                raise Refused(why)
            time.sleep(LOOK)

    def failed(self, name: str) -> str:
        """Why a Job has no pod."""
        events = self.core.list_namespaced_event(
            self.namespace, field_selector=f"involvedObject.kind=Job,involvedObject.name={name},type=Warning"
        ).items
        return str(events[-1].message) if events else ""

    def show(self, pod: str) -> None:
        """The pod's lines, until it ends."""
        answer = self.core.read_namespaced_pod_log(pod, self.namespace, follow=True, _preload_content=False)
        for piece in answer.stream():
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()

    def code(self, name: str, pod: str) -> int:
        """The exit code of the container, when the pod has ended."""
        while True:
            try:
                now = self.core.read_namespaced_pod(pod, self.namespace)
            except ApiException as error:
                if error.status != 404:
                    raise
                print(self.failed(name) or f"the pod {pod} was removed", flush=True)
                return 1
            states = now.status.container_statuses or []
            ended = next((state.state.terminated for state in states if state.state.terminated), None)
            if ended is not None:
                if ended.reason == "OOMKilled":
                    print("ended by its memory limit", flush=True)
                return int(ended.exit_code)
            if now.status.phase == "Failed":
                print(now.status.message or now.status.reason or "the pod failed", flush=True)
                return 1
            time.sleep(LOOK)

    def run(self, manifest: dict[str, Any]) -> int:
        """Run a Job to the end, showing every line."""
        name = manifest["metadata"]["name"]
        self.remove(name)
        try:
            self.batch.create_namespaced_job(self.namespace, manifest, field_validation="Strict")
        except ValueError as error:  # newer clients look at it themselves
            raise Refused(f"the manifest is no Job: {error}") from None
        try:
            pod = self.started(name).metadata.name
            self.show(pod)
            return self.code(name, pod)
        except BaseException:
            self.remove(name)
            raise


def waits(pod: Any) -> str:
    """Why a pod does not start, in the cluster's words; empty while all is well."""
    for state in pod.status.container_statuses or []:
        waiting = state.state.waiting
        if waiting is not None and waiting.reason in HOPELESS:
            return f"{waiting.reason}: {waiting.message or state.image}"
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"no node takes the pod: {condition.message}"
    return ""


def main() -> None:
    """The command line."""
    told = json.loads(Path(sys.argv[1]).read_text())
    manifest = whole(told["manifest"])
    undoing = "--undo" in sys.argv
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        cluster = Cluster(told.get("context"), manifest["metadata"]["namespace"])
        ended = 0
        if undoing:
            if told.get("undo"):
                undo = copy.deepcopy(manifest)
                undo["metadata"]["name"] = f"{manifest['metadata']['name'][:58]}-undo"
                undo["spec"]["template"]["spec"]["containers"][0]["command"] = told["undo"]
                ended = cluster.run(undo)
                cluster.remove(undo["metadata"]["name"])
            cluster.remove(manifest["metadata"]["name"])
        else:
            ended = cluster.run(manifest)
        sys.exit(ended)
    except Refused as refused:
        print(refused, flush=True)
    except ApiException as error:
        print(f"the cluster refuses the job: {reason(error)}", flush=True)
    except urllib3.exceptions.HTTPError as error:
        print(f"the cluster does not answer: {str(error).split(': ')[-1]}", flush=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
