"""Builder: a software's image, on a base, made once for the same inputs."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import Any

from components.primitives import Software
from components.targets.containers import DATA, RECIPE, USER, repository, tag_of
from tools.images.base import ARCHITECTURE, OPERATING_SYSTEM, Base, current_digest, pull
from tools.images.layer import PLACE, Ingredients, Layer, make
from tools.images.oci import EPOCH, LAYER, Descriptor, Image, assembled, canonical
from tools.images.reference import Reference
from tools.images.registry import Say, megabytes
from tools.images.store import Store

BASE_DIGEST = "org.opencontainers.image.base.digest"
"""Annotation of the image specification: which base an image was made on."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Builder:
    """Makes images on one base; the base is pulled when the first is made."""

    def __init__(self, base: str, store: Store, say: Say) -> None:
        self.written, self.reference, self.store, self.say = base, Reference.of(base), store, say
        self.bases: dict[str, Base] = {}
        self._digest = ""

    def image(self, software: Software) -> Image:
        """The image of a software: its layer from the cache where it is there."""
        base = self.base(software.python)
        layer = self.layer(Ingredients(software, base.python, base.glibc, base.passwd, base.group))
        return assembled(
            self.store,
            repository(software),
            tag_of(software),
            config=configuration(base, layer, software),
            layers=(*base.layers, Descriptor(LAYER, layer.digest, layer.size)),
            annotations={BASE_DIGEST: base.digest, "org.opencontainers.image.title": software.name},
        )

    def base(self, python: str) -> Base:
        """The base, here with all its layers."""
        if python not in self.bases:
            self.bases[python] = pull(self.reference, python, self.store, self.say)
        return self.bases[python]

    def base_digest(self) -> str:
        """What the base stands for now, its layers left where they are."""
        self._digest = self._digest or current_digest(self.reference, self.store, self.say)
        return self._digest

    def layer(self, ingredients: Ingredients) -> Layer:
        """The layer of our packages, made now or before."""
        software, key = ingredients.software, recipe(ingredients)
        with self.store.locked(key) as folder:
            note = self.store.note(key)
            if note is not None and self.store.has(note["digest"], note["size"]):
                return Layer(**{**note, "more": tuple(note["more"])})
            self.say(f"building {software.name} ({len(software.packages)} packages)")
            started = time.monotonic()
            layer = make(ingredients, self.store, folder)
            self.store.write_note(key, asdict(layer))
        self.say(f"built {software.name}: {megabytes(layer.size)} in {time.monotonic() - started:.1f} s")
        if layer.more:
            self.say(
                f"note: {software.name} pulls in {', '.join(layer.more)}, which nobody pinned; "
                "list them in the manifest's requirements, or another day's image will differ"
            )
        return layer


def recipe(ingredients: Ingredients) -> str:
    """The name of a layer's inputs."""
    software = ingredients.software
    what = [
        RECIPE,
        sorted(software.packages),
        software.python,
        ingredients.python,
        ingredients.platform,
        *(hashlib.sha256(text).hexdigest() for text in (ingredients.passwd, ingredients.group)),
    ]
    return f"layer-{hashlib.sha256(canonical(what)).hexdigest()}"


def configuration(base: Base, layer: Layer, software: Software) -> dict[str, Any]:
    """The image's configuration: the base's variables, our path and user, and no command of its own."""
    variables = dict(entry.partition("=")[::2] for entry in (base.config.get("config") or {}).get("Env") or ())
    variables |= {
        "HOME": DATA,
        "PATH": f"{PLACE}/bin:{variables.get('PATH') or PATH}",
        "PYTHONDONTWRITEBYTECODE": "1",  # the packages are compiled; nothing else may be written
        "PYTHONUNBUFFERED": "1",
    }
    inherited = base.config.get("rootfs", {}).get("diff_ids", [])
    return {
        "architecture": ARCHITECTURE,
        "os": OPERATING_SYSTEM,
        "created": EPOCH,
        "config": {
            "Env": [f"{key}={value}" for key, value in sorted(variables.items())],
            "User": str(USER),
            "WorkingDir": DATA,
        },
        "rootfs": {"type": "layers", "diff_ids": [*inherited, layer.diff_id]},
        "history": [
            *(base.config.get("history") or [{"created_by": "base"} for _ in inherited]),
            {"created": EPOCH, "created_by": f"mesh images build {software.name}"},
        ],
    }
