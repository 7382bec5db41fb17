"""What targets with containers share: images, the paths inside them, placeholders, addresses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi

from components.errors import UserError
from components.port import Credentials, Port
from components.primitives import Database, DatabaseOutputs, Endpoint, Secret, Service, Software
from components.targets import StackSettings, Target

DATA = "/data"
FILES = "/files"
SERVICE_DATA = 10
"""GiB for a service that keeps files of its own."""
USER = 10001
"""The user of our own images: no system account has an id as high. It stands in their /etc/passwd (initdb asks)."""

ADMINISTRATOR = "mesh_admin"
"""The first role of a cluster that components/programs/database.sh makes."""
POSTGRES = Endpoint(protocol="sql", port=5432)

EVERYWHERE = "0.0.0.0"
"""Where a program in a container listens: its network is its own."""


BASE_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
"""What our images stand on where `meshwright:baseImage` names nothing else."""

RECIPE = 1
"""Raised when the way in which images are made changes: then all of them are new."""


def image(registry: Any, name: str) -> str:
    """An upstream image that was copied into the stack's registry."""
    return f"{str(registry).rstrip('/')}/{name}"


def repository(software: Software) -> str:
    """Where a software's images lie in a registry; ECR takes no double dash."""
    return software.name.replace("--", "-")


def tag_of(software: Software) -> str:
    """The tag of a software's image: the hash of its exact packages, so that it is known before it is made."""
    return _hash(sorted(software.packages), software.python)


def key_of(software: Software, base: str) -> str:
    """Under which a pushed image's digest stands in `stacks/images.yaml`."""
    return f"{software.name}:{_hash(sorted(software.packages), software.python, base)}"


def image_of(registry: Any, software: Software, digest: str = "") -> str:
    """The image made from a software's exact packages, by digest where one is known."""
    where = image(registry, repository(software))
    return f"{where}@{digest}" if digest else f"{where}:{tag_of(software)}"


def _hash(*what: Any) -> str:
    return hashlib.sha256(json.dumps([RECIPE, *what]).encode()).hexdigest()[:16]


class Containers(Target):
    """A target that runs software as images from the stack's `meshwright:registry`."""

    knows = Target.knows | {"registry", "baseImage"}
    needs: ClassVar[Mapping[str, str]] = {"registry": "registry.example.org/mesh"}

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.base = str(settings.values.get("baseImage") or BASE_IMAGE)
        self._software: dict[str, Software] = {}

    def image_of(self, software: Software) -> str:
        """The image of a software that this stack runs; from now on it counts as used."""
        key = key_of(software, self.base)
        self._software[key] = software
        return image_of(self.settings.values["registry"], software, self.settings.images.get(key, ""))

    def software(self) -> tuple[Software, ...]:
        return tuple(self._software[key] for key in sorted(self._software))

    def verify(self) -> None:
        super().verify()
        missing = [software.name for key, software in sorted(self._software.items()) if key not in self.settings.images]
        if missing:
            *most, last = missing
            named = f"images {', '.join(most)} and {last}" if most else f"image {last}"
            stack = self.settings.stack
            raise UserError(
                f"{named} of stack {stack} {'are' if most else 'is'} not pushed yet",
                hint=f"run `mesh images push -s {stack}` and commit stacks/images.yaml",
            )


class Places:
    """What placeholders stand for inside one container."""

    def __init__(self, endpoints: Mapping[str, Endpoint] | None = None, host: str = EVERYWHERE) -> None:
        self.values = {"{{data}}": DATA, "{{scratch}}": DATA, "{{files}}": FILES}
        for name, endpoint in (endpoints or {}).items():
            self.values[f"{{{{{name}.host}}}}"] = host
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


def administered(database: Database, host: pulumi.Input[str], password: Secret) -> DatabaseOutputs:
    """The administrator's port of a PostgreSQL that runs as a container and is found at `host`."""
    parts = {"host": host, "port": POSTGRES.port, "database": database.args.name, "schema": "public"}
    credentials = Credentials(user=ADMINISTRATOR, secret=password)
    return DatabaseOutputs(connection=Port(protocol="sql", address=parts, credentials=credentials, behind=database))


def keeps_data(service: Service) -> bool:
    """Whether a service names its data directory."""
    texts = [*service.args.command, *service.args.environment.values(), *service.args.files.values()]
    return any(isinstance(text, str) and "{{data}}" in text for text in texts)
