"""Container, as the official plugin makes it: created, files uploaded through its root, started, waited for."""

from __future__ import annotations

import base64
import io
import re
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pulumi_docker as sdk
from docker.errors import APIError, NotFound
from docker.types import Healthcheck

from providers.mesh.values import UNKNOWN
from tests.plugins.docker.connection import daemon, labels
from tests.plugins.standin import Kind, Refusal, Values

LAST_LINES = 20
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
RUNNING = 15
"""Seconds in which a container that nobody waits for must be running."""


class Container(Kind):
    """kreuzwerker/terraform-provider-docker, resource_docker_container.go: what forces a new one, what is set."""

    args = sdk.ContainerArgs
    updated = frozenset(
        {"restart", "maxRetryCount", "memory", "memorySwap", "cpuShares", "cpuSet"}  # changed on the daemon
        | {"rm", "start", "wait", "waitTimeout", "mustRun", "removeVolumes", "destroyGraceSeconds", "tmpfs"}
        | {"attach", "logs", "healthcheck", "init", "containerReadRefreshTimeoutMilliseconds"}
    )
    computed = ("networkDatas", "bridge")

    def check(self, new: Values) -> Iterator[tuple[str, str]]:
        yield from super().check(new)
        if any(word == "" for word in new.get("command") or []):
            yield "command", "values for command may not be empty"
        for upload in new.get("uploads") or []:
            given = [key for key in ("content", "contentBase64", "source") if upload.get(key)]
            if len(given) != 1:
                yield "uploads", f"{upload.get('file')}: one of content, contentBase64 and source must be set"
            if not re.fullmatch(r"0[0-7]{3}", upload.get("permissions", "0644")):
                yield "uploads", f"{upload['file']}: permissions {upload['permissions']}"
        for volume in new.get("volumes") or []:
            if len([key for key in ("fromContainer", "containerPath") if volume.get(key) is not None]) != 1:
                yield "volumes", "either a container or a path is specified in a volume entry"
        if new.get("wait") and not new.get("healthcheck"):
            yield "wait", "waits for health, and there is no healthcheck"

    def before(self, old: Values, state: Values) -> Values:
        # The plugin's state holds the image's id, whatever was given: only an id stays the same.
        return {**old, "image": state.get("image")}

    def create(self, new: Values) -> tuple[str, Values]:
        api = daemon().api
        try:
            identity = str(api.create_container_from_config(configuration(new), new["name"])["Id"])
        except APIError as error:
            raise Refusal(f"unable to create container {new['name']}: {error.explanation or error}") from None
        try:
            for network in (new.get("networksAdvanced") or [])[1:]:
                api.connect_container_to_network(identity, network["name"], aliases=network.get("aliases"))
            for upload in new.get("uploads") or []:
                api.put_archive(identity, "/", packed(upload))
            if new.get("start", True):
                api.start(identity)
                self._wait(identity, new)
        except BaseException as error:
            last = api.logs(identity, tail=LAST_LINES).decode(errors="replace")
            api.remove_container(identity, force=True, v=True)
            reason = getattr(error, "explanation", None) or error
            raise Refusal(f"container {new['name']}: {reason}; its last lines:\n{last}") from None
        return identity, self.read(identity, new) or {}

    def _wait(self, identity: str, new: Values) -> None:
        healthy = bool(new.get("wait"))
        end = time.monotonic() + (new.get("waitTimeout", 60) if healthy else RUNNING)
        while True:
            state = daemon().api.inspect_container(identity)["State"]
            if state["Health"]["Status"] == "healthy" if healthy else state["Running"]:
                return
            if time.monotonic() > end or self.cancelled.is_set():
                checks = (state.get("Health") or {}).get("Log") or [{"Output": "no check ended"}]
                raise Refusal(f"not healthy after {new.get('waitTimeout', 60)} s: {checks[-1]['Output'].strip()}")
            time.sleep(0.25)

    def read(self, identity: str, inputs: Values) -> Values | None:
        try:
            found = daemon().api.inspect_container(identity)
        except NotFound:
            return None
        if not found["State"]["Running"] and inputs.get("mustRun", True):
            daemon().api.remove_container(identity, force=True, v=True)  # so does the plugin
            return None
        networks = found["NetworkSettings"]["Networks"]
        outputs: Values = {
            "image": found["Image"],
            "bridge": found["NetworkSettings"]["Bridge"],
            "networkDatas": [{"networkName": name, "ipAddress": net["IPAddress"]} for name, net in networks.items()],
        }
        return outputs

    def update(self, identity: str, new: Values) -> Values:
        limits = {"mem_limit": f"{new['memory']}m"} if new.get("memory") else {}
        if new.get("memorySwap"):
            limits["memswap_limit"] = f"{new['memorySwap']}m"
        daemon().api.update_container(identity, restart_policy={"Name": new.get("restart", "no")}, **limits)
        return super().update(identity, new)

    def delete(self, identity: str, state: Values) -> None:
        try:
            if state.get("destroyGraceSeconds"):
                daemon().api.stop(identity, timeout=state["destroyGraceSeconds"])
            daemon().api.remove_container(identity, force=True, v=state.get("removeVolumes", True))
        except NotFound:
            return


