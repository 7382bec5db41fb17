"""One domain in one environment: its manifests read, checked against each other, and declared."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from components.base import SEPARATOR, Component, Context
from components.contract import Table
from components.errors import Refused, UserError, near
from components.port import Port, Protocol
from components.tags import Tags
from components.targets import StackSettings, Target
from stacks.manifest import Environment, InputPort, Mesh, OutputPort, Written, read_mesh
from templates.document import load
from templates.template import ProductView, Template, load_template

STACKS = Path(__file__).resolve().parent
TEMPLATES = STACKS.parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Offered:
    """An output port of a product: which output of its template, and what of it."""

    output: str
    protocol: Protocol
    description: str
    tables: tuple[str, ...] = ()


def offered(written: Written, template: Template) -> dict[str, Offered]:
    """The ports a product offers: those its manifest names, or all of its template."""
    outputs = template.outputs
    named = {
        port.name: Offered(
            output=port.from_ or port.name,
            protocol=outputs[port.from_ or port.name].type,
            description=port.description or outputs[port.from_ or port.name].description,
            tables=port.tables,
        )
        for port in written.model.output_ports
        if (port.from_ or port.name) in outputs
    }
    return named or {
        name: Offered(output=name, protocol=port.type, description=port.description) for name, port in outputs.items()
    }


@dataclass(frozen=True)
class Planned:
    """One product that passed every check, with its template and the values of its parameters."""

    written: Written
    template: Template
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The product's id."""
        return self.written.model.name

    @property
    def contracts(self) -> dict[str, tuple[Table, ...]]:
        """Tables by output port."""
        return {port.name: self.written.contract(port) for port in self.written.model.output_ports}

    @property
    def offers(self) -> dict[str, Offered]:
        """The output ports by name."""
        return offered(self.written, self.template)

    def view(self, environment: str, inputs: Mapping[str, Port]) -> ProductView:
        """What the template sees of the product."""
        model = self.written.model
        return ProductView(
            name=model.name,
            domain=self.written.domain,
            environment=environment,
            folder=str(self.written.folder),
            schema=model.name.replace("-", "_"),
            sources=model.sources,
            inputs=inputs,
            contract=tuple({table.name: table for tables in self.contracts.values() for table in tables}.values()),
            dashboards=model.dashboards,
            schedule=model.schedule,
        )

    def tags(self, environment: str) -> Tags:
        """The tags of everything below the product."""
        model = self.written.model
        return Tags(
            owner=model.owner,
            domain=self.written.domain,
            product=model.name,
            cost_centre=model.cost_centre,
            classification=model.classification,
            environment=environment,
        )


