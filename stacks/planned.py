"""A planned product: its manifest, its template, the values of its parameters, and what it offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contract import Table
from components.port import Port, Protocol
from components.tags import Tags
from stacks.manifest import Written
from templates.template import ProductView, Template


@dataclass(frozen=True, kw_only=True)
class Offered:
    """An output port of a product: which output of its template, and what of it."""

    output: str
    protocol: Protocol
    description: str
    tables: tuple[str, ...] = ()
    login: bool = True


def offered(written: Written, template: Template) -> dict[str, Offered]:
    """The ports a product offers: those its manifest names, or all of its template."""
    outputs = template.outputs
    if not written.model.output_ports:
        return {
            name: Offered(output=name, protocol=port.type, description=port.description, login=port.login)
            for name, port in outputs.items()
        }
    return {
        port.name: Offered(
            output=port.from_ or port.name,
            protocol=outputs[port.from_ or port.name].type,
            description=port.description or outputs[port.from_ or port.name].description,
            tables=port.tables,
            login=outputs[port.from_ or port.name].login,
        )
        for port in written.model.output_ports
        if (port.from_ or port.name) in outputs
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
