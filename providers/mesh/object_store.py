"""ObjectStore: an S3 server (SeaweedFS) with one bucket."""

from __future__ import annotations

import hmac
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from . import ports, program, s3
from .fields import COMMON, Failure, Field, at_least, legal_bind
from .health import Endpoint
from .home import Home, read
from .kind import Inputs, Kind, Operation, Outputs, refused
from .program import Program
from .refusal import Refusal
from .supervisor import Supervisor
from .values import UNKNOWN

PARTS = ("s3", "s3-grpc", "master", "master-grpc", "volume", "volume-grpc", "filer", "filer-grpc")
"""The ports of `weed server -s3`; all on loopback but `s3`, which follows `bind`."""
ACTIONS = ("Read", "Write", "List", "Tagging")
IDENTITIES = "identities.json"
PROBE = ".meshwright-probe"
KEYS = "keys"
"""Folder beside the store's files: an item for each ObjectStoreKey."""
# One volume file grows to this size; small, so that a bucket costs a few files and not 30 GB each.
VOLUME_MIB = 1024


def legal_bucket(value: str) -> str | None:
    """S3's rules for bucket names (docs.aws.amazon.com, "Bucket naming rules"), without dots."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", value):
        return None
    return f"`{value}` is no legal bucket name: 3 to 63 lower-case letters, digits and hyphens"


def expired(item: dict[str, Any]) -> bool:
    """Whether a key's last day is over."""
    return bool(item.get("until")) and date.fromisoformat(item["until"][:10]) < datetime.now(UTC).date()


class ObjectStore(Kind):
    """`weed server` with S3, for its owner and whoever has an ObjectStoreKey; anonymous access is refused."""

    fields = {
        **COMMON,
        "environment": Field("text", required=True),
        "bucket": Field("text", required=True, check=legal_bucket),
        "accessKey": Field("text", required=True),
        "secretKey": Field("text", required=True, check=lambda v: None if len(v) >= 8 else "at least 8 characters"),
        "bind": Field("text", default="127.0.0.1", check=legal_bind),
        "startSeconds": Field("number", default=60, check=at_least(0.1)),
    }
    outputs = ("endpoint", "host", "port", "bucket", "ports")
    probed = True

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        instead = "make a store of another name and move the data"
        yield from refused(old, new, ("home", "name", "bucket"), "an object store", instead)

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if not state or UNKNOWN in (new.get("bind"), new.get("bucket")):
            return {**{key: state.get(key, UNKNOWN) for key in self.outputs}, "bucket": new["bucket"]}
        return self._outputs(new, state["ports"])

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        if not home.data(name).exists():
            return "its data directory is gone"
        if read(home.run(name) / "files" / IDENTITIES) != identities(home, name, inputs["bucket"], _owner(inputs)):
            return "a key has expired"
        return self._program(inputs, state.get("ports", {})).dead()

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        kept = home.data(name).exists()
        try:
            return self._up(operation, inputs, {})
        except BaseException:
            Supervisor(home).remove(name)
            ports.Ports(home, name).release()
            # Data that was there before (a state that was lost) is not ours to remove.
            home.forget(home.run(name), *(() if kept else (home.data(name),)))
            raise

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        return self._up(operation, new, {key: {"port": port} for key, port in state["ports"].items()})

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:
        program.remove(Home(Path(inputs["home"])), inputs["name"])
        for port in state.get("ports", {}).values():
            # SeaweedFS puts sockets beside its gRPC ports, at a path that can't be chosen.
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                with suppress(OSError):
                    path.unlink()

    def _up(self, operation: Operation, inputs: Inputs, known: dict[str, Any]) -> Outputs:
        home, name = Home(Path(inputs["home"])), inputs["name"]
        chosen = program.addresses(home, name, {part: {} for part in PARTS}, known, inputs["bind"])
        server = self._program(inputs, chosen)
        host = program.probe_host(inputs["bind"])
        server.up(operation, lambda: _bucket(inputs, host, chosen["s3"]))
        return self._outputs(inputs, chosen)

    @staticmethod
    def _outputs(inputs: Inputs, chosen: dict[str, int]) -> Outputs:
        host = program.reachable(inputs["bind"])
        url = f"http://{f'[{host}]' if ':' in host else host}:{chosen['s3']}"
        return {"endpoint": url, "host": host, "port": chosen["s3"], "bucket": inputs["bucket"], "ports": chosen}

    @staticmethod
    def _program(inputs: Inputs, chosen: dict[str, int]) -> Program:
        home, name, bind = Home(Path(inputs["home"])), inputs["name"], inputs["bind"]
        data, files = home.data(name), home.run(name) / "files"
        flags: dict[str, Any] = {
            "dir": data,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "filer": "true",
            "s3": "true",
            "s3.ip.bind": bind,
            "s3.config": files / IDENTITIES,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": VOLUME_MIB,
            "volume.max": 0,
            "master.electionTimeout": "1s",
            "volume.preStopSeconds": 0,
        }
        for part, port in chosen.items():
            side, _, grpc = part.partition("-")
            flags[f"{side}.port{'.grpc' if grpc else ''}"] = port
        argv = [str(Path(inputs["environment"], "bin", "weed")), "-logtostderr=true", "server"]
        argv += [f"-{key}={value}" for key, value in flags.items()]
        # Its inner HTTP servers answer only what carries a token signed by one of these keys.
        keys = {
            f"WEED_JWT_{part}KEY": hmac.digest(inputs["secretKey"].encode(), part.encode(), "sha256").hex()
            for part in ("SIGNING_", "SIGNING_READ_", "FILER_SIGNING_", "FILER_SIGNING_READ_")
        }
        health = Endpoint("s3", program.probe_host(bind), chosen.get("s3", 0), "http", "/healthz")
        others = [Endpoint(part, "127.0.0.1", port) for part, port in chosen.items() if part != "s3"]
        return Program(
            home,
            name,
            argv,
            program.surroundings(None, data),
            [health, *others],
            files={IDENTITIES: identities(home, name, inputs["bucket"], _owner(inputs))},
            secrets=keys,
            start_seconds=inputs["startSeconds"],
            # A graceful stop waits 15 s for idle connections; what was acknowledged is in its files before that.
            stop_seconds=3,
        )


