"""Base: the image that ours stand on, pulled once, and what has to be known of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from dataclasses import dataclass, field
from typing import Any

from components.errors import UserError
from tools.images.oci import DOCKER_INDEX, INDEX, LAYERS, Descriptor
from tools.images.reference import Reference
from tools.images.registry import Registry, Say
from tools.images.store import Store

OPERATING_SYSTEM = "linux"
ARCHITECTURE = "amd64"
"""What the targets ask their machines for (components/targets/aws_task.py `runtime_platform`)."""
PYTHONS = ("usr/local/bin/python{}", "usr/bin/python{}")
"""Where Docker's official images and distributions have it."""
GLIBC = re.compile(rb"GNU C Library [^\n]*release version (\d+\.\d+)")
NEEDS = "it must be a Linux image with glibc and Python {}, such as python:{}-slim-bookworm"


@dataclass(frozen=True)
class Base:
    """A pulled image: `layers` as our manifests name them, `config` its own, `python` the path of its interpreter."""

    digest: str
    layers: tuple[Descriptor, ...]
    config: dict[str, Any] = field(repr=False)
    python: str
    glibc: str
    passwd: bytes = field(repr=False)
    group: bytes = field(repr=False)


def pull(reference: Reference, python: str, store: Store, say: Say) -> Base:
    """Bring a base here; what is here already is not asked for again, but what its tag stands for is."""
    registry = Registry(reference.host, say)
    digest, manifest = _manifest(registry, reference, store)
    config_blob = Descriptor.of(manifest["config"])
    blobs = [Descriptor.of(layer) for layer in manifest["layers"]]
    for layer in blobs:
        if layer.media not in LAYERS:
            raise UserError(f"base {reference} has a layer of the type {layer.media or '(none)'}", hint="gzip is read")
    for number, blob in enumerate((config_blob, *blobs)):
        what = f"layer {number} of {len(blobs)} of {reference}" if number else f"the configuration of {reference}"
        registry.fetch(reference.repository, blob, store, what)
    config = json.loads(store.path(config_blob.digest).read_bytes())
    key = f"base-{python}-{digest.removeprefix('sha256:')}"
    facts = store.note(key)
    if facts is None:
        facts = _facts(blobs, python, store)
        store.write_note(key, facts)
    if not facts["python"] or not facts["glibc"]:
        lacking = f"Python {python}" if not facts["python"] else "glibc"
        raise UserError(f"base {reference} has no {lacking}", hint=NEEDS.format(python, python))
    return Base(
        digest=digest,
        layers=tuple(Descriptor(LAYERS[layer.media], layer.digest, layer.size) for layer in blobs),
        config=config,
        python=facts["python"],
        glibc=facts["glibc"],
        passwd=base64.b64decode(facts["passwd"]),
        group=base64.b64decode(facts["group"]),
    )


def current_digest(reference: Reference, store: Store, say: Say) -> str:
    """What a base stands for now, its layers left where they are."""
    return _manifest(Registry(reference.host, say), reference, store)[0]


def _manifest(registry: Registry, reference: Reference, store: Store) -> tuple[str, dict[str, Any]]:
    """Digest and content of the manifest for our platform, through an index where there is one."""
    digest, manifest = _document(registry, reference, reference.version, store)
    if manifest.get("mediaType") in (INDEX, DOCKER_INDEX) or "manifests" in manifest:
        offered = {_platform(entry): str(entry["digest"]) for entry in reversed(manifest["manifests"])}
        wanted = f"{OPERATING_SYSTEM}/{ARCHITECTURE}"
        if wanted not in offered:
            there = ", ".join(sorted(offered))
            raise UserError(f"base {reference} is not there for {wanted}", hint=f"it is for {there}")
        digest, manifest = _document(registry, reference, offered[wanted], store)
    if "layers" not in manifest:
        raise UserError(f"base {reference} is no image that can be read", hint="its manifest lists no layers")
    return digest, manifest


def _document(registry: Registry, reference: Reference, version: str, store: Store) -> tuple[str, dict[str, Any]]:
    if version.startswith("sha256:") and store.path(version).is_file():
        body = store.path(version).read_bytes()
    else:
        found = registry.manifest(reference.repository, version)
        if found is None:
            raise UserError(f"there is no image {reference}", hint="`meshwright:baseImage` of the stack names it")
        body = found[0]
        if version.startswith("sha256:") and f"sha256:{hashlib.sha256(body).hexdigest()}" != version:
            raise UserError(f"registry {reference.host} gave another manifest than {version}")
    manifest: dict[str, Any] = json.loads(body)
    return store.add(body), manifest


def _platform(entry: dict[str, Any]) -> str:
    platform = entry.get("platform") or {}
    return f"{platform.get('os', '?')}/{platform.get('architecture', '?')}"


def _facts(blobs: list[Descriptor], python: str, store: Store) -> dict[str, str]:
    """What the files of an image say: a later layer's word counts."""
    texts = {"etc/passwd": b"", "etc/group": b""}
    wanted = [path.format(python) for path in PYTHONS]
    pythons: set[str] = set()
    glibc = ""
    for blob in blobs:
        with tarfile.open(store.path(blob.digest), "r|gz" if blob.media.endswith("gzip") else "r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./").lstrip("/")
                if name in wanted:
                    pythons.add(name)
                elif name in texts and member.isreg() and (file := tar.extractfile(member)) is not None:
                    texts[name] = file.read()
                elif name.endswith("/libc.so.6"):
                    glibc = _glibc(tar, member) or glibc
    first = next((path for path in wanted if path in pythons), "")
    return {
        "python": f"/{first}" if first else "",
        "glibc": glibc,
        "passwd": base64.b64encode(texts["etc/passwd"]).decode(),
        "group": base64.b64encode(texts["etc/group"]).decode(),
    }


def _glibc(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.issym():  # before 2.34 the name was a link to libc-<version>.so
        named = re.search(r"libc-(\d+\.\d+)\.so", member.linkname)
        return named[1] if named else ""
    file = tar.extractfile(member)
    found = GLIBC.search(file.read()) if file is not None else None
    return found[1].decode() if found else ""
