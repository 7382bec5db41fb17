"""What is wrong with a manifest that can be read: names, files and grants it relies on."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.errors import Refused, UserError, near
from components.names import slug
from stacks.manifest import InputPort, Mesh, OutputPort, Written
from stacks.manifests import Manifests, nearest
from stacks.planned import offered
from templates.template import Template

USED_AS = {"sources": "sources", "inputPorts": "inputs", "dashboards": "dashboards", "schedule": "schedule"}
"""Field of the manifest -> what a template calls it (`${product.inputs}`)."""


def product_errors(
    mesh: Mesh, manifests: Manifests, written: Written, template: Template, today: datetime.date
) -> Iterator[UserError]:
    """Every mistake of one manifest."""
    budget = written.model.budget
    if budget is not None and budget.currency != mesh.currency:
        what = f"the budget is in {budget.currency}, the mesh counts in {mesh.currency}"
        hint = f"convert the amount and write `currency: {mesh.currency}`"
        yield written.error(what, "budget", "currency", hint=hint)
    yield from _parameters(written, template)
    yield from _unused(written, template)
    yield from _sources(manifests, written)
    for index, dashboard in enumerate(written.model.dashboards):
        if not dashboard or not (written.folder / dashboard).is_dir():
            yield written.error(f"there is no dashboard folder {dashboard or '``'}", "dashboards", index)
    for index, output in enumerate(written.model.output_ports):
        yield from _output(written, template, index, output)
    offers = offered(written, template)
    for index, grant in enumerate(written.model.grants):
        if grant.port not in offers:
            yield written.error(
                f"there is no port `{grant.port}`", "grants", index, "port", hint=near(grant.port, offers)
            )
    for index, port in enumerate(written.model.input_ports):
        yield from _input(manifests, written, index, port, today)
    yield from _names(written, template)


def _parameters(written: Written, template: Template) -> Iterator[UserError]:
    given, known = written.model.parameters, template.model.parameters
    for name, value in given.items():
        if name not in known:
            what = f"template `{template.model.name}` has no parameter `{name}`"
            yield written.error(what, "parameters", name, hint=near(name, known))
        elif why := template.refuses(name, value):
            yield written.error(f"parameter `{name}` {why}", "parameters", name)
    for name, parameter in known.items():
        if parameter.required and name not in given:
            yield written.error(
                f"parameter `{name}` is missing", "parameters", hint=f"add `{name}: ...` under `parameters:`"
            )


def _unused(written: Written, template: Template) -> Iterator[UserError]:
    """What stands in the manifest and would do nothing."""
    given = written.model.model_dump(by_alias=True, include={"sources", "input_ports", "dashboards", "schedule"})
    for field, name in USED_AS.items():
        if given[field] and name not in template.takes:
            what = f"template `{template.model.name}` has no use for `{field}`"
            yield written.error(what, field, hint="take it out, or choose another template")


def _names(written: Written, template: Template) -> Iterator[UserError]:
    """Components, inputs and readers become resources side by side: one name for two would mix them up."""
    taken = {key: f"component `{key}` of template `{template.model.name}`" for key in template.parts}
    for port in offered(written, template):
        taken.setdefault(f"{port}-{slug(written.domain)}", f"the domain's own right on `{port}`")
    wanted: list[tuple[str, str, tuple[Any, ...]]] = []
    for index, source in enumerate(written.model.input_ports):
        what, where = f"input port `{source.name}`", ("inputPorts", index, "name")
        wanted.append((source.name, what, where))
        if source.parts[0] != written.domain:
            wanted.append((f"{source.name}-secret", what, where))
    for index, grant in enumerate(written.model.grants):
        what = f"the grant of `{grant.port}` to {grant.to}"
        wanted.append((f"{grant.port}-{slug(grant.to)}", what, ("grants", index, "to")))
    for name, what, where in wanted:
        if name in taken:
            yield written.error(f"{what} and {taken[name]} would both be named `{name}`", *where)
        taken.setdefault(name, what)


def _sources(manifests: Manifests, written: Written) -> Iterator[UserError]:
    inputs = {port.name: port for port in written.model.input_ports}
    for index, source in enumerate(written.model.sources):
        where = ("sources", index, "port")
        if source.file is not None and (why := _missing(written.folder, source.file)):
            yield written.error(why, "sources", index, "file")
        if source.port is None:
            continue
        if source.port not in inputs:
            yield written.error(f"`{source.port}` is no input port", *where, hint=near(source.port, inputs))
            continue
        try:
            producer = manifests.product(inputs[source.port])
            offer = manifests.offers(producer).get(inputs[source.port].parts[2]) if producer is not None else None
        except Refused:
            continue  # told where the input port is checked
        if offer is not None and offer.protocol != "sql":
            yield written.error(f"a source reads a port of type sql; `{source.port}` is {offer.protocol}", *where)


def _missing(folder: Path, pattern: str) -> str:
    """Why a source's path or glob finds no file in a folder; empty if it does."""
    if Path(pattern).is_absolute():
        return f"{pattern} is not relative to {folder.name}/"
    magic = any(sign in pattern for sign in "*?[")
    found = list(folder.glob(pattern)) if magic else [folder / pattern]
    return "" if any(path.is_file() for path in found) else f"there is no file {pattern or '``'}"