class Domain:
    """The products of one domain, checked; nothing is registered by it."""

    def __init__(self, stack: str, *, stacks: Path = STACKS, templates: Path = TEMPLATES, today: datetime.date | None = None) -> None:
        self.stack, self.stacks, self.templates = stack, stacks, templates
        self.today = today or datetime.date.today()
        self.name, _, self.environment = stack.rpartition("-")
        self.mesh: Mesh = read_mesh(stacks)
        if not self.name or self.environment not in self.mesh.environments:
            raise UserError(
                f"stack `{stack}` is not named <domain>-<environment>",
                hint=f"environments of stacks/mesh.yaml: {', '.join(self.mesh.environments)}",
            )
        if not (stacks / self.name).is_dir():
            raise UserError(f"there is no domain `{self.name}`", hint=near(self.name, domains(stacks)))
        self._read: dict[str, dict[str, Written]] = {}
        self.products: tuple[Planned, ...] = tuple(self._planned())

    @property
    def rules(self) -> Environment:
        """What `mesh.yaml` demands of this environment."""
        return self.mesh.environments[self.environment]

    def settings(self, values: Mapping[str, Any]) -> StackSettings:
        """The target's view of the stack."""
        return StackSettings(
            stack=self.stack,
            domain=self.name,
            environment=self.environment,
            tenant=self.mesh.tenant,
            owner=self.mesh.owner,
            protected=self.rules.protected,
            values=values,
        )

    def manifests(self, domain: str) -> dict[str, Written]:
        """The manifests of a domain by product name; what is wrong with them in one Refused."""
        if domain not in self._read:
            found: dict[str, Written] = {}
            errors: list[UserError] = []
            for file in sorted((self.stacks / domain).glob("*.yaml")):
                try:
                    written = Written(file, domain)
                except Refused as refused:
                    errors.extend(refused.errors)
                    continue
                other = found.setdefault(written.model.name, written)
                if other is not written:
                    errors.append(
                        written.error(f"product `{written.model.name}` stands in {other.file.name} already", "name")
                    )
            if errors:
                raise Refused(errors)
            self._read[domain] = found
        return self._read[domain]

    def template(self, written: Written) -> Template:
        """The template a manifest pins."""
        name, _, pin = written.model.template.partition("@")
        try:
            template = load_template(name, self.templates)
        except UserError as error:
            raise Refused([written.error(error.what, "template", hint=error.hint)]) from None
        if pin and template.model.version.split(".")[0] != pin:
            what = f"template {name} is at {template.model.version}, the manifest pins {pin}"
            raise Refused([written.error(what, "template", hint=f"write `template: {name}@{template.model.version.split('.')[0]}`")])
        return template

    def _planned(self) -> Iterator[Planned]:
        errors: list[UserError] = []
        planned: dict[str, Planned] = {}
        for written in self.manifests(self.name).values():
            try:
                template = self.template(written)
            except Refused as refused:
                errors.extend(refused.errors)
                continue
            errors.extend(self._product_errors(written, template))
            model = template.model
            values = {key: parameter.default for key, parameter in model.parameters.items()} | written.model.parameters
            planned[written.model.name] = Planned(written, template, values)
        if errors:
            raise Refused({error.text(): error for error in errors}.values())
        needs = {
            name: {port.parts[1] for port in product.written.model.input_ports if port.parts[0] == self.name}
            for name, product in planned.items()
        }
        return iter([planned[name] for name in TopologicalSorter(needs).static_order()])

    def _product_errors(self, written: Written, template: Template) -> Iterator[UserError]:
        model, parameters = written.model, template.model.parameters
        for name, value in model.parameters.items():
            if name not in parameters:
                what = f"template `{template.model.name}` has no parameter `{name}`"
                yield written.error(what, "parameters", name, hint=near(name, parameters))
            elif why := parameters[name].refuses(value):
                yield written.error(f"parameter `{name}` {why}", "parameters", name)
        for name, parameter in parameters.items():
            if parameter.default is None and name not in model.parameters:
                yield written.error(f"parameter `{name}` is missing", "parameters", hint=f"add `{name}: ...`")
        for index, source in enumerate(model.sources):
            if source.file is not None and not any(written.folder.glob(source.file)):
                yield written.error(f"there is no file {source.file}", "sources", index, "file")
            if source.port is not None and source.port not in {port.name for port in model.input_ports}:
                known = [port.name for port in model.input_ports]
                yield written.error(f"`{source.port}` is no input port", "sources", index, "port", hint=near(source.port, known))
        for index, dashboard in enumerate(model.dashboards):
            if not (written.folder / dashboard).is_dir():
                yield written.error(f"there is no dashboard folder {dashboard}", "dashboards", index)
        for index, output in enumerate(model.output_ports):
            yield from self._output_errors(written, template, index, output)
        for index, grant in enumerate(model.grants):
            if grant.port not in offered(written, template):
                hint = near(grant.port, offered(written, template))
                yield written.error(f"there is no port `{grant.port}`", "grants", index, "port", hint=hint)
        for index, port in enumerate(model.input_ports):
            yield from self._input_errors(written, index, port)

    def _output_errors(self, written: Written, template: Template, index: int, output: OutputPort) -> Iterator[UserError]:
        name = output.from_ or output.name
        if name not in template.outputs:
            what = f"template `{template.model.name}` offers no port `{name}`"
            where = ("outputPorts", index, "from" if output.from_ else "name")
            yield written.error(what, *where, hint=near(name, template.outputs))
        try:
            written.contract(output)
        except Refused as refused:
            yield from refused.errors

    def _input_errors(self, written: Written, index: int, port: InputPort) -> Iterator[UserError]:
        where = ("inputPorts", index, "from")
        domain, product, name = port.parts
        if not (self.stacks / domain).is_dir():
            yield written.error(f"there is no domain `{domain}`", *where, hint=near(domain, domains(self.stacks)))
            return
        producers = self.manifests(domain)
        if product not in producers:
            yield written.error(f"domain `{domain}` has no product `{product}`", *where, hint=near(product, producers))
            return
        producer = producers[product]
        outputs = offered(producer, self.template(producer))
        if name not in outputs:
            yield written.error(f"{domain}/{product} offers no port `{name}`", *where, hint=near(name, outputs))
            return
        if circle := self._circle(written):
            yield written.error(f"products read each other in a circle: {' -> '.join(circle)}", *where)
            return
        if domain != written.domain:
            granted = [g for g in producer.model.grants if (g.to, g.port) == (written.name, name)]
            until = self.today.replace(year=self.today.year + 1) if (self.today.month, self.today.day) != (2, 29) else self.today
            line = f"- {{to: {written.name}, port: {name}, until: {until}}}"
            file = producer.document.error("").place().removesuffix(":1")
            if not granted:
                hint = f"ask its owner {producer.model.owner} to add under `grants:` in {file}:\n        {line}"
                yield written.error(f"{port.from_} is not granted to {written.name}", *where, hint=hint)
            elif max(g.until for g in granted) < self.today:
                hint = f"ask its owner {producer.model.owner} to renew in {file}:\n        {line}"
                ended = max(g.until for g in granted)
                yield written.error(f"the grant of {port.from_} to {written.name} ended on {ended}", *where, hint=hint)

    def _circle(self, start: Written) -> list[str]:
        """The circle of products that `start` stands in; empty without one."""
        edges: dict[str, set[str]] = {}
        todo = [start]
        while todo:
            written = todo.pop()
            edges[written.name] = {"/".join(port.parts[:2]) for port in written.model.input_ports}
            for port in written.model.input_ports:
                domain, product, _ = port.parts
                known = self.manifests(domain) if (self.stacks / domain).is_dir() else {}
                if product in known and known[product].name not in edges:
                    todo.append(known[product])
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            circle: list[str] = list(reversed(error.args[1]))
            return circle if start.name in circle else []
        return []

    def inputs_of(self) -> set[str]:
        """The other domains that this one reads."""
        ports = (port for product in self.products for port in product.written.model.input_ports)
        return {port.parts[0] for port in ports} - {self.name}

    def port_protocol(self, port: InputPort) -> Any:
        """The protocol of an input port, as its producer's template says."""
        domain, product, name = port.parts
        producer = self.manifests(domain)[product]
        return offered(producer, self.template(producer))[name].protocol

    def check_target(self, target: Target) -> None:
        """Refuse what the target can't build, with the manifest that asks for it."""
        errors = []
        for product in self.products:
            for key, part in product.template.parts.items():
                kind = _kind(part.type)
                missing = target.lacks(kind)
                if missing is not None:
                    what = f"{part.type} `{key}` of template {product.template.model.name} needs {missing.__name__}, which {target.name} lacks"
                    errors.append(product.written.error(what, "template"))
            for key in product.written.model.implementations:
                if key.split(SEPARATOR)[0] not in product.template.parts:
                    hint = near(key, product.template.parts)
                    errors.append(product.written.error(f"there is no component `{key}`", "implementations", key, hint=hint))
        if errors:
            raise Refused(errors)

    def context(self, product: Planned, target: Target) -> Context:
        """What the product's components are handed."""
        demanded = {f"{product.name}{SEPARATOR}{key}": value for key, value in product.written.model.implementations.items()}
        return Context(target=target, tags=product.tags(self.environment), implementations=demanded)


def _kind(name: str) -> type[Component[Any, Any]]:
    from components.base import technologies

    return technologies()[name]


def domains(stacks: Path = STACKS) -> list[str]:
    """The names of all domains: folders of the stacks folder that hold a manifest."""
    return sorted(folder.name for folder in stacks.iterdir() if folder.is_dir() and any(folder.glob("*.yaml")))


def stack_config(stack: str, stacks: Path = STACKS) -> dict[str, Any]:
    """The `meshwright:` keys of a stack file, without the prefix; empty where there is no file."""
    file = stacks / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        return {}
    config = (load(file).data or {}).get("config") or {}
    return {key.removeprefix("meshwright:"): value for key, value in config.items() if key.startswith("meshwright:")}
