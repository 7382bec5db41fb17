"""Connection: objects of the one cluster that the stand-in speaks to."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from kubernetes import client, config, dynamic
from kubernetes.client.exceptions import ApiException

from tests.plugins.standin import Refusal, Values

MANAGER = "pulumi-stand-in"
CONTEXT: dict[str, str | None] = {"context": None}


def configure(values: Values) -> None:
    """Take the provider's `context`; KUBECONFIG's current one else."""
    CONTEXT["context"] = values.get("context")


@cache
def _cluster() -> Any:
    loading: Any = config  # without types of its own
    return dynamic.DynamicClient(loading.new_client_from_config(context=CONTEXT["context"]))  # type: ignore[no-untyped-call]


@cache
def core() -> Any:
    """The API's core group."""
    return client.CoreV1Api(_cluster().client)


@cache
def _resource(version: str, kind: str) -> Any:
    return _cluster().resources.get(api_version=version, kind=kind)


def words(error: ApiException) -> str:
    """The API server's own words."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def applied(body: Values, *, dry: bool = False) -> Values:
    """An object as the server has it after a server-side apply."""
    more = {"dry_run": "All"} if dry else {}
    try:
        made = _resource(body["apiVersion"], body["kind"]).server_side_apply(
            body=body,
            namespace=body["metadata"].get("namespace"),
            field_manager=MANAGER,
            field_validation="Strict",
            **more,
        )
    except ApiException as error:
        raise Refusal(words(error)) from None
    return _plain(made)


def live(body: Values) -> Values | None:
    """An object as it is now; None where there is none."""
    try:
        resource = _resource(body["apiVersion"], body["kind"])
        return _plain(resource.get(name=body["metadata"]["name"], namespace=body["metadata"].get("namespace")))
    except ApiException as error:
        if error.status == 404:
            return None
        raise Refusal(words(error)) from None


def removed(body: Values) -> None:
    """Delete an object; what belongs to it follows in the background."""
    try:
        _resource(body["apiVersion"], body["kind"]).delete(
            name=body["metadata"]["name"],
            namespace=body["metadata"].get("namespace"),
            body={"propagationPolicy": "Background"},
        )
    except ApiException as error:
        if error.status != 404:
            raise Refusal(words(error)) from None


def _plain(found: Any) -> Values:
    made: Values = found.to_dict()
    made["metadata"].pop("managedFields", None)
    return made
