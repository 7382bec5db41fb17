"""Login: who we are at a registry, from Docker's own configuration (docs.docker.com, `docker login`)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.errors import UserError
from tools.images.reference import DOCKER_HUB

DOCKER_HUB_KEY = "https://index.docker.io/v1/"
TOKEN_USER = "<token>"
"""The user's name by which a credential helper says that the secret is an identity token."""


@dataclass(frozen=True)
class Login:
    """A user with a password, or an identity token that buys access tokens."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def login_for(host: str) -> Login | None:
    """The login of a registry: its credential helper, the common store, or what stands in the file."""
    file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    config = _read(file)
    keys = [host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/"]
    keys = [DOCKER_HUB_KEY, *keys] if host == DOCKER_HUB else keys
    helpers = config.get("credHelpers") or {}
    helper = next((helpers[key] for key in keys if key in helpers), config.get("credsStore"))
    if helper:
        found = next((login for key in keys[:2] if (login := _asked(str(helper), key)) is not None), None)
        if found is not None:
            return found
    auths = config.get("auths") or {}
    entry = next((auths[key] for key in keys if auths.get(key)), None)
    return _entry(entry, file, host) if isinstance(entry, dict) else None


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"Docker's configuration can't be read: {error}", file=file) from None
    return config if isinstance(config, dict) else {}


def _entry(entry: dict[str, Any], file: Path, host: str) -> Login | None:
    token = str(entry.get("identitytoken") or "")
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except ValueError:
            raise UserError(f"the login of {host} is damaged", file=file, hint=f"docker login {host}") from None
    return Login(user, password.rstrip("\0"), token) if user or token else None


def _asked(helper: str, key: str) -> Login | None:
    """What `docker-credential-<helper> get` answers; None where it knows nothing."""
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"docker-credential-{helper}, which Docker's configuration names, fails: {error}") from None
    if done.returncode:
        return None
    try:
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"docker-credential-{helper} gave no user and secret for {key}") from None
    return Login(identity_token=secret) if user == TOKEN_USER else Login(user, secret)