def identities(home: Home, store: str, bucket: str, owner: dict[str, Any]) -> str:
    """SeaweedFS' identities file: the owner may do everything, each key what it was given on the bucket."""
    items = [json.loads(file.read_text()) for file in sorted((home.run(store) / KEYS).glob("*.json"))]
    return json.dumps({"identities": [owner, *(identity(item, bucket) for item in items if not expired(item))]})


def identity(item: dict[str, Any], bucket: str) -> dict[str, Any]:
    """A key as SeaweedFS is told of it."""
    prefix = item.get("prefix", "")
    within = {action: f"/{prefix}*" if prefix and action != "List" else "" for action in item["actions"]}
    return _identity(item, [f"{action}:{bucket}{part}" for action, part in within.items()])


def _owner(inputs: Inputs) -> dict[str, Any]:
    return _identity({**inputs, "name": "admin"}, ["Admin", *ACTIONS])


def _identity(item: dict[str, Any], actions: list[str]) -> dict[str, Any]:
    pair = {"accessKey": item["accessKey"], "secretKey": item["secretKey"]}
    return {"name": item["name"], "credentials": [pair], "actions": actions}


def restart(operation: Operation, home: Home, store: str, host: str, port: int) -> None:
    """Stop and start a store and wait until it answers."""
    supervisor = Supervisor(home)
    supervisor.stop(store)
    supervisor.start(store)
    endpoint = Endpoint("s3", host, port, "http", "/healthz")
    for _ in range(300):
        if endpoint.answers():
            return
        operation.sleep(0.1)
    raise Refusal(f"object store `{store}` does not answer after its restart")


def _bucket(inputs: Inputs, host: str, port: int) -> bool:
    """Whether the bucket is there; makes it where it is not."""
    try:
        key = (inputs["accessKey"], inputs["secretKey"])
        bucket, probe = f"/{inputs['bucket']}", f"/{inputs['bucket']}/{PROBE}"
        if s3.request(host, port, "PUT", bucket, *key) not in (200, 409):  # 409: it is ours already
            return False
        # The S3 side answers before the volumes are there: only a written and read object shows that all work.
        through = [s3.request(host, port, "PUT", probe, *key, b"probe"), s3.request(host, port, "GET", probe, *key)]
        s3.request(host, port, "DELETE", probe, *key)
    except (OSError, http.client.HTTPException):
        return False
    return through == [200, 200]
