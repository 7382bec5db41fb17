"""Target: where a stack runs. A table of implementations, and the owner of what its products share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import pulumi

from components.base import COMPOSED, Component, composes
from components.errors import UserError, near
from components.primitives import Software
from components.tags import SHARED, Tags

TARGETS: Mapping[str, tuple[str, str]] = {  # name: (class, extra of pyproject.toml)
    "aws": ("components.targets.aws:Aws", "aws"),
    "azure": ("components.targets.azure:Azure", "azure"),
    "docker": ("components.targets.docker:Docker", "docker"),
    "kubernetes": ("components.targets.kubernetes:Kubernetes", "kubernetes"),
    "local": ("components.targets.local:Local", ""),
}

C = TypeVar("C", bound=Component[Any, Any])
F = TypeVar("F", bound=Callable[..., Any])

SECONDS = 10
"""How long a target has to answer whether it lets this machine in."""


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What a stack's configuration says, and whom its shared parts belong to."""

    stack: str
    domain: str
    environment: str
    tenant: str
    owner: str
    protected: bool = False
    """Stateful resources may not be deleted (environments such as prod)."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The stack file's `meshwright:` keys."""
    neighbours: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The same keys of the stacks that this one reads, by their names."""
    secrets: Collection[str] = ()
    """The names of its secret `meshwright:` keys."""
    images: Mapping[str, str] = field(default_factory=dict)
    """What `mesh images push` has written to `stacks/images.yaml`: key of a software -> digest."""

    def secret(self, name: str) -> pulumi.Output[str]:
        """A secret of the stack's configuration; where no engine runs, something that stands for it."""
        if name not in self.secrets:
            plain = f"stands in the configuration of stack {self.stack} in plain text"
            missing = f"is missing in the configuration of stack {self.stack}"
            raise UserError(
                f"the secret `{name}` {plain if name in self.values else missing}",
                hint=f"pulumi config set --secret meshwright:{name} -s {self.stack}",
            )
        return pulumi.Output.secret(pulumi.runtime.get_config(f"meshwright:{name}") or f"(secret {name})")

    def shared_tags(self) -> Tags:
        """The tags of what belongs to the whole stack."""
        return Tags(
            owner=self.owner,
            domain=self.domain,
            product=SHARED,
            cost_centre="platform",
            classification="internal",
            environment=self.environment,
        )


class Implementation(Protocol):
    """A method of a target marked by `implements`."""

    __name__: str
    component: type[Component[Any, Any]]
    when: str


def implements(component: type[Component[Any, Any]], *, when: str = "") -> Callable[[F], F]:
    """Mark a target's method as the native form of a component; `when` names a setting that must be on."""

    def mark(method: F) -> F:
        method.component, method.when = component, when  # type: ignore[attr-defined]
        return method

    return mark


