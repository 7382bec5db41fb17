"""What the catalogue learns of a product: the record that a stack puts out (catalogue/record.py has the model)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from catalogue.record import mint_uid, urn
from components.base import SEPARATOR
from components.ingest import Source
from components.port import Port
from components.targets import Target
from stacks.domain import Domain, Planned


def record_of(
    domain: Domain, planned: Planned, ports: Mapping[str, Port], target: Target, estimate: Mapping[str, Any]
) -> dict[str, Any]:
    """The record of one product: `ports` are those it offers, `estimate` its monthly cost (empty where it has none)."""
    model, tenant = planned.written.model, domain.mesh.tenant
    address = urn(tenant, domain.name, planned.name)
    cost = {
        "monthly": estimate.get("monthly", 0.0),
        "currency": estimate.get("currency", domain.mesh.currency),
        "lines": estimate.get("lines", []),
    }
    if model.budget is not None:
        cost["budget"] = model.budget.monthly
    parts = {f"{planned.name}{SEPARATOR}{key}": part.type for key, part in planned.template.parts.items()}
    return {
        "uid": str(mint_uid(address)),
        "urn": address,
        "name": planned.name,
        "domain": domain.name,
        "tenant": tenant,
        "environment": domain.environment,
        "stack": domain.stack,
        "version": model.version,
        "description": model.description,
        "owner": model.owner,
        "purpose": model.purpose or None,
        "classification": model.classification,
        "costCentre": model.cost_centre,
        "template": {"name": planned.template.model.name, "version": planned.template.model.version},
        "target": target.name,
        "ports": [_port(domain, planned, name, port) for name, port in ports.items()],
        "inputs": [{"name": port.name, "urn": urn(tenant, *port.parts)} for port in model.input_ports],
        "sources": [{"name": s.name, "kind": source_kind(s), "location": location(s)} for s in model.sources],
        "components": [
            {"name": name, "type": kind, "implementation": target.built[name]} for name, kind in parts.items()
        ],
        "cost": cost,
    }


def _port(domain: Domain, planned: Planned, name: str, port: Port) -> dict[str, Any]:
    grants = [grant for grant in planned.written.model.grants if grant.port == name]
    entry: dict[str, Any] = {
        "name": name,
        "urn": urn(domain.mesh.tenant, domain.name, planned.name, name),
        "protocol": port.protocol,
        "description": planned.offers[name].description,
        "endpoint": endpoint(port),
        "consumers": [{"to": grant.to, "until": grant.until.isoformat()} for grant in grants],
    }
    columns = [
        {
            "name": c.name,
            "logicalType": c.logicalType,
            "description": c.description or None,
            "personalData": c.personalData,
        }
        for table in planned.contracts.get(name, ())
        for c in table.properties
    ]
    if columns:
        kept = [{key: value for key, value in column.items() if value is not None} for column in columns]
        entry["contract"] = {"columns": kept}
    return entry


def endpoint(port: Port) -> dict[str, Any]:
    """A port's address in the record's words."""
    if port.protocol == "s3":
        return {
            "url": port.address["endpoint"],
            "bucket": port.address["bucket"],
            "prefix": port.address.get("prefix", ""),
        }
    if port.protocol in ("dask", "spark"):
        address = pulumi.Output.from_input(port.address["address"]).apply(lambda text: str(text).split("://")[-1])
        return {
            "host": address.apply(lambda text: text.rpartition(":")[0]),
            "port": address.apply(lambda text: int(text.rpartition(":")[2])),
        }
    return dict(port.address)


def source_kind(source: Source) -> str:
    """file, url, package or port."""
    return next(kind for kind in ("file", "url", "package", "port") if getattr(source, kind) is not None)


def location(source: Source) -> str:
    """Where a source's data comes from, in one word."""
    if source.package is not None:
        return f"{source.package}/{source.path}"
    return source.url or source.file or f"{source.port}.{source.table}"
