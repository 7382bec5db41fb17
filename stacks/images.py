"""`stacks/images.yaml`: the digest of every image that was pushed, committed so that each machine runs the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

from components.errors import UserError
from templates.document import load

NAME = "images.yaml"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HEAD = """\
# Written by `mesh images push`; commit it. <software>:<hash of its packages, its Python and its base>: <digest>
"""


def read_images(stacks: Path) -> dict[str, str]:
    """Key of a software (components/targets/containers.py `key_of`) -> digest; empty where nothing was pushed yet."""
    file = stacks / NAME
    if not file.is_file():
        return {}
    document = load(file)
    found = document.data or {}
    if not isinstance(found, dict):
        raise document.error("the file holds no mapping of images to digests")
    for key, digest in found.items():
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise document.error(f"`{digest}` is no digest", key, hint="take the line out and run `mesh images push`")
    return {str(key): str(digest) for key, digest in found.items()}


def write_images(stacks: Path, digests: dict[str, str]) -> Path:
    """Add digests to the file, whole or not at all."""
    file = stacks / NAME
    text = HEAD + yaml.safe_dump({**read_images(stacks), **digests}, width=200)
    made = file.with_name(f".{NAME}.{os.getpid()}")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(file)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise UserError(f"{file} can't be written: {error.strerror}") from None
    return file
