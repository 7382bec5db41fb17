"""Names on Azure: legal, told apart by a hash, and the ids of what is brought along."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

LONGEST: Mapping[str, int] = {
    "account": 24,
    "app": 32,
    "container": 63,
    "endpoint": 64,
    "environment": 32,
    "group": 90,
    "guard": 80,
    "identity": 128,
    "job": 32,
    "link": 80,
    "network": 64,
    "server": 63,
    "workspace": 63,
}
"""Characters of a name (learn.microsoft.com, "Naming rules and restrictions for Azure resources")."""

ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/.+/(?P<name>[^/]+)", re.IGNORECASE)


def named(kind: str, scope: str, origin: str) -> str:
    """A legal name: small letters, digits and single dashes (a storage account: no dash), eight digits of a hash.

    The hash is of `scope` (tenant and stack) and `origin`: some names are unique in the world, and `a--b-c` is not
    `a-b--c`. Key Vault and its secrets have no name here: deleted ones keep theirs, so the provider makes a new one.
    """
    digest = hashlib.sha256(f"{scope}/{origin}".encode()).hexdigest()[:8]
    dash = "" if kind == "account" else "-"
    readable = re.sub(r"[^a-z0-9]+", dash, origin.lower())
    return f"{readable[: LONGEST[kind] - len(dash + digest)].rstrip('-')}{dash}{digest}"
