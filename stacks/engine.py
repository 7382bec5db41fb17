"""What the running Pulumi engine tells the program: configuration, and the stack's previous outputs."""

from __future__ import annotations

import gc
import json
import time
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from stacks.program import PROJECT

TRIES = 6
"""Attempts to read the outputs, 3 s in all."""


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


def configured_secrets() -> list[str]:
    """The names of the stack's secret `meshwright:` settings."""
    prefix = f"{PROJECT}:"
    keys = runtime_config.get_config_secret_keys_env()
    return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]


def spare_stack_traces() -> None:
    """Register resources without the frames that led there.

    They are the house's own, no manifest's; they doubled the state, and carried this machine's paths into it.
    """
    from pulumi.runtime import resource
    from pulumi.runtime.proto import source_pb2

    if hasattr(resource, "_get_stack_trace"):
        resource._get_stack_trace = source_pb2.StackTrace


def spare_collections() -> None:
    """Register resources without looking for garbage: there is none before the process ends.

    The SDK's outputs are full of cycles that all live; looking through them again and again took 4 of 10 seconds of a
    domain of 100 products. It costs a tenth more memory.
    """
    gc.disable()


def previous_outputs(stack: str) -> dict[str, Any]:
    """The outputs of the stack's newest update; empty before the first."""
    name = f"organization/{PROJECT}/{stack}"
    for attempt in range(TRIES):
        try:
            value = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value or {}
            return dict(value.get("outputs") or {})
        except Exception:
            # The file backend writes a checkpoint in place: read in that moment, it is cut off.
            if attempt == TRIES - 1:
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable")
