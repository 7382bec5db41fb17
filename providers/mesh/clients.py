"""The variables by which the clients of a daemon, a cluster or a cloud find it, and the rights there."""

from __future__ import annotations

import os

BEGIN = ("DOCKER_", "KUBE", "AWS_", "AZURE_", "ARM_")
"""What their names begin with."""
PERSON = ("HOME", "PATH", "USER", "HTTPS_PROXY", "NO_PROXY")
"""Clients look in the home for the rest, and some call a command for a token."""
KEYS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "AUTH_CONFIG", "HTTPS_PROXY")
"""What stands in the names of variables that are secrets: they go with a run and are never written down."""


def live() -> dict[str, str]:
    """Those of this process, keys and tokens among them."""
    return {key: value for key, value in os.environ.items() if key.startswith(BEGIN) or key in PERSON}


def kept() -> dict[str, str]:
    """Those that may be kept in a definition: a file that holds a token is named, a token is not."""
    found = live().items()
    return {key: value for key, value in found if key.endswith("_FILE") or not any(word in key for word in KEYS)}
