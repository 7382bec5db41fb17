"""`mesh schema`: JSON Schema for editors, made from the models that read the files."""

from __future__ import annotations

from typing import Any

import pydantic

from cli import output
from components.errors import UserError, near


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of `manifest` or `template`."""
    from stacks.manifest import Manifest
    from templates.template import TemplateModel

    models: dict[str, type[pydantic.BaseModel]] = {"manifest": Manifest, "template": TemplateModel}
    if kind not in models:
        raise UserError(f"there is no schema `{kind}`", hint=near(kind, models))
    found = models[kind].model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def show(kind: str) -> None:
    """Print it."""
    output.document(schema(kind))
