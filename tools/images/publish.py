"""Publish: images into a stack's registry, what is there already left as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.primitives import Software
from components.targets.containers import BASE_IMAGE, image_of, key_of, repository
from tools.images.build import BASE_DIGEST, Builder
from tools.images.oci import MANIFEST, Image
from tools.images.reference import Reference
from tools.images.registry import Registry


@dataclass(frozen=True)
class Published:
    """One software's image in the registry. `new` says whether anything had to be sent."""

    software: str
    key: str
    reference: str
    digest: str
    new: bool


def base_of(values: Mapping[str, Any]) -> str:
    """The base image that a stack's configuration names."""
    return str(values.get("baseImage") or BASE_IMAGE)


def reference_of(registry: str, software: Software) -> str:
    """The name of an image by its tag, known before it is made."""
    return image_of(registry, software)


def local_name(software: Software) -> str:
    """The same for an image that belongs to no registry."""
    return image_of("meshwright", software)


class Publisher:
    """Builds and pushes the images of one stack."""

    def __init__(self, registry: str, builder: Builder, pushed: Mapping[str, str]) -> None:
        whole = Reference.of(f"{registry.rstrip('/')}/x")
        self.host, self.prefix = whole.host, whole.repository.removesuffix("x")
        self.written, self.builder, self.pushed = registry, builder, pushed
        self.registry = Registry(self.host, builder.say)
        self.known: dict[str, str] = {}
        """Where in this registry a blob lies already, as far as we know."""

    def key(self, software: Software) -> str:
        """The line of `stacks/images.yaml`."""
        return key_of(software, self.builder.written)

    def digest(self, software: Software) -> str:
        """What was pushed; empty if nothing was."""
        return self.pushed.get(self.key(software), "")

    def reference(self, software: Software) -> str:
        """The image as the target names it."""
        return image_of(self.written, software, self.digest(software))

    def there(self, software: Software, digest: str) -> bool:
        """Whether the registry has an image."""
        return self.registry.has(self.prefix + repository(software), "manifests", digest)

    def publish(self, software: tuple[Software, ...]) -> Iterator[Published]:
        """Each image as it arrives."""
        for one in software:
            where, digest = self.prefix + repository(one), self.digest(one)
            new = not (digest and self._stands(where, digest))
            if new:
                image = self.builder.image(one)
                digest = image.digest
                new = self._push(where, image)
            yield Published(one.name, self.key(one), image_of(self.written, one, digest), digest, new)

    def _stands(self, where: str, digest: str) -> bool:
        """Whether an image is there and was made on what the base stands for today."""
        found = self.registry.manifest(where, digest)
        if found is None:
            return False
        base: Any = (json.loads(found[0]).get("annotations") or {}).get(BASE_DIGEST)
        return bool(base == self.builder.base_digest())

    def _push(self, where: str, image: Image) -> bool:
        """All blobs, then the manifest by its tag; whether it was not there before."""
        new = not self.registry.has(where, "manifests", image.digest)
        if new:
            base = self.builder.reference
            own = base.repository if base.host == self.host else ""
            count = len(image.layers)
            for number, blob in enumerate((image.config, *image.layers)):
                part = f"layer {number} of {count}" if number else "the configuration"
                near = self.known.get(blob.digest, own if 0 < number < count else "")
                self.registry.push_blob(where, blob, self.builder.store, f"{part} of {image.name}", near)
                self.known[blob.digest] = where
        self.registry.push_manifest(where, image.tag, image.manifest, MANIFEST)
        return new
