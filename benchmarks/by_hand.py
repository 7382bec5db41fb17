"""Writes the program that somebody would write by hand for a recorded graph: plain constructor calls of the SDKs."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stacks.recording import COMPUTED, SECRET, SYMBOL, Recorded
from stacks.render import address

PACKAGES = {
    "aws": "pulumi_aws",
    "azure-native": "pulumi_azure_native",
    "docker": "pulumi_docker",
    "kubernetes": "pulumi_kubernetes",
}
HEAD = "import pulumi\nfrom components import mesh\n"
PATH = re.compile(r"\.([A-Za-z_]\w*)|\[([^\]]+)\]")


def write(graph: list[Recorded], name: str, other: str, file: Path) -> None:
    """A module whose `main(products)` registers the graph: what belongs to product `name` once for each product.

    `other` is a second product, whose own resources are left out: they are those of the first by another name.
    """
    graph = [resource for resource in graph if not belongs(resource, other, like=name)]
    own = [resource for resource in graph if belongs(resource, name)]
    text = Text(graph, name)
    shared = [resource for resource in graph if resource not in own]
    before = [resource for resource in shared if not waits(resource, own)]
    after = [resource for resource in shared if resource not in before]
    body = [*text.calls(before), "    for number in range(products):", "        product(f'p{number:03}')"]
    lines = ["shared = {}", "def product(name):", "    own = {}", *text.calls(own)]
    lines += ["def main(products):", *body, *text.calls(after)]
    file.write_text("\n".join([HEAD, *sorted(text.imports), *lines, ""]), encoding="utf-8")


def belongs(resource: Recorded, product: str, like: str = "") -> bool:
    """Whether a resource is a product's own; any product's of the same form as `product`, but not `like`."""
    first = resource.name.split("--")[0]
    return first == product if not like else first != like and re.fullmatch(r"p\d{3}", first) is not None


def waits(resource: Recorded, own: Iterable[Recorded]) -> bool:
    """Whether a shared resource needs one of a product."""
    return bool(resource.dependencies & {address(one) for one in own})


class Text:
    """Python for a graph."""

    def __init__(self, graph: list[Recorded], product: str) -> None:
        self.product, self.known = product, {address(resource): resource for resource in graph}
        self.imports: set[str] = set()
        self.done: set[str] = set()

    def calls(self, resources: Iterable[Recorded]) -> list[str]:
        """A line for each resource, in their order."""
        return [self.call(resource) for resource in resources]

    def call(self, resource: Recorded) -> str:
        where = "own" if belongs(resource, self.product) else "shared"
        line = f"    {where}[{resource.type + '::' + self.part(resource.name)!r}] = {self.made(resource)}"
        self.done.add(address(resource))
        return line

    def made(self, resource: Recorded) -> str:
        name, options = self.named(resource.name), self.options(resource)
        package, _, rest = resource.type.partition(":")
        if not resource.custom:
            return f"pulumi.ComponentResource({resource.type!r}, {name}, {self.value(resource.inputs)}, {options})"
        if package == "mesh":
            kind = resource.type.rpartition(":")[2]
            return f"mesh.{kind}({name}, {self.value(resource.inputs)}, {options})"
        if package == "pulumi":
            module = PACKAGES[rest.partition(":")[2]]
            self.imports.add(f"import {module}")
            return f"{module}.Provider({name}, {self.arguments(module, 'Provider', resource)}opts={options})"
        module = ".".join(part for part in (PACKAGES[package], self.module(rest)) if part)
        kind = resource.type.rpartition(":")[2]
        self.imports.add(f"import {module}")
        return f"{module}.{kind}({name}, {self.arguments(module, kind, resource)}opts={options})"

    @staticmethod
    def module(rest: str) -> str:
        """`ec2/vpc:Vpc` -> ec2; `networking.k8s.io/v1:Ingress` -> networking.v1."""
        head, _, tail = rest.rpartition(":")[0].partition("/")
        return f"{head.split('.')[0]}.{tail}" if re.fullmatch(r"v\d\w*", tail) else "" if head == "index" else head

    def arguments(self, module: str, kind: str, resource: Recorded) -> str:
        cls = getattr(importlib.import_module(module), kind)
        known = set(inspect.signature(cls._internal_init).parameters)
        found = []
        for key, value in resource.inputs.items():
            snake = snakes(key)
            argument = next((name for name in (f"{snake}_", snake) if name in known), "")
            if argument and argument not in ("api_version", "kind"):
                found.append(f"{argument}={self.value(value)}, ")
        return "".join(found)

    def options(self, resource: Recorded) -> str:
        parts = []
        if resource.parent in self.done:
            parts.append(f"parent={self.variable(resource.parent)}")
        if resource.provider in self.done:
            parts.append(f"provider={self.variable(resource.provider)}")
        if resource.protect:
            parts.append("protect=True")
        explicit = [name for name in self.explicit(resource) if name in self.done]
        if explicit:
            parts.append(f"depends_on=[{', '.join(map(self.variable, explicit))}]")
        return f"pulumi.ResourceOptions({', '.join(parts)})"

    @staticmethod
    def explicit(resource: Recorded) -> list[str]:
        """What its `depends_on` names."""
        given = resource.depends_on
        return [f"{one._type}::{one._name}" for one in given] if isinstance(given, list) else []

    def variable(self, key: str) -> str:
        kind, _, name = key.rpartition("::")
        where = "own" if name.split("--")[0] == self.product else "shared"
        return f"{where}[{kind + '::' + self.part(name)!r}]"

    def part(self, name: str) -> str:
        """A name as a key: the same for every product."""
        return name if name.split("--")[0] != self.product else f"*{name.removeprefix(self.product)}"

    def named(self, name: str) -> str:
        return f"name + {name.removeprefix(self.product)!r}" if name.split("--")[0] == self.product else repr(name)

    def value(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {self.value(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.value, value)) + "]"
        if not isinstance(value, str):
            return repr(value)
        if value == SECRET:
            return "pulumi.Output.secret('hidden')"
        if value == COMPUTED:
            return "'computed'"
        parts, end = [], 0
        for found in SYMBOL.finditer(value):
            key, _, path = found[0][2:-1].partition("#")
            if key in self.done:
                parts += [repr(value[end : found.start()])] if found.start() > end else []
                parts.append(self.variable(key) + self.path(key, path))
                end = found.end()
        parts += [repr(value[end:])] if end < len(value) or not parts else []
        return parts[0] if len(parts) == 1 else f"pulumi.Output.concat({', '.join(parts)})"

    def path(self, key: str, path: str) -> str:
        """`masterUserSecrets[0].secretArn` in Python."""
        text = ""
        for name, index in PATH.findall(f".{path}"):
            text += f"[{index if index.isdigit() else repr(index)}]" if index else f".{snakes(name)}"
        return text


def snakes(name: str) -> str:
    """`vpcId` -> `vpc_id`, as the SDKs have it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", lambda found: f"_{found[0]}", name).lower()
