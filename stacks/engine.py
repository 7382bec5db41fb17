"""What the running Pulumi engine tells the program: configuration, and the stack's previous outputs."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from stacks.program import PROJECT


def configured() -> dict[str, Any]:
    """The stack's plain `meshwright:` settings; secret ones stay with the engine."""
    prefix = f"{PROJECT}:"
    found: dict[str, Any] = {}
    for key, value in runtime_config.get_config_env().items():
        if key.startswith(prefix) and key not in runtime_config.get_config_secret_keys_env():
            try:
                found[key.removeprefix(prefix)] = json.loads(value)
            except ValueError:
                found[key.removeprefix(prefix)] = value
    return found


def previous_outputs(stack: str) -> dict[str, Any]:
    """The outputs of the stack's newest update; empty before the first."""
    result = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": f"organization/{PROJECT}/{stack}"})
    value = result.value or {}
    return dict(value.get("outputs") or {})
