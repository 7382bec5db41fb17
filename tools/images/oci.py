"""Image: what an OCI image consists of (github.com/opencontainers/image-spec), and its forms on disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.images.store import Store

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
LAYERS = {  # what we can read -> what it is called in our images
    LAYER: LAYER,
    "application/vnd.oci.image.layer.v1.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
EPOCH = "1970-01-01T00:00:00Z"
"""When our images were made, so that the same inputs give the same digest."""


@dataclass(frozen=True)
class Descriptor:
    """A blob by its digest."""

    media: str
    digest: str
    size: int

    @classmethod
    def of(cls, written: dict[str, Any]) -> Descriptor:
        """As it stands in a manifest."""
        return cls(str(written.get("mediaType", "")), str(written["digest"]), int(written["size"]))

    def written(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return {"mediaType": self.media, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Image:
    """A whole image, its blobs in the store. `name` is its repository without a registry, `tag` its own tag."""

    name: str
    tag: str
    manifest: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]
    """Those of the base, then ours."""

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"

    @property
    def size(self) -> int:
        """Bytes that a machine pulls which has nothing of it."""
        return sum(layer.size for layer in self.layers) + self.config.size + len(self.manifest)


def canonical(value: Any) -> bytes:
    """JSON, the same bytes each time."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def assembled(
    store: Store,
    name: str,
    tag: str,
    *,
    config: dict[str, Any],
    layers: tuple[Descriptor, ...],
    annotations: dict[str, str],
) -> Image:
    """An image of a configuration and its layers; its small blobs go into the store."""
    body = canonical(config)
    described = Descriptor(CONFIG, store.add(body), len(body))
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described.written(),
            "layers": [layer.written() for layer in layers],
            "annotations": annotations,
        }
    )
    store.add(manifest)
    return Image(name, tag, manifest, described, layers)


def layout(image: Image, store: Store, reference: str) -> dict[str, bytes | Path]:
    """The files of an OCI layout, which are those of a Docker archive too: path -> content, or where it lies."""
    annotations = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": image.tag,
    }
    entry = {**Descriptor(MANIFEST, image.digest, len(image.manifest)).written(), "annotations": annotations}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    blobs = [image.digest, image.config.digest, *(layer.digest for layer in image.layers)]
    paths = {digest: f"blobs/{digest.replace(':', '/')}" for digest in blobs}
    archive = [
        {
            "Config": paths[image.config.digest],
            "RepoTags": [reference],
            "Layers": [paths[layer.digest] for layer in image.layers],
        }
    ]
    return {
        "oci-layout": canonical({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical(index),
        "manifest.json": canonical(archive),
        **{path: store.path(digest) for digest, path in paths.items()},
    }


def write_layout(image: Image, store: Store, reference: str) -> Path:
    """An OCI layout in the cache; its blobs are the store's own, linked."""
    folder = store.root / "layouts" / f"{image.name}-{image.tag}"
    files = layout(image, store, reference)
    index = folder / "index.json"
    if index.is_file() and index.read_bytes() == files["index.json"]:
        return folder
    with store.locked(f"layout-{image.name}-{image.tag}") as made:
        shutil.rmtree(made, ignore_errors=True)
        for path, content in files.items():
            file = made / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                file.write_bytes(content)
            else:
                os.link(content, file)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        made.replace(folder)
    return folder


def write_archive(image: Image, store: Store, reference: str, folder: Path) -> Path:
    """The same as one file, which `docker load` and `ctr images import` take."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{image.name}-{image.tag}.tar"
    made = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        with tarfile.open(made, "w", format=tarfile.PAX_FORMAT) as tar:
            for path, content in layout(image, store, reference).items():
                member = tarfile.TarInfo(path)
                member.mode = 0o644
                if isinstance(content, bytes):
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
                else:
                    member.size = content.stat().st_size
                    with content.open("rb") as file:
                        tar.addfile(member, file)
        made.replace(archive)
    finally:
        made.unlink(missing_ok=True)
    return archive
