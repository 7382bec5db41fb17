"""Applied: any object, by server-side apply; what the official plugin does in its default mode."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import proto

from providers.mesh.values import UNKNOWN, plain, plain_map, unknown_in
from tests.plugins.kubernetes import connection
from tests.plugins.kubernetes.ready import READY, awaited
from tests.plugins.standin import DIFF, Kind, Refusal, StandIn, Values

AUTONAMED = "pulumi.com/autonamed"
NEW_OBJECT = ("immutable", "updates to statefulset spec")
"""Words of the API server when a change needs a new object."""
GONE = 300
"""Seconds within which an object must be gone."""


class Applied(Kind):
    """One object; its id is `namespace/name`."""

    computed = ("metadata", "status")

    def check(self, new: Values) -> Iterator[tuple[str, str]]:
        body = sent(new)
        namespace = body["metadata"].get("namespace")
        if namespace and not (namespace != UNKNOWN and connection.live(namespaced(namespace))):
            body["metadata"]["namespace"] = "default"  # the same update makes it
        if unknown_in(body):
            return
        if connection.live(body) is None:
            try:
                connection.applied(body, dry=True)
            except Refusal as refusal:
                yield "", str(refusal)

    def create(self, new: Values) -> tuple[str, Values]:
        body = sent(new)
        made = connection.applied(body)
        try:
            return identity(made), self.settled(body)
        except Refusal:
            self.delete("", new)
            raise

    def settled(self, body: Values) -> Values:
        """What the server adds, when the object is ready."""
        wait = READY.get(body["kind"]) if awaited(body) else None
        if wait is not None:
            wait(body, self.cancelled)
        found = connection.live(body)
        if found is None:
            raise Refusal(f"{body['kind']} {identity(body)} was removed meanwhile")
        return {key: found[key] for key in self.computed if key in found}

    def read(self, identity: str, inputs: Values) -> Values | None:
        found = connection.live(inputs)
        return None if found is None else {key: found[key] for key in self.computed if key in found}

    def update(self, identity: str, new: Values) -> Values:
        body = sent(new)
        connection.applied(body)
        return self.settled(body)

    def delete(self, identity: str, state: Values) -> None:
        connection.removed(state)
        end = time.monotonic() + GONE
        while connection.live(state) is not None:
            if time.monotonic() > end or self.cancelled.is_set():
                raise Refusal(f"{state['kind']} {state['metadata']['name']} is still there after {GONE} s")
            time.sleep(0.2)

    @staticmethod
    def changed(new: Values) -> tuple[bool, bool]:
        """Whether an apply would change the object, and whether that needs a new one."""
        body = sent(new)
        now = connection.live(body)
        if now is None:
            return True, False
        try:
            then = connection.applied(body, dry=True)
        except Refusal as refusal:
            if any(word in str(refusal) for word in NEW_OBJECT):
                return True, True
            raise
        for found in (now, then):
            for key in ("resourceVersion", "generation"):
                found["metadata"].pop(key, None)
        return now != then, False


class Server(StandIn):
    """Names what has no name, and compares with what the API server says."""

    async def Check(self, request: Any, context: Any) -> Any:
        news = PropertyValue.unmarshal_map(request.news)
        olds = PropertyValue.unmarshal_map(request.olds)
        named(news, plain_map(olds), request.urn.rpartition("::")[2], request.randomSeed.hex())
        request.news.CopyFrom(PropertyValue.marshal_map(news))
        return await super().Check(request, context)

    async def Diff(self, request: Any, context: Any) -> Any:
        new = PropertyValue.unmarshal_map(request.news)
        before, after = plain_map(PropertyValue.unmarshal_map(request.old_inputs)), plain_map(new)

        def work(kind: Kind) -> Any:
            assert isinstance(kind, Applied)
            keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            moved = identity(before) != identity(after)
            changed, replace = (bool(keys), False) if unknown_in(after) or moved else kind.changed(after)
            if changed and not keys:
                keys = ["spec" if "spec" in after else "data"]  # somebody else changed it
            auto = AUTONAMED in (after["metadata"].get("annotations") or {})
            content = auto and after["kind"] in ("ConfigMap", "Secret") and {"data", "stringData"} & set(keys)
            replaces = ["metadata"] if moved else keys if replace or content else []
            detailed = {
                key: DIFF(kind=DIFF.UPDATE_REPLACE if key in replaces else DIFF.UPDATE, inputDiff=True) for key in keys
            }
            some = proto.DiffResponse.DIFF_SOME if keys else proto.DiffResponse.DIFF_NONE
            return proto.DiffResponse(
                changes=some,
                replaces=replaces,
                diffs=keys,
                detailedDiff=detailed,
                hasDetailedDiff=True,
                deleteBeforeReplace=bool(replaces) and not auto,
            )

        return await self._work(request, context, work, new)


def named(news: dict[str, PropertyValue], olds: Values, logical: str, seed: str) -> None:
    """Give an object that has no name the one it had, or a new one after its logical name."""
    metadata = news.get("metadata", PropertyValue({}))
    if plain(metadata) == UNKNOWN or (plain(metadata) or {}).get("name") is not None:
        return
    before: Values = olds.get("metadata") or {}
    kept = AUTONAMED in (before.get("annotations") or {})
    name = before["name"] if kept else f"{logical[:200]}-{seed[:8]}"
    members = inside(metadata)
    marked = {**inside(members.get("annotations")), AUTONAMED: PropertyValue("true")}
    news["metadata"] = PropertyValue({**members, "name": PropertyValue(name), "annotations": PropertyValue(marked)})


def inside(value: PropertyValue | None) -> dict[str, PropertyValue]:
    """The members of a map."""
    return dict(value.value) if value is not None and isinstance(value.value, Mapping) else {}


def sent(new: Values) -> Values:
    """The object as it is sent: without nulls, a Secret's texts encoded."""
    body: Values = full(new)
    body["metadata"] = dict(body.get("metadata") or {})
    if body["kind"] == "Secret":
        texts = body.pop("stringData", {})
        encoded = {k: v if v == UNKNOWN else base64.b64encode(v.encode()).decode() for k, v in texts.items()}
        body["data"] = {**body.get("data", {}), **encoded}
    return body


def namespaced(name: str) -> Values:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def full(value: Any) -> Any:
    """A value without its nulls."""
    if isinstance(value, dict):
        return {key: full(item) for key, item in value.items() if item is not None}
    return [full(item) for item in value] if isinstance(value, list) else value


def identity(body: Values) -> str:
    """`namespace/name`, or the name alone."""
    metadata = body["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata.get("name"))))