def configuration(new: Values) -> dict[str, Any]:
    """The daemon's own form of the inputs."""
    volumes = new.get("volumes") or []
    binds = [v for v in volumes if v.get("containerPath") and v.get("volumeName", v.get("hostPath"))]
    networks, ports = new.get("networksAdvanced") or [], new.get("ports") or []
    first = networks[0] if networks else {}
    host = daemon().api.create_host_config(
        binds=[f"{v['volumeName']}:{v['containerPath']}:{'ro' if v.get('readOnly') else 'rw'}" for v in binds],
        volumes_from=[v["fromContainer"] for v in volumes if v.get("fromContainer")],
        read_only=new.get("readOnly", False),
        tmpfs=new.get("tmpfs"),
        cap_add=(new.get("capabilities") or {}).get("adds"),
        cap_drop=(new.get("capabilities") or {}).get("drops"),
        security_opt=new.get("securityOpts"),
        mem_limit=f"{new['memory']}m" if new.get("memory") else None,
        memswap_limit=f"{new['memorySwap']}m" if new.get("memorySwap") else None,
        nano_cpus=int(float(new["cpus"]) * 1e9) if new.get("cpus") else None,
        restart_policy={"Name": new.get("restart", "no")},
        network_mode=first.get("name") or new.get("networkMode", "bridge"),
        init=new.get("init"),
        port_bindings={f"{p['internal']}/tcp": (p.get("ip", "0.0.0.0"), p.get("external")) for p in ports},
    )
    endpoint = daemon().api.create_endpoint_config(aliases=first.get("aliases")) if first else None
    config: dict[str, Any] = daemon().api.create_container_config(
        new["image"],
        new.get("command"),
        hostname=new.get("hostname"),
        user=new.get("user"),
        environment=new.get("envs"),
        volumes=[v["containerPath"] for v in volumes if v.get("containerPath")],
        labels=labels(new.get("labels")),
        entrypoint=new.get("entrypoints"),
        working_dir=new.get("workingDir"),
        ports=[p["internal"] for p in ports],
        stop_signal=new.get("stopSignal"),
        stop_timeout=new.get("stopTimeout"),
        healthcheck=health(new["healthcheck"]) if new.get("healthcheck") else None,
        host_config=host,
        networking_config={"EndpointsConfig": {first["name"]: endpoint}} if first else None,
    )
    return config


def health(written: Values) -> Healthcheck:
    """A health check with its times in nanoseconds."""
    times: dict[str, Any] = {key: nanoseconds(written[name]) for key, name in TIMES.items() if name in written}
    return Healthcheck(test=written["tests"], retries=written.get("retries", 0), **times)


TIMES = {"interval": "interval", "timeout": "timeout", "start_period": "startPeriod"}


def nanoseconds(duration: str) -> int:
    """`1m30s` as Go reads it."""
    return int(sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([0-9.]+)(ns|us|ms|s|m|h)", duration)))


def packed(upload: Values) -> bytes:
    """One file as a tar of its full path."""
    text = base64.b64decode(upload["contentBase64"]) if upload.get("contentBase64") else upload["content"].encode()
    assert UNKNOWN.encode() not in text
    entry = tarfile.TarInfo(upload["file"])
    entry.size, entry.mtime = len(text), int(time.time())
    entry.mode = int(upload.get("permissions") or ("0744" if upload.get("executable") else "0644"), 8)
    entry.uid, entry.gid = int(upload.get("owner", 0)), int(upload.get("group", 0))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(entry, io.BytesIO(text))
    return file.getvalue()
