"""Recognises secrets written as literals, by name and by form. What it returns never holds the value."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|(?:^|[_.\-])(?:pass|pwd|secret|token|credentials?|"
    r"(?:api|secret|private|encryption|signing|fernet|account|auth)[_\-]?key))(?:[_.\-]?(?:b64|base64))?$",
    re.IGNORECASE,
)
_BARE_KEY = re.compile(r"(?:^|_)key$", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?:access|public|primary|foreign|sort|partition|join|cache|hash|row)_?key$|"
    r"(?:type|default|metavalue|unicode|page|next|start|end|stop|pad|eos|bos|sep)_?token$",
    re.IGNORECASE,
)

_USER_INFO = re.compile(r"(?<![a-z0-9+.\-])[a-z][a-z0-9+.\-]{0,30}+://[^\s/:@\"']*:([^\s/@\"']+)@", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KNOWN_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9\-]{10,}|"
    r"pul-[0-9a-f]{40}|dapi[0-9a-f]{32}|eyJ[A-Za-z0-9_\-]{15,}\.eyJ[A-Za-z0-9_\-]{15,})"
)
_REFERENCE = re.compile(
    r"|\{\{[^{}]*\}\}|\$\{?\w+\}?|\$\(.*\)|%\(?\w+\)?s?|\{\w[\w.\[\]\"'!:]*\}|<[^<>]*>|[xX*.]+|"
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|\.{0,2}/[\w./\-]+|\{\{\w+\}\}/[\w./\-]+|[Tt]rue|[Ff]alse|[Nn]one|null"
)
"""A placeholder, a variable or its name, a mask, a path, nothing."""

_QUOTED = re.compile(r"""(?<![\w.\-])([\w.\-]++)["']?\]?\s*(?::\s*\w+\s*=|[:=])\s*[rbu]?["']([^"'\n]+)["']""")
_UNQUOTED = re.compile(r"^[ \t]*([\w.\-]+)[ \t]*[:= ][ \t]*([^\s\"'()\[\]]{12,})[ \t]*$", re.MULTILINE)
_SQL = re.compile(r"\b(password)\s+'([^'\n]+)'", re.IGNORECASE)
_OPTION = re.compile(r"-{0,2}([\w.\-]+)=(.+)", re.DOTALL)


@lru_cache(maxsize=4096)
def names_secret(name: str, bare_key: bool = True) -> bool:
    """Whether a name says that its value is a secret (`DB_PASSWORD`, `apiKey`); `ACCESS_KEY` is a user's name.

    `bare_key` counts `KEY` and `..._KEY` too, which in program text may be any dictionary's.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    if _HARMLESS.search(spaced):
        return False
    return bool(_SECRET_NAME.search(spaced) or (bare_key and _BARE_KEY.search(spaced)))


def refers(value: str) -> bool:
    """Whether a value only stands for something else."""
    return _REFERENCE.fullmatch(value.strip()) is not None


def looks_random(value: str) -> bool:
    """Whether a word looks generated: at least 16 characters, letters and digits mixed, 3.5 bits or more each."""
    if len(value) < 16 or not re.search(r"[A-Za-z]", value) or not re.search(r"\d", value):
        return False
    counts, length = Counter(value).values(), len(value)
    return -sum(n / length * math.log2(n / length) for n in counts) >= 3.5


@lru_cache(maxsize=4096)
def by_form(text: str) -> str:
    """What kind of secret a text holds whatever it is called, or nothing."""
    if any(not refers(match[1]) for match in _USER_INFO.finditer(text)):
        return "a URL with user:password@"
    if _PEM.search(text):
        return "a private key"
    return "an access token" if _KNOWN_TOKEN.search(text) else ""


def in_value(name: str, value: str) -> str:
    """What kind of secret a named value is, or nothing."""
    if names_secret(name) and not refers(value):
        return "a literal value"
    return in_text(value)


def in_words(words: Sequence[str]) -> str:
    """Which word of a command holds a secret, or nothing: `--password x`, `--token=x`, or by its form."""
    after = False
    for number, word in enumerate(words, start=1):
        option = _OPTION.fullmatch(word)
        if option and names_secret(option[1], bare_key=False) and not refers(option[2]):
            return f"word {number} gives a secret to an option"
        if after and not word.startswith("-") and not refers(word):
            return f"word {number} follows a secret's option"
        if kind := by_form(word):
            return f"word {number} holds {kind}"
        after = word.startswith("-") and option is None and names_secret(word.lstrip("-"), bare_key=False)
    return ""


@lru_cache(maxsize=1024)  # the same programs go along with many jobs
def in_text(text: str) -> str:
    """Where a file's text holds a secret, or nothing."""
    for pattern in (_QUOTED, _SQL):
        for match in pattern.finditer(text):
            name, value = match[1], match[2]
            if names_secret(name, bare_key=False) and not refers(value) and value.lower() != name.lower():
                return f"a literal for `{name}` in line {_line(text, match.start())}"
    for match in _UNQUOTED.finditer(text):
        if names_secret(match[1], bare_key=False) and looks_random(match[2]) and not refers(match[2]):
            return f"a literal for `{match[1]}` in line {_line(text, match.start(1))}"
    return by_form(text)


def secrets_in(value: Any, secret: bool = False) -> Iterator[str]:
    """Strings of at least six characters in a tree that a name above them, or their form, says are secret."""
    if isinstance(value, dict):
        for name, item in dict.items(value):  # unknown values and all
            yield from secrets_in(item, secret or name == "secrets" or names_secret(name))
    elif isinstance(value, list):
        for item in list.__iter__(value):
            yield from secrets_in(item, secret)
    elif isinstance(value, str) and len(value) >= 6 and (secret or by_form(value)):
        yield value


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