def _output(written: Written, template: Template, index: int, output: OutputPort) -> Iterator[UserError]:
    name = output.from_ or output.name
    where = ("outputPorts", index)
    if name not in template.outputs:
        what = f"template `{template.model.name}` offers no port `{name}`"
        yield written.error(what, *where, "from" if output.from_ else "name", hint=near(name, template.outputs))
    elif output.tables and (kind := template.outputs[name].type) != "sql":
        yield written.error(f"`tables` narrows a port of type sql, not {kind}", *where, "tables")
    try:
        tables = written.contract(output)
    except Refused as refused:
        yield from refused.errors
        return
    loaded = [source.name for source in written.model.sources]
    for table in tables:
        if loaded and table.name not in loaded:
            what = f"the contract's table `{table.name}` comes from no source"
            field = "schema" if output.contract is None else "contract"
            yield written.error(what, *where, field, hint=near(table.name, loaded))


def _input(
    manifests: Manifests, written: Written, index: int, port: InputPort, today: datetime.date
) -> Iterator[UserError]:
    where = ("inputPorts", index, "from")
    domain, product, name = port.parts
    if not (manifests.stacks / domain).is_dir():
        yield written.error(f"there is no domain `{domain}`", *where, hint=nearest(domain, manifests.stacks))
        return
    producer = manifests.product(port)
    if producer is None:
        # Its manifest may be there and have mistakes of its own: then those are what has to be mended.
        own = [error for error in manifests.errors[domain] if error.file is not None and error.file.stem == product]
        what, hint = f"domain `{domain}` has no product `{product}`", near(product, manifests.of(domain))
        yield from own or [written.error(what, *where, hint=hint)]
        return
    try:
        offers = manifests.offers(producer)
    except Refused as refused:
        yield from refused.errors
        return
    if name not in offers:
        yield written.error(f"{domain}/{product} offers no port `{name}`", *where, hint=near(name, offers))
    elif circle := manifests.circle(written, port):
        yield written.error(f"products read each other in a circle: {' -> '.join(circle)}", *where)
    elif domain != written.domain:
        yield from _grant(written, producer, index, port, today)


def _grant(
    written: Written, producer: Written, index: int, port: InputPort, today: datetime.date
) -> Iterator[UserError]:
    where, name = ("inputPorts", index, "from"), port.parts[2]
    dates = [grant.until for grant in producer.model.grants if (grant.to, grant.port) == (written.name, name)]
    if dates and max(dates) >= today:
        return
    # 29 February has no day of its name a year on.
    until = today.replace(year=today.year + 1, day=min(today.day, 28) if today.month == 2 else today.day)
    line = f"- {{to: {written.name}, port: {name}, until: {until}}}"
    file, owner = UserError("", file=producer.file).place(), producer.model.owner
    if not dates:
        hint = f"ask its owner {owner} to add under `grants:` in {file}:\n        {line}"
        yield written.error(f"{port.from_} is not granted to {written.name}", *where, hint=hint)
    else:
        hint = f"ask its owner {owner} to renew in {producer.error('', 'grants').place()}:\n        {line}"
        yield written.error(f"the grant of {port.from_} to {written.name} ended on {max(dates)}", *where, hint=hint)
