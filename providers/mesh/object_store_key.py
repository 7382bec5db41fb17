"""ObjectStoreKey: an access key of an ObjectStore that reads one bucket, or a part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import s3
from .fields import Failure, Field
from .home import Home, read, write
from .kind import Inputs, Kind, Operation, Outputs, refused
from .object_store import ACTIONS, IDENTITIES, KEYS, expired, identities, identity, restart
from .refusal import Refusal
from .supervisor import Supervisor


def legal_actions(value: list[str]) -> str | None:
    """What a key may be allowed."""
    wrong = [action for action in value if action not in ACTIONS]
    return f"action `{wrong[0]}` is none of {', '.join(ACTIONS)}" if wrong else None


def legal_day(value: str) -> str | None:
    """An ISO date."""
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return f"`{value}` is no date such as 2027-06-30"
    return None


class ObjectStoreKey(Kind):
    """Added without a restart; removing one restarts the store, because SeaweedFS forgets no key while it runs."""

    fields = {
        "home": Field("text", required=True),
        "name": Field("text", required=True),
        "endpoint": Field("text", required=True),
        "store": Field("text", required=True),
        "bucket": Field("text", required=True),
        "prefix": Field("text", default=""),
        "actions": Field("texts", required=True, check=legal_actions),
        "until": Field("text", check=legal_day),
        "accessKey": Field("text", required=True),
        "secretKey": Field("text", required=True),
        "tags": Field("table"),
    }
    probed = True

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        yield from refused(old, new, ("home", "name", "store", "bucket"), "a key", "make a key of another name")

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        home = Home(Path(inputs["home"]))
        if read(_file(home, inputs)) is None:
            return "the store has lost it"
        if expired(inputs):
            return None
        known = json.loads(read(_identities(home, inputs)) or '{"identities": []}')["identities"]
        return None if identity(_item(inputs), inputs["bucket"]) in known else "the store does not know it"

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        home = Home(Path(inputs["home"]))
        write(_file(home, inputs), json.dumps(_item(inputs)))
        if _tell(home, inputs):
            Supervisor(home).signal(inputs["store"], "HUP")
        if not expired(inputs):
            self._wait(operation, inputs)
        return {}

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        self.delete(operation, old, state)
        return self.create(operation, new)

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:
        home = Home(Path(inputs["home"]))
        _file(home, inputs).unlink(missing_ok=True)
        if _tell(home, inputs) and Supervisor(home).info(inputs["store"]):
            at = urlsplit(inputs["endpoint"])
            restart(operation, home, inputs["store"], str(at.hostname), int(at.port or 80))

    @staticmethod
    def _wait(operation: Operation, inputs: Inputs) -> None:
        at = urlsplit(inputs["endpoint"])
        path, key = f"/{inputs['bucket']}", (inputs["accessKey"], inputs["secretKey"])
        for _ in range(100):  # identities are read again some moments after SIGHUP
            if s3.request(str(at.hostname), int(at.port or 80), "GET", path, *key) == 200:
                return
            operation.sleep(0.1)
        raise Refusal(f"object store `{inputs['store']}` does not accept the key `{inputs['name']}`")


def _item(inputs: Inputs) -> dict[str, Any]:
    keys = ("name", "accessKey", "secretKey", "actions", "until", "prefix")
    return {key: inputs[key] for key in keys if inputs.get(key)}


def _file(home: Home, inputs: Inputs) -> Path:
    return home.run(inputs["store"]) / KEYS / f"{inputs['name']}.json"


def _identities(home: Home, inputs: Inputs) -> Path:
    return home.run(inputs["store"]) / "files" / IDENTITIES


def _tell(home: Home, inputs: Inputs) -> bool:
    """Write the store's identities anew; whether they changed. A store that is gone is told nothing."""
    with home.lock():
        before = read(_identities(home, inputs))
        if before is None:
            return False
        owner = json.loads(before)["identities"][0]
        after = identities(home, inputs["store"], inputs["bucket"], owner)
        write(_identities(home, inputs), after)
    return before != after
