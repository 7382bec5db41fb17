"""Finds secrets in data that is about to be published."""

import re
from collections.abc import Iterator

from pydantic import BaseModel

# Key of Pulumi's marker for a secret value (sdk/go/common/resource/sig.SigKey).
PULUMI_SIGNATURE = "4dabf18193072939515e22adb298388d"
# What `pulumi stack output --json` shows for a secret.
PULUMI_BLANK = "[secret]"

KEY = re.compile(
    r"pass(word|wd|phrase)|^pwd$|secret|token|credential|(api|access|private|account|shared)[-_]?key", re.I
)
# Each pattern holds no nested repetition: a hostile text costs linear time.
VALUES = (
    ("user-info in a URL", re.compile(r"//[^/?#\s\"'<>]{0,512}@")),
    ("a password", re.compile(r"\b(password|passwd|pwd|secret|passphrase)(\s?=\s?|:)[^\s,;]{3}", re.I)),
    ("a token", re.compile(r"[?&;](password|token|access_token|api_?key|sig|x-amz-signature|secret)=[^&\s]", re.I)),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY")),
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("an Azure account key", re.compile(r"AccountKey=", re.I)),
    ("a signed token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{5,}")),
    ("an access token", re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{30}|glpat-[A-Za-z0-9_-]{20}|xox[abp]-[A-Za-z0-9-]{10})")),
    ("a Pulumi secret", re.compile(re.escape(PULUMI_SIGNATURE))),
)


def secrets(value: object, path: str = "") -> Iterator[str]:
    """A sentence for each secret in `value` (nested dicts, lists, texts). It never repeats the secret."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, dict):
        if PULUMI_SIGNATURE in value:
            yield f"`{path}` is a Pulumi secret: a record holds references, never secrets"
            return
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if KEY.search(str(key)):
                yield f"`{here}` looks like a secret: a record holds references, never secrets"
            else:
                yield from secrets(inner, here)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from secrets(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        if value == PULUMI_BLANK:
            yield f"`{path}` is a Pulumi secret: a record holds references, never secrets"
            return
        for what, pattern in VALUES:
            if pattern.search(value):
                yield f"`{path}` holds {what}: a record holds references, never secrets"
                return
