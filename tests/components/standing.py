"""A product that components of a test stand under, on target local."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.base import Component, Context
from components.port import Port
from components.tags import Tags
from components.targets import StackSettings, load
from stacks.product import Product, ProductArgs

TAGS = Tags(
    owner="ann@example.org",
    domain="sales",
    product="orders",
    cost_centre="sales-1",
    classification="internal",
    environment="dev",
)


@contextmanager
def standing(
    previous: dict[str, str] | None = None, implementations: dict[str, str] | None = None
) -> Iterator[Component[Any, Any]]:
    """The product `orders`; to be used inside `record`."""
    settings = StackSettings(stack="sales-dev", domain="sales", environment="dev", tenant="acme", owner="platform")
    context = Context(target=load("local")(settings, previous), tags=TAGS, implementations=implementations or {})
    ports: dict[str, Port] = {}
    args = ProductArgs(
        domain="sales",
        owner=TAGS.owner,
        classification=TAGS.classification,
        template="table@1.0.0",
        estimate={},
        budget=None,
        build=lambda _: ports,
    )
    yield Product("orders", args, context)
