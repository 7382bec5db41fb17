"""What a stack file says: its plain `meshwright:` keys, and the names of its secret ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.errors import Refused
from templates.document import load

STACKS = Path(__file__).resolve().parent
PREFIX = "meshwright:"


def stack_config(stack: str, stacks: Path = STACKS) -> dict[str, Any]:
    """The plain `meshwright:` keys of a stack file, without the prefix; empty where there is no file."""
    return {key: value for key, value in _configured(stack, stacks).items() if not _secure(value)}


def stack_secrets(stack: str, stacks: Path = STACKS) -> list[str]:
    """The names of its secret ones."""
    return [key for key, value in _configured(stack, stacks).items() if _secure(value)]


def _secure(value: Any) -> bool:
    return isinstance(value, dict) and "secure" in value


def _configured(stack: str, stacks: Path) -> dict[str, Any]:
    file = stacks / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        return {}
    document = load(file)
    config: Any = document.data or {}
    for path in ((), ("config",)):
        config = config.get("config") or {} if path else config
        if not isinstance(config, dict):
            where = "`config`" if path else "the file"
            raise Refused([document.error(f"{where} holds no mapping of names to values", *path)])
    return {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}
