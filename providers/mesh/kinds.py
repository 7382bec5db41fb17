"""The resource kinds by type token; a kind's module is only imported when it is used."""

from __future__ import annotations

import importlib
from functools import cache

from .kind import Kind
from .refusal import Refusal

KINDS = {
    "Environment": "environment",
    "JobRun": "job_run",
    "ObjectStore": "object_store",
    "ObjectStoreKey": "object_store_key",
    "Placement": "placement",
    "PostgresServer": "postgres_server",
    "Process": "process",
    "SecretValue": "secret_value",
}


@cache
def find(token: str) -> Kind:
    """The kind of a type token such as `mesh:index:Process`."""
    name = token.rsplit(":", 1)[-1]
    if token != f"mesh:index:{name}" or name not in KINDS:
        raise Refusal(f"there is no resource kind `{token}`; there are {', '.join(sorted(KINDS))}")
    module = importlib.import_module(f"{__package__}.{KINDS[name]}")
    kind: Kind = getattr(module, name)()
    return kind
