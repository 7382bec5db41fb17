"""What targets with containers share: images, the paths inside them, placeholders, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.primitives import Endpoint, Software

DATA = "/data"
FILES = "/files"
USER = 10001
"""The user of our own images: no system account has an id as high. It stands in their /etc/passwd (initdb asks)."""

EVERYWHERE = "0.0.0.0"
"""Where a program in a container listens: its network is its own."""


def image(registry: Any, name: str) -> str:
    """The image of a software, or of an upstream program, in the stack's registry."""
    return f"{str(registry).rstrip('/')}/{name}"


def image_of(registry: Any, software: Software) -> str:
    """The image made from a software's exact packages."""
    return image(registry, software.name)


class Places:
    """What placeholders stand for inside one container."""

    def __init__(self, endpoints: Mapping[str, Endpoint] | None = None) -> None:
        self.values = {"{{data}}": DATA, "{{files}}": FILES}
        for name, endpoint in (endpoints or {}).items():
            self.values[f"{{{{{name}.host}}}}"] = EVERYWHERE
            self.values[f"{{{{{name}.port}}}}"] = str(endpoint.port)

    def fill(self, text: pulumi.Input[str]) -> pulumi.Input[str]:
        """`text` with its placeholders replaced; other braces stay as they are."""
        if isinstance(text, str):
            return self._replaced(text)
        return pulumi.Output.all(text).apply(lambda texts: self._replaced(texts[0]))

    def fill_all(self, texts: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
        """The same for every value of a table."""
        return {key: self.fill(text) for key, text in texts.items()}

    def _replaced(self, text: str) -> str:
        for placeholder, value in self.values.items():
            text = text.replace(placeholder, value)
        return text


def address(protocol: str, host: pulumi.Input[str], port: int) -> dict[str, pulumi.Input[Any]]:
    """The address parts of a service's port (components/port.py ADDRESS)."""
    if protocol == "http":
        return {"url": pulumi.Output.concat("http://", host, f":{port}")}
    scheme = {"dask": "tls", "spark": "spark"}.get(protocol, protocol)
    return {"address": pulumi.Output.concat(scheme, "://", host, f":{port}")}
