"""No generated password is found where anybody could read it; the same search finds a planted one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.example.running import Running

pytestmark = [pytest.mark.engine, pytest.mark.software]


def forms(secret: str) -> set[bytes]:
    """A secret as it may be written: plain, URL-encoded, base64 at any of the three alignments."""
    found = {secret.encode(), quote(secret, safe="").encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + secret.encode())
        # The first and last characters depend on neighbours.
        found.add(encoded[4 if shift else 0 : -4])
    return found


def hits(secrets: set[str], texts: Iterator[tuple[str, bytes]]) -> list[str]:
    """Where any form of a secret stands."""
    patterns = set().union(*(forms(secret) for secret in secrets))
    return [name for name, content in texts if any(pattern in content for pattern in patterns)]


def processes() -> Iterator[tuple[str, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield f"arguments of {folder.name}", (folder / "cmdline").read_bytes()
        except OSError:
            continue


def files(folder: Path, *patterns: str) -> Iterator[tuple[str, bytes]]:
    for pattern in patterns:
        for file in folder.rglob(pattern):
            if file.is_file():
                yield str(file), file.read_bytes()


def readable(running: Running) -> Iterator[tuple[str, bytes]]:
    """Everything that others may see."""
    for stack in ("weather-dev", "flights-dev"):
        yield f"outputs of {stack}", running.pulumi("stack", "output", "--json", "-s", stack).stdout.encode()
        yield f"history of {stack}", running.pulumi("stack", "history", "--json", "-s", stack).stdout.encode()
        yield from files(running.home(stack) / "logs", "*")
    yield from files(running.root / ".state", "*.json*", "*.bak*", "*.sqlite*", "*.yaml")
    yield from files(running.root / "stacks", "*.yaml")
    yield from processes()


def generated(running: Running) -> set[str]:
    """Every secret of the two stacks."""
    found: set[str] = set()
    for stack in ("weather-dev", "flights-dev"):
        exported = json.loads(running.pulumi("stack", "export", "--show-secrets", "-s", stack).stdout)
        for resource in exported["deployment"]["resources"]:
            if resource["type"] == "mesh:index:SecretValue":
                value = resource["outputs"]["value"]
                found.add(json.loads(value["plaintext"]) if isinstance(value, dict) else value)
    return found


def test_no_secret_is_readable(running: Running) -> None:
    secrets = generated(running)
    assert len(secrets) > 10
    assert hits(secrets, readable(running)) == []


def test_the_search_finds_a_planted_secret(running: Running) -> None:
    canary = "canary/4Fq+Zp9"
    planted = running.home("flights-dev") / "logs" / "planted.log"
    for form in forms(canary):
        planted.write_bytes(b"before " + form + b" after")
        assert hits({canary}, readable(running)) == [str(planted)]
    planted.unlink()
