"""A stand-in for providers/mesh: creates nothing, and writes down what it was asked to create."""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.provider.experimental.provider import (
    CheckRequest,
    CheckResponse,
    ConfigureRequest,
    ConfigureResponse,
    CreateRequest,
    CreateResponse,
    DeleteRequest,
    DiffRequest,
    DiffResponse,
    Provider,
)
from pulumi.provider.experimental.server import main

CREATED = Path(__file__).parent.parent / "created.txt"


class StandIn(Provider):
    """Says yes to everything."""

    async def check_config(self, request: CheckRequest) -> CheckResponse:
        return CheckResponse(inputs=request.new_inputs)

    async def configure(self, request: ConfigureRequest) -> ConfigureResponse:
        return ConfigureResponse()

    async def check(self, request: CheckRequest) -> CheckResponse:
        return CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: DiffRequest) -> DiffResponse:
        return DiffResponse(changes=False)

    async def create(self, request: CreateRequest) -> CreateResponse:
        if not request.preview:
            with CREATED.open("a", encoding="utf-8") as created:
                created.write(f"{request.urn}\n")
        value = PropertyValue(Computed()) if request.preview else PropertyValue("generated-canary-7f3a")
        return CreateResponse(resource_id="x", properties={**request.properties, "value": value})

    async def delete(self, request: DeleteRequest) -> None:
        return None


main(sys.argv[1:], "0.1.0", StandIn())
