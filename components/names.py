"""Physical names: what a logical name becomes where a length or an alphabet is limited."""

from __future__ import annotations

import hashlib
import re

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""Ids that people write: lower case, digits, single dashes; `--` joins a component and its child."""


def shortened(name: str, limit: int) -> str:
    """`name` within `limit` characters; what is cut is kept apart by six hexadecimal digits of its hash."""
    if len(name) <= limit:
        return name
    if limit < 8:
        raise ValueError(f"{limit} characters leave no room for a hash and a letter")
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    separator = "_" if "_" in name else "-"
    return f"{name[: limit - 7].rstrip('-_')}{separator}{digest}"


def slug(reader: str) -> str:
    """A reader as part of a resource name: `flights/delay-model` -> `flights-delay-model`."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in reader.lower()).strip("-")
