"""What inputs a type has, read from the text of its SDK: importing the SDKs for it would take minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi

SITE = Path(pulumi.__file__).resolve().parents[1]
PACKAGES = {
    "aws": "pulumi_aws",
    "azure-native": "pulumi_azure_native",
    "docker": "pulumi_docker",
    "kubernetes": "pulumi_kubernetes",
}
_FOLDERS = {("aws", "lambda"): "lambda_", ("docker", "index"): ""}
_TOKEN = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'([^']+)'")
_GETTER = re.compile(
    r'@pulumi\.getter(?:\(name="([^"]+)"\))?\s+(?:@_utilities\.deprecated\("""(?:[^"]|"(?!""))*"""\)\s+)?def (\w+)\('
)
_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


def package(token: str) -> str:
    """`aws` of `aws:s3/bucket:Bucket`."""
    return token.partition(":")[0]


def folder(token: str) -> Path:
    """Where the SDK keeps the module of a type."""
    name, module, _ = token.split(":")
    head = module.split("/")[0] if name != "kubernetes" else _kubernetes(module)
    return SITE / PACKAGES[name] / _FOLDERS.get((name, head), head)


def _kubernetes(module: str) -> str:
    group, _, version = module.partition("/")
    return f"{group.partition('.')[0]}/{version}"


@cache
def _tokens(where: Path) -> Mapping[str, str]:
    """Each type of a folder, as the SDK registers it, and its module's text."""
    found: dict[str, str] = {}
    for file in where.glob("*.py"):
        if not file.name.startswith(("_", "get_")):
            text = file.read_text(encoding="utf-8")
            found |= dict.fromkeys(_TOKEN.findall(text), text)
    return found


def inputs(token: str) -> frozenset[str]:
    """The inputs of a type as Pulumi has them; empty where the SDK knows no such type."""
    text = _tokens(folder(token)).get(token, "")
    kind = token.rpartition(":")[2]
    return frozenset(_of_class(text, f"{kind}Args") | _of_class(text, f"{kind}InitArgs"))


@cache
def parts(where: Path) -> frozenset[str]:
    """Every name of the nested inputs of a folder."""
    file = where / "_inputs.py"
    if where.name.startswith("v") and where.parent.parent.name == "pulumi_kubernetes":
        files = [file, *(SITE / "pulumi_kubernetes").glob("*/v1/_inputs.py")]
    else:
        files = [file]
    texts = [each.read_text(encoding="utf-8") for each in files if each.exists()]
    return frozenset(name or plain for text in texts for name, plain in _GETTER.findall(text))


def _of_class(text: str, name: str) -> set[str]:
    starts = list(_CLASS.finditer(text))
    for number, match in enumerate(starts):
        if match[1] == name:
            end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
            return {called or plain for called, plain in _GETTER.findall(text[match.start() : end])}
    return set()


class Asked(dict[str, Any]):
    """Inputs that note what a rule asks for: every name is there, and is such inputs again."""

    def __init__(self, noted: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._noted, self._path = noted, path

    def get(self, key: Any, default: Any = None) -> Any:
        if not isinstance(key, str):
            return default
        self._noted.add((*self._path, key))
        return Asked(self._noted, (*self._path, key))

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __contains__(self, key: object) -> bool:
        self.get(key)
        return True

    def __bool__(self) -> bool:
        return True


def given(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names that stand in a value."""
    if isinstance(value, Mapping):
        for key, item in dict.items(dict(value)):
            yield (*path, key)
            yield from given(item, (*path, key))
    elif isinstance(value, list):
        for item in list.__iter__(value):
            yield from given(item, path)
