"""Hides secret values in lines that people read, also in their URL-encoded and base64 forms."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable

# Shorter values would black out ordinary words; generated secrets have at least 8 characters.
SHORTEST = 4


def forms(secret: str) -> set[str]:
    """The ways in which a secret may show up in text: raw, JSON, URL-encoded, base64 at any offset."""
    raw = secret.encode()
    found = {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
    found |= {urllib.parse.quote(secret), repr(secret)[1:-1]}
    for offset in range(3):
        # Inside a longer text (`user:password`) only the characters made of the secret's own bits are the same.
        skip, cut = (0, 2, 3)[offset], (len(raw) + offset) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + raw).decode().rstrip("=")
            found.add(text[skip : len(text) - 1 if cut else len(text)])
    return {form for form in found if len(form) >= SHORTEST}


class Masks:
    """Replaces every form of the given secrets by `[secret]`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        every = {form for secret in secrets if len(secret) >= SHORTEST for form in forms(secret)}
        for secret in list(secrets):
            # A key in several lines (PEM) is printed line by line.
            every |= {line for line in secret.splitlines() if len(line) >= 16}
        self._forms = sorted(every, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, "[secret]")
        return text
