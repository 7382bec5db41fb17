"""The Pulumi program of one domain stack: declares its products and exports what the catalogue needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pulumi

from components.access import opened, takes_credentials
from components.base import COMPOSED, SEPARATOR, Component
from components.errors import Refused, UserError
from components.mesh import Placement
from components.names import slug
from components.port import ADDRESS, Credentials, Port
from components.primitives import Secret, SecretArgs, Software
from components.targets import Target, load
from policies import prices
from stacks.domain import Domain, Planned
from stacks.manifest import InputPort
from stacks.personal import declared, places
from stacks.product import Product, ProductArgs
from stacks.record import record_of
from stacks.recording import Recorded, record

PROJECT = "meshwright"


class Program:
    """Declares a domain on a target. `run` registers for real; `recorded` only shows what would be."""

    def __init__(
        self,
        domain: Domain,
        values: Mapping[str, Any],
        previous: Mapping[str, Any] | None = None,
        secrets: Collection[str] | None = None,
        *,
        only: Collection[str] | None = None,
    ) -> None:
        self.domain, self.values, self.previous, self.secrets = domain, values, previous or {}, secrets
        self.products = domain.products if only is None else domain.needed(only)
        name = values.get("target")
        if not name:
            raise UserError(
                f"stack {domain.stack} names no target", hint=f"pulumi config set target local -s {domain.stack}"
            )
        self.kind: type[Target] = load(str(name))
        was = self.previous.get("target")
        if was is not None and was != name:
            raise UserError(
                f"stack {domain.stack} runs on {was} and can't be moved to {name}",
                file=domain.stacks / f"Pulumi.{domain.stack}.yaml",
                hint=f"set it back to {was}, or destroy the stack first: a target is chosen once",
            )

    @property
    def place(self) -> str:
        """Whose prices are used: those of a cloud's region, else of the target."""
        own = self.kind.name in prices.OWN
        return self.kind.name if own else str(self.values.get("region") or self.kind.name)

    def target(self) -> Target:
        """A fresh target: it keeps what one run of the program has built."""
        return self.kind(self.domain.settings(self.values, self.secrets), self.previous.get("implementations") or {})

    def recorded(self) -> list[Recorded]:
        """The resources of this domain, without an engine. What target or component refuse is refused here."""
        return self._recorded()[0]

    def checked(self) -> list[Recorded]:
        """The same; the target has also seen that it can be used from here."""
        graph, target = self._recorded()
        target.verify()
        return graph

    def software(self) -> tuple[Software, ...]:
        """The software that this domain runs as images; none on a target without containers."""
        return self._recorded()[1].software()

    def _recorded(self) -> tuple[list[Recorded], Target]:
        target = self.target()
        self.domain.check_target(target)
        return record(lambda: Declaration(self, target, {}).declare()), target

    def estimates(self, graph: list[Recorded]) -> dict[str, dict[str, Any]]:
        """Monthly estimate by product, priced from a recording."""
        own: dict[str, list[tuple[str, str, dict[str, Any]]]] = {planned.name: [] for planned in self.products}
        for made in graph:
            product = made.name.split(SEPARATOR)[0]
            if made.custom and product in own:
                own[product].append((made.name, made.type, made.inputs))
        found: dict[str, dict[str, Any]] = {}
        for product, resources in own.items():
            estimate = prices.total(resources, self.place)
            by_part: dict[str, float] = {}
            for name, monthly in estimate.parts.items():
                part = name.split(SEPARATOR)[1]
                by_part[part] = by_part.get(part, 0.0) + monthly
            found[product] = {
                "monthly": estimate.monthly,
                "currency": estimate.currency,
                "unpriced": list(estimate.unpriced),
                "asOf": estimate.as_of,
                "lines": [{"name": part, "monthly": round(value, 2)} for part, value in by_part.items() if value],
            }
        return found

    def run(self) -> None:
        """Register everything and export outputs. The recording goes first: an error leaves no half stack."""
        declaration = Declaration(self, self.target(), self.estimates(self.checked()))
        declaration.declare()
        for name, value in declaration.exports().items():
            pulumi.export(name, value)


