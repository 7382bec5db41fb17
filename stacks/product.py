"""Product: the component that stands for one data product, and the inputs that policies judge it by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.base import Component, Context
from components.port import Port


@dataclass(frozen=True, kw_only=True)
class ProductArgs:
    """What is known of a product before its first child. `estimate` and `budget` are per month."""

    domain: str
    owner: str
    classification: str
    template: str
    estimate: Mapping[str, Any]
    budget: Mapping[str, Any] | None
    personal_data: Mapping[str, Any] | None = None
    """Its section of the manifest, and the ways on which personal data came here; None where it holds none."""
    input_ports: tuple[str, ...] = ()
    contracts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each port that offers tables: those its contract promises."""
    build: Callable[[Component[Any, Any]], dict[str, Port]] = field(metadata={"recorded": False})


@dataclass(frozen=True, kw_only=True)
class ProductOutputs:
    """The product's output ports by name."""

    ports: Mapping[str, Port]


class Product(Component[ProductArgs, ProductOutputs]):
    """The root of a product's components."""

    type_token = "mesh:data:Product"
    Args, Outputs = ProductArgs, ProductOutputs

    def __init__(self, name: str, args: ProductArgs, context: Context) -> None:
        self.origin = name
        self._establish(name, args, context, pulumi.ResourceOptions())

    def properties(self) -> dict[str, Any]:
        args, tags = self.args, self.context.tags
        return {
            "name": self.name,
            "domain": args.domain,
            "environment": tags.environment,
            "owner": args.owner,
            "costCentre": tags.cost_centre,
            "classification": args.classification,
            "template": args.template,
            "estimate": args.estimate,
            "budget": args.budget,
            "personalData": args.personal_data,
            "inputPorts": list(args.input_ports),
            "ports": {name: {"contract": list(tables)} for name, tables in args.contracts.items()},
            "tags": tags.as_map(),
        }

    def compose(self) -> ProductOutputs:
        return ProductOutputs(ports=self.args.build(self))
