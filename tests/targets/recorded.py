"""A product that takes every primitive, recorded on a target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from components.base import Component
from components.port import Port
from components.primitives import Endpoint, Service, ServiceArgs, locked
from components.tags import TAGS
from stacks.product import Product, ProductArgs
from stacks.program import Program
from stacks.recording import Recorded, record
from tests.conftest import LittleMesh

TEMPLATE = """\
apiVersion: meshwright/v1
kind: Template
name: whole
version: 1.0.0
description: Every primitive
components:
  results: {type: Database, size: medium, storage: 30}
  files: {type: Bucket}
  other: {type: Bucket}
  cluster: {type: DaskCluster, workers: 1, size: large}
  work:
    type: PythonJob
    script: fit.py
    folder: ${product.folder}
    cluster: ${cluster.client}
    database: ${results}
    bucket: ${files}
    schedule: ${product.schedule}
outputs:
  tables: {type: sql, from: "${work.tables}"}
  objects: {type: s3, from: "${work.objects}"}
"""
NAME = "a-name-of-thirty-eight-characters-long"
"""The longest that a product may have."""
MORE = "grants: [{to: 'team:reports', port: objects, until: 2027-06-30}]\nschedule: {cron: '5 4 * * *'}\n"


class Graph:
    """What a target makes of the product."""

    def __init__(self, little: LittleMesh, values: dict[str, Any], environment: str = "dev") -> None:
        little.write("templates/whole.yaml", TEMPLATE)
        little.write(f"stacks/sales/{NAME}/fit.py", "print('{{not a placeholder}}')\n")
        little.product(f"sales/{NAME}", MORE, template="whole")
        self.program = Program(little.domain(f"sales-{environment}"), values)
        self.resources = self.program.recorded()

    def of(self, kind: str) -> list[Recorded]:
        """All resources of a type, no components; the end of its name is enough."""
        return [resource for resource in self.resources if resource.custom and resource.type.endswith(f":{kind}")]

    def named(self, kind: str, end: str) -> Recorded:
        """The one of a type whose name ends so."""
        (found,) = [resource for resource in self.of(kind) if resource.name.endswith(end)]
        return found

    def kept(self) -> list[Recorded]:
        """What the target makes of a service that names its data directory."""
        return self.service(command=("serve", "{{data}}"))

    def service(self, **args: Any) -> list[Recorded]:
        """What the target makes of one more service."""
        endpoints = {"web": Endpoint(protocol="http", port=8000, health="/")}
        usual: dict[str, Any] = {"software": locked("dask"), "command": ("serve",), "endpoints": endpoints}
        given = ServiceArgs(**usual | args)
        target = self.program.target()
        context = self.program.domain.context(self.program.domain.products[0], target)

        def build(product: Component[Any, Any]) -> dict[str, Port]:
            return dict(Service(product.child("extra"), given, product.below()).outputs.ports)

        own: dict[str, Any] = {"domain": "sales", "owner": "a", "classification": "internal", "template": "whole@1"}
        product = ProductArgs(**own, estimate={}, budget=None, build=build)
        made = record(lambda: Product(NAME, product, context))
        return [resource for resource in made if resource.custom]


def tagged(tags: dict[str, str]) -> bool:
    """Whether all six tags are there."""
    return set(TAGS) <= tags.keys() and all(tags[name] for name in TAGS)


def texts(value: Any) -> Iterator[str]:
    """Every text inside a value, JSON inside texts opened."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        if value[:1] in ("[", "{"):
            try:
                yield from texts(json.loads(value))
            except ValueError:
                yield value
        else:
            yield value