class Declaration:
    """One run of the program's constructors."""

    def __init__(self, program: Program, target: Target, estimates: Mapping[str, dict[str, Any]]) -> None:
        self.domain, self.values, self.estimates, self.target = program.domain, program.values, estimates, target
        self.planned = program.products
        self.products: dict[str, Product] = {}
        self.granted: dict[str, dict[str, Credentials]] = {}
        self.references: dict[str, pulumi.StackReference] = {}

    def declare(self) -> None:
        """Placement first, then each product after those it reads, then what they share."""
        settings = self.target.settings
        Placement(
            "placement",
            {
                "target": self.target.name,
                "region": settings.values.get("region"),
                "domain": settings.domain,
                "environment": settings.environment,
                "tags": settings.shared_tags().as_map(),
            },
        )
        for planned in self.planned:
            try:
                self.products[planned.name] = self._product(planned)
            except UserError as error:
                if error.file is not None:
                    raise
                raise Refused([planned.written.error(error.what, "template", hint=error.hint)]) from None
        self.target.finish()

    def _product(self, planned: Planned) -> Product:
        model = planned.written.model

        def build(product: Component[Any, Any]) -> dict[str, Port]:
            inputs = {port.name: self._input(product, port) for port in model.input_ports}
            view = planned.view(self.domain.environment, inputs)
            wanted = {offer.output for offer in planned.offers.values()}
            made = planned.template.declare(product, view, planned.parameters, wanted)
            ports = {
                name: made[offer.output].only(tables=list(offer.tables)) if offer.tables else made[offer.output]
                for name, offer in planned.offers.items()
            }
            self._grant(product, planned, ports)
            return ports

        budget = {"monthly": model.budget.monthly, "currency": model.budget.currency} if model.budget else None
        args = ProductArgs(
            domain=self.domain.name,
            owner=model.owner,
            classification=model.classification,
            template=planned.template.reference,
            estimate=self.estimates.get(planned.name, {}),
            budget=budget,
            personal_data=self._personal(planned),
            input_ports=tuple(port.from_ for port in model.input_ports),
            contracts={
                name: tuple(table.name for table in planned.contracts.get(name, ()))
                for name, offer in planned.offers.items()
                if offer.protocol == "sql"
            },
            build=build,
        )
        return Product(planned.name, args, self.domain.context(planned, self.target))

    def _personal(self, planned: Planned) -> dict[str, Any] | None:
        ways = self.domain.personal.ways(planned.written)
        own = {self.domain.name: str(self.values.get("region") or "")}
        return declared(planned.written, ways, places(ways, self.domain.environment, self.domain.stacks) | own)

    def _input(self, product: Component[Any, Any], port: InputPort) -> Port:
        domain, name, output = port.parts
        if domain == self.domain.name:
            return opened(self.products[name].outputs.ports[output], product.child(port.name), product)
        stack = f"{domain}-{self.domain.environment}"
        if stack not in self.references:
            self.references[stack] = pulumi.StackReference(f"organization/{PROJECT}/{stack}")
        reference = self.references[stack]
        key, consumer = f"{name}/{output}", f"{self.domain.name}/{product.name}"
        offer = self.domain.offer(port)

        def found(kind: str, *path: str) -> pulumi.Output[Any]:
            def walk(table: Any) -> Any:
                for part in path:
                    if not isinstance(table, Mapping) or part not in table:
                        raise UserError(
                            f"stack {stack} does not offer {port.from_} to {consumer}",
                            hint=f"run `mesh up {domain}` first",
                        )
                    table = table[part]
                return table

            return reference.get_output(kind).apply(walk)

        there = Port(
            protocol=offer.protocol,
            address={part: found("ports", key, part) for part in ADDRESS[offer.protocol]},
            revision=found("ports", key, "revision"),
            job=found("ports", key, "job"),
            stack=stack,
        )
        if not offer.login:
            return there
        # The name travels with the password; by itself it is no secret.
        user = pulumi.Output.unsecret(found("credentials", key, consumer, "user"))
        value = SecretArgs(value=found("credentials", key, consumer, "password"))
        secret = Secret(product.child(f"{port.name}-secret"), value, product.below())
        return there.opened_by(Credentials(user=user, secret=secret))

    def _grant(self, product: Component[Any, Any], planned: Planned, ports: Mapping[str, Port]) -> None:
        """A right for each grant, and one for the domain's own people on every port that takes credentials."""
        for name, port in ports.items():
            if not takes_credentials(port):
                continue
            # A login that all readers share knows no end: whose time is over isn't told any more.
            shared = port.credentials is not None
            granted = [grant for grant in planned.written.model.grants if grant.port == name]
            readers = {self.domain.name: None} | {
                grant.to: grant.until.isoformat()
                for grant in granted
                if not (shared and grant.until < self.domain.today)
            }
            self.granted[f"{product.name}/{name}"] = {
                reader: _credentials(opened(port, product.child(f"{name}-{slug(reader)}"), product, until))
                for reader, until in readers.items()
            }

    def exports(self) -> dict[str, Any]:
        """The stack's outputs; all but `credentials` are free of secrets."""
        ports = {
            f"{name}/{port}": value.record()
            for name, product in self.products.items()
            for port, value in product.outputs.ports.items()
        }
        credentials = {
            port: {reader: {"user": c.user, "password": c.secret.outputs.value} for reader, c in readers.items()}
            for port, readers in self.granted.items()
        }
        return {
            "target": self.target.name,
            "implementations": {
                name: chosen for name, chosen in self.target.built.items() if chosen != COMPOSED or "--" in name
            },
            "ports": ports,
            "credentials": pulumi.Output.secret(credentials),
            "records": {planned.name: self._record(planned) for planned in self.planned},
        }

    def _record(self, planned: Planned) -> dict[str, Any]:
        ports, estimate = self.products[planned.name].outputs.ports, self.estimates.get(planned.name, {})
        return record_of(self.domain, planned, ports, self.target, estimate)


def _credentials(port: Port) -> Credentials:
    assert port.credentials is not None
    return port.credentials