class Target:
    """Base of all targets: chooses and runs implementations."""

    name: ClassVar[str]
    needs: ClassVar[Mapping[str, str]] = {}
    """Settings without which this target can't run, each with an example."""
    knows: ClassVar[frozenset[str]] = frozenset({"target", "region"})
    """All settings that it reads."""
    here: ClassVar[bool] = False
    """Whether jobs run on the machine that deploys, and see its files."""
    natives: ClassVar[Mapping[type[Component[Any, Any]], tuple[Implementation, ...]]] = {}
    adopts: ClassVar[frozenset[type[Component[Any, Any]]]] = frozenset()
    """The kinds that a resource which is there already can become (`import:` of a manifest)."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self.previous = previous or {}
        """Implementation by component name, as the stack's newest update recorded it."""
        self.built: dict[str, str] = {}
        missing = [key for key in self.needs if key not in settings.values]
        if missing:
            self.refuse_unknown()  # one of them may only be spelt wrong
            raise UserError(
                f"target {self.name} needs `meshwright:{missing[0]}` in the configuration of stack {settings.stack}",
                hint=f"pulumi config set meshwright:{missing[0]} {self.needs[missing[0]]} -s {settings.stack}",
            )
        region, there = settings.values.get("region"), self.regions()
        if there and region not in there:
            raise UserError(
                f"target {self.name} has no region `{region}`, which stack {settings.stack} names",
                hint=near(str(region).lower().replace(" ", ""), there),
            )

    def __init_subclass__(cls) -> None:
        table: dict[type[Component[Any, Any]], tuple[Implementation, ...]] = {}
        for base in reversed(cls.__mro__[1:]):
            table.update(vars(base).get("natives", {}))
        for method in vars(cls).values():
            component = getattr(method, "component", None)
            if component is not None:
                table[component] = (*table.get(component, ()), method)
        cls.natives = table

    @classmethod
    def regions(cls) -> Collection[str]:
        """Where it can run; empty where that is anybody's own word (`meshwright:region: eea`)."""
        return ()

    def options(self, kind: type[Component[Any, Any]]) -> list[str]:
        """The implementations of `kind` this stack could use, best first."""
        ready = [m for m in self.natives.get(kind, ()) if not m.when or self.settings.values.get(m.when)]
        # One that asks for a setting was asked for: it goes before the general one.
        names = [m.__name__ for m in sorted(ready, key=lambda m: not m.when)]
        return [*names, COMPOSED] if composes(kind) else names

    def choose(self, kind: type[Component[Any, Any]], names: tuple[str, ...], demanded: Mapping[str, str]) -> str:
        """The implementation of one component: as the manifest demands, else as it runs already, else the best."""
        options = self.options(kind)
        if not options:
            raise UserError(f"{kind.__name__} is not available on {self.name}", hint=elsewhere(kind, self.name))
        for table in (demanded, self.previous):
            for name in names:
                if name in table:
                    if table[name] not in options:
                        raise UserError(
                            f"{kind.__name__} `{name}` can't be built as `{table[name]}` on {self.name}",
                            hint=near(table[name], options),
                        )
                    return table[name]
        return options[0]

    def lacks(self, kind: type[Component[Any, Any]]) -> type[Component[Any, Any]] | None:
        """The first class that building `kind` would need and this target can't build; None if all is there."""
        options = self.options(kind)
        if not options:
            return kind
        if options[0] != COMPOSED:
            return None
        return next((missing for part in kind.composed_of if (missing := self.lacks(part))), None)

    def build(self, component: Component[Any, Any]) -> Any:
        """Run the chosen implementation and return the component's outputs."""
        if component.implementation == COMPOSED:
            return component.compose()
        return getattr(self, component.implementation)(component)

    def software(self) -> tuple[Software, ...]:
        """The software that what was built so far runs as images; none where a target makes environments of it."""
        return ()

    def verify(self) -> None:
        """Refuse what this machine or account can't do, before anything is registered for real.

        Called on the target that the whole program was recorded on.
        """
        self.refuse_unknown()

    def refuse_unknown(self) -> None:
        """A setting that nobody reads is a mistake: what it was meant to change stays as it is."""
        unknown = [key for key in self.settings.values if key not in self.knows]
        if unknown:
            raise UserError(
                f"target {self.name} has no setting `meshwright:{unknown[0]}`, which stack {self.settings.stack} has",
                hint=near(unknown[0], self.knows),
            )

    def authorised(self) -> None:
        """Refuse where this machine can't get at the target, or is not let in; asks the target itself."""

    def tunnel(self, host: str, port: int, local: int) -> list[str]:
        """The command that makes `host:port` of the stack answer at 127.0.0.1:`local` until it is interrupted."""
        what = f"there is no tunnel into target {self.name} yet"
        raise UserError(what, hint="join its network by a VPN, or run this on a machine inside of it")

    def finish(self) -> None:
        """Called once after all products: registers what is shared and needs to know them all."""


def load(name: str) -> type[Target]:
    """The class of a target; its SDK is imported only now."""
    if name not in TARGETS:
        raise UserError(f"unknown target `{name}`", hint=near(name, TARGETS))
    path, extra = TARGETS[name]
    module, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if extra and error.name and error.name.startswith("pulumi_"):
            raise UserError(f"target {name} needs {error.name}", hint=f"pip install 'meshwright[{extra}]'") from None
        raise
    if not (isinstance(found, type) and issubclass(found, Target)):
        raise TypeError(f"{path} is no Target")
    return found


def elsewhere(kind: type[Component[Any, Any]], name: str) -> str:
    """Which other targets build `kind`, of those whose SDK is here."""
    able = []
    for other in TARGETS:
        try:
            cls = load(other) if other != name else None
        except UserError:
            continue
        if cls is not None and (kind in cls.natives or composes(kind)):
            able.append(other)
    return f"it is on {', '.join(able)}" if able else f"write an implementation in components/targets/{name}.py"
