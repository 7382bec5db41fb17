"""One domain in one environment: its manifests read, checked against each other, and ready to be declared."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from components.base import SEPARATOR, Context, technologies
from components.errors import Refused, UserError, near
from components.targets import StackSettings, Target
from stacks.check import product_errors
from stacks.configuration import STACKS, stack_config, stack_secrets
from stacks.images import read_images
from stacks.manifest import Environment, InputPort, Mesh, read_mesh
from stacks.manifests import Manifests, nearest
from stacks.manifests import domains as domains_of
from stacks.personal import Personal
from stacks.planned import Offered, Planned
from templates.document import load

TEMPLATES = STACKS.parent / "templates"


class Domain:
    """The products of one domain, checked; nothing is registered by it."""

    def __init__(
        self,
        stack: str,
        *,
        stacks: Path = STACKS,
        templates: Path = TEMPLATES,
        today: datetime.date | None = None,
        manifests: Manifests | None = None,
    ) -> None:
        self.stack, self.stacks, self.templates = stack, stacks, templates
        self.today = today or datetime.date.today()
        self.name, _, self.environment = stack.rpartition("-")
        self.mesh: Mesh = read_mesh(stacks)
        if not self.name or self.environment not in self.mesh.environments:
            known = self.mesh.environments
            raise UserError(
                f"stack `{stack}` is not named <domain>-<environment>",
                file=stacks / "mesh.yaml",
                line=load(stacks / "mesh.yaml").line("environments"),
                hint=f"environments: {', '.join(known)}",
            )
        if not (stacks / self.name).is_dir():
            raise UserError(f"there is no domain `{self.name}`", hint=nearest(self.name, stacks))
        self.manifests = manifests or Manifests(stacks, templates)
        self.personal = Personal(self.manifests)
        self.products: tuple[Planned, ...] = tuple(self._planned())

    def needed(self, names: Collection[str]) -> tuple[Planned, ...]:
        """Some products of this domain, with those they read, in the order in which they are built."""
        wanted = set(names)
        for planned in reversed(self.products):
            if planned.name in wanted:
                reads = (port.parts for port in planned.written.model.input_ports)
                wanted |= {product for domain, product, _ in reads if domain == self.name}
        return tuple(planned for planned in self.products if planned.name in wanted)

    @property
    def rules(self) -> Environment:
        """What `mesh.yaml` demands of this environment."""
        return self.mesh.environments[self.environment]

    def settings(self, values: Mapping[str, Any], secrets: Collection[str] | None = None) -> StackSettings:
        """The target's view of the stack; its secrets' names are those of the stack file where nobody knows better."""
        others = (f"{domain}-{self.environment}" for domain in sorted(self.inputs_of()))
        return StackSettings(
            stack=self.stack,
            domain=self.name,
            environment=self.environment,
            tenant=self.mesh.tenant,
            owner=self.mesh.owner,
            protected=self.rules.protected,
            values=values,
            secrets=stack_secrets(self.stack, self.stacks) if secrets is None else secrets,
            neighbours={stack: stack_config(stack, self.stacks) for stack in others},
            images=read_images(self.stacks),
        )

    def _planned(self) -> Iterator[Planned]:
        written_by_name = self.manifests.of(self.name)
        errors: list[UserError] = list(self.manifests.errors[self.name])
        planned: dict[str, Planned] = {}
        for written in written_by_name.values():
            try:
                template = self.manifests.template(written)
            except Refused as refused:
                errors.extend(refused.errors)
                continue
            errors.extend(product_errors(self.mesh, self.manifests, written, template, self.today))
            defaults = {key: parameter.default for key, parameter in template.model.parameters.items()}
            planned[written.model.name] = Planned(written, template, defaults | written.model.parameters)
        errors.extend(self._between_domains())
        if errors:
            raise Refused({error.text(): error for error in errors}.values())
        needs = {
            name: {port.parts[1] for port in product.written.model.input_ports if port.parts[0] == self.name}
            for name, product in planned.items()
        }
        return iter([planned[name] for name in TopologicalSorter(needs).static_order()])

    def _between_domains(self) -> Iterator[UserError]:
        """Domains that read each other, though by different products: neither stack could be built first."""
        circle = self.manifests.domain_circle(self.name)
        for written in self.manifests.of(self.name).values() if circle else ():
            for index, port in enumerate(written.model.input_ports):
                if port.parts[0] == circle[1] and not self.manifests.circle(written, port):
                    what = f"domains read each other in a circle: {' -> '.join(circle)}"
                    yield written.error(
                        what, "inputPorts", index, "from", hint="move a product: one domain must come first"
                    )

    def inputs_of(self) -> set[str]:
        """The other domains that this one reads."""
        ports = (port for product in self.products for port in product.written.model.input_ports)
        return {port.parts[0] for port in ports} - {self.name}

    def offer(self, port: InputPort) -> Offered:
        """What stands behind an input port, as its producer's template says."""
        domain, product, name = port.parts
        return self.manifests.offers(self.manifests.of(domain)[product])[name]

    def check_target(self, target: Target) -> None:
        """Refuse what the target can't build, with the manifest that asks for it."""
        errors = []
        for product in self.products:
            written, parts = product.written, product.template.parts
            for key, part in parts.items():
                missing = target.lacks(technologies()[part.type])
                if missing is not None:
                    place = f"{part.type} `{key}` of template {product.template.model.name}"
                    what = f"{place} needs {missing.__name__}, which {target.name} lacks"
                    errors.append(written.error(what, "template"))
            for key in written.model.import_:
                where = ("import", key)
                if key not in parts:
                    errors.append(written.error(f"there is no component `{key}`", *where, hint=near(key, parts)))
                elif (kind := technologies()[parts[key].type]) not in target.adopts:
                    able = ", ".join(sorted(each.__name__ for each in target.adopts)) or "nothing"
                    hint = f"it takes over {able}; `template: external` reads what is there without taking it over"
                    what = f"target {target.name} takes over no {kind.__name__} that is there already"
                    errors.append(written.error(what, *where, hint=hint))
            for key in written.model.implementations:
                if key.split(SEPARATOR)[0] not in parts:
                    errors.append(
                        written.error(f"there is no component `{key}`", "implementations", key, hint=near(key, parts))
                    )
        if errors:
            raise Refused(errors)

    def context(self, product: Planned, target: Target) -> Context:
        """What the product's components are handed."""
        written = product.written.model.implementations
        demanded = {f"{product.name}{SEPARATOR}{key}": value for key, value in written.items()}
        there = {f"{product.name}{SEPARATOR}{key}": value for key, value in product.written.model.import_.items()}
        tags = product.tags(self.environment)
        return Context(target=target, tags=tags, implementations=demanded, imports=there)


def domains(stacks: Path = STACKS) -> list[str]:
    """The names of all domains: folders of the stacks folder that hold a manifest."""
    return domains_of(stacks)


__all__ = ["Domain", "Planned", "domains", "stack_config", "stack_secrets"]
