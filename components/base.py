"""Component: one technology described once, built natively by its target or composed from other components."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pulumi

from components.port import Port
from components.tags import Tags

if TYPE_CHECKING:
    from components.targets import Target

A = TypeVar("A")
O = TypeVar("O")  # noqa: E741 - A and O read as Args and Outputs

COMPOSED = "composed"
"""The implementation's name where a component is built from others."""

PLAIN = frozenset({str, int, float, bool})
"""Types of values that hold no other."""

SEPARATOR = "--"
"""Joins a component's name and its child's; forbidden in the ids that people write."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a component stands. It is handed down from parent to child."""

    target: Target
    tags: Tags
    implementations: Mapping[str, str] = field(default_factory=dict)
    """What the manifest demands: component name -> implementation."""
    imports: Mapping[str, str] = field(default_factory=dict)
    """What is there already: component name -> the provider's id of the resource that becomes it."""


class Component(pulumi.ComponentResource, Generic[A, O]):
    """A named part of a data product.

    A subclass gives `type_token` (part of every URN, it outlives a rename of the class), `Args` and `Outputs` (frozen
    dataclasses), and either `compose` or an implementation on each target. `composed_of` lists the classes that
    `compose` makes, so that what a target lacks is refused before anything is registered.
    """

    type_token: ClassVar[str]
    Args: ClassVar[type[Any]]
    Outputs: ClassVar[type[Any]]
    composed_of: ClassVar[tuple[type[Component[Any, Any]], ...]] = ()
    name: str
    args: A
    context: Context
    implementation: str
    outputs: O
    origin: str
    """The name it was first created under: physical names are made from it, so that a rename moves nothing."""

    def __init__(self, name: str, args: A, opts: pulumi.ResourceOptions) -> None:
        parent = opts.parent
        if not isinstance(parent, Component):
            raise TypeError(f"{type(self).__name__} `{name}` needs a component as its parent (opts.parent)")
        self.origin = first_name(name, parent, opts)
        self._establish(name, args, parent.context, opts)

    def _establish(self, name: str, args: A, context: Context, opts: pulumi.ResourceOptions) -> None:
        implementation = context.target.choose(type(self), (name, self.origin), context.implementations)
        own = {"name": name, "args": args, "context": context, "implementation": implementation}
        self.__dict__.update(own)
        super().__init__(self.type_token, name, self.properties(), opts)
        self.__dict__.update(own)  # the SDK turned those that are properties too into outputs
        context.target.built[name] = self.implementation
        self.outputs = context.target.build(self)
        self.register_outputs({"implementation": self.implementation})

    def properties(self) -> dict[str, Any]:
        """What the state and the policies see of this component: plain values only."""
        return {
            "args": recorded(self.args),
            "implementation": self.implementation,
            "tags": self.context.tags.as_map(),
        }

    def compose(self) -> O:
        """Build this component from others, children named by `child` and placed by `below`."""
        raise NotImplementedError(f"{type(self).__name__} is built natively")

    @property
    def adopts(self) -> str | None:
        """The id of the resource that is there already and becomes this component."""
        return self.context.imports.get(self.name)

    def child(self, name: str) -> str:
        """The full name of a child."""
        return f"{self.name}{SEPARATOR}{name}"

    def below(self, **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource under this component."""
        return pulumi.ResourceOptions(parent=self, **options)


def first_name(name: str, parent: Component[Any, Any], opts: pulumi.ResourceOptions) -> str:
    """The name before all renames: an alias in `opts`, or the parent's first name with this child's part."""
    for alias in opts.aliases or ():
        if isinstance(alias, pulumi.Alias) and isinstance(alias.name, str):
            return alias.name
    return parent.origin + name.removeprefix(parent.name) if name.startswith(parent.name) else name


def composes(kind: type[Component[Any, Any]]) -> bool:
    """Whether a class can be built from others."""
    return kind.compose is not Component.compose


@functools.cache
def technologies() -> dict[str, type[Component[Any, Any]]]:
    """Every component class in this package by name: adding a file is all it takes to add one."""
    import importlib
    import pkgutil

    import components

    found: dict[str, type[Component[Any, Any]]] = {}
    for module in pkgutil.iter_modules(components.__path__):
        if module.ispkg:
            continue
        for name, thing in vars(importlib.import_module(f"components.{module.name}")).items():
            if inspect.isclass(thing) and issubclass(thing, Component) and "type_token" in vars(thing):
                found[name] = thing
    return found


def recorded(value: Any) -> Any:
    """What the state shows of a component's arguments.

    Outputs and other components appear by name only: a component must not wait for what its children wait for, and no
    secret belongs here.
    """
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, Component):
        return {"component": value.name}
    if isinstance(value, pulumi.Output):
        return "(known after creation)"
    if isinstance(value, Port):
        return {"port": value.protocol, "behind": value.behind.name if value.behind is not None else None}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = ((name, getattr(value, name)) for name in _shown(type(value)))
        return {name: recorded(item) for name, item in held if item is not None}
    if isinstance(value, Mapping):
        return {str(key): recorded(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((recorded(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [recorded(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


@functools.cache
def _shown(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a dataclass that the state shows."""
    return tuple(field.name for field in dataclasses.fields(kind) if field.metadata.get("recorded", True))
