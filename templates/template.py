"""Template: what a kind of data product consists of, as data that is checked against the components it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pydantic
from pydantic.alias_generators import to_camel

from components.base import SEPARATOR, Component, technologies
from components.contract import Table
from components.errors import Refused, UserError, near
from components.ingest import Source
from components.names import ID
from components.port import PROTOCOLS, Port, Protocol
from components.primitives import Schedule
from templates.document import Document, load
from templates.fitting import fits, item_type, literal, shown

REFERENCE = re.compile(r"\$\{([^}]*)\}")
PARAMETER_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}
RESERVED = ("parameters", "product")


class Model(pydantic.BaseModel):
    """Base of what people write: unknown fields are refused."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class Parameter(Model):
    """A knob of a template; without a default it must be given."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    description: str = ""
    default: Any = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def refuses(self, value: Any) -> str:
        """Why a value can't be taken; empty if it can."""
        wanted = PARAMETER_TYPES[self.type]
        number = self.type == "number" and isinstance(value, int | float)
        if isinstance(value, bool) and wanted is not bool or not (number or isinstance(value, wanted)):
            return f"wants {self.type}, got {value!r}"
        if self.enum and value not in self.enum:
            return f"can't be {value!r}; it is one of {', '.join(map(str, self.enum))}"
        if self.minimum is not None and value < self.minimum:
            return f"is at least {self.minimum:g}, got {value}"
        if self.maximum is not None and value > self.maximum:
            return f"is at most {self.maximum:g}, got {value}"
        return ""


class Part(pydantic.BaseModel):
    """One component of a template: its class, and arguments that may hold references."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    type: str
    renamedFrom: str | None = None  # noqa: N815 - as it is written

    @property
    def arguments(self) -> dict[str, Any]:
        """The component's own arguments."""
        return dict(self.model_extra or {})


class OutputPort(Model):
    """A port that products of the template offer."""

    type: Protocol
    from_: str = pydantic.Field(alias="from")
    description: str = ""
    tables: tuple[str, ...] = ()
    prefix: str = ""


class TemplateModel(Model):
    """The file as written."""

    api_version: Literal["meshwright/v1"]
    kind: Literal["Template"]
    name: str
    version: str = pydantic.Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str
    extends: str | None = None
    parameters: dict[str, Parameter] = {}
    components: dict[str, Part | None] = {}
    outputs: dict[str, OutputPort | None] = {}


@dataclass(frozen=True, kw_only=True)
class ProductView:
    """What a template may refer to as `${product.<name>}`."""

    name: str
    domain: str
    environment: str
    folder: str
    schema: str
    sources: tuple[Source, ...] = ()
    inputs: Mapping[str, Port]
    contract: tuple[Table, ...] = ()
    dashboards: tuple[str, ...] = ()
    schedule: Schedule | None = None


@dataclass(frozen=True)
class Template:
    """A checked template. `parts` in the order in which they can be made."""

    model: TemplateModel
    document: Document

    @property
    def reference(self) -> str:
        """`dashboard@1.0.0`."""
        return f"{self.model.name}@{self.model.version}"

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Parts by key, each after those it refers to."""
        present = {key: part for key, part in self.model.components.items() if part is not None}
        needs = {key: {ref.split(".")[0] for ref in references(part.arguments)} & set(present) for key, part in present.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
            raise Refused([self.document.error(f"components refer to each other in a circle: {cycle}", "components")]) from None
        return {key: present[key] for key in order}

    @cached_property
    def outputs(self) -> dict[str, OutputPort]:
        """Output ports by name."""
        return {name: port for name, port in self.model.outputs.items() if port is not None}

    def kinds(self) -> list[type[Component[Any, Any]]]:
        """The component classes it names."""
        return [technologies()[part.type] for part in self.parts.values()]

    def declare(self, product: Component[Any, Any], view: ProductView, parameters: Mapping[str, Any]) -> dict[str, Port]:
        """Make the components below `product`; the ports they offer, by name."""
        import pulumi

        made: dict[str, Any] = {"parameters": parameters, "product": view}
        for key, part in self.parts.items():
            kind = technologies()[part.type]
            aliases = [pulumi.Alias(name=product.child(part.renamedFrom))] if part.renamedFrom else None
            arguments = kind.Args(**dict(self._values(kind, part, made)))
            made[key] = kind(product.child(key), arguments, product.below(aliases=aliases))
        ports = {}
        for name, output in self.outputs.items():
            port: Port = resolve(output.from_, made)
            narrowed: dict[str, Any] = {"tables": list(output.tables)} if output.tables else {}
            if output.prefix:
                narrowed["prefix"] = output.prefix
            ports[name] = port.only(**narrowed)
        return ports

    def _values(self, kind: type[Component[Any, Any]], part: Part, made: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        hints = get_type_hints(kind.Args)
        for name, value in part.arguments.items():
            yield name, resolve(value, made) if has_reference(value) else literal(value, hints[name])


def references(value: Any) -> Iterator[str]:
    """Every `${...}` in a value, without the braces."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def has_reference(value: Any) -> bool:
    """Whether a value holds a `${...}`."""
    return next(references(value), None) is not None


def resolve(value: Any, made: Mapping[str, Any]) -> Any:
    """A value with its references replaced; lists become tuples."""
    if isinstance(value, str):
        whole = REFERENCE.fullmatch(value)
        if whole:
            return follow(whole.group(1), made)
        return REFERENCE.sub(lambda match: str(follow(match.group(1), made)), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, made) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(resolve(item, made) for item in value)
    return value


def follow(reference: str, made: Mapping[str, Any]) -> Any:
    """What `component.output`, `parameters.x` or `product.x` stands for."""
    head, *rest = reference.split(".")
    found = made[head]
    for part in rest:
        if isinstance(found, Component):
            found = found.outputs
        found = found[part] if isinstance(found, Mapping) else getattr(found, part)
    return tuple(found) if isinstance(found, list) else found


@lru_cache
def load_template(name: str, folder: Path) -> Template:
    """Load, extend and check `<folder>/<name>.yaml`."""
    file = folder / f"{name}.yaml"
    if not file.is_file():
        raise UserError(f"there is no template `{name}`", hint=near(name, available(folder)))
    document = load(file)
    model = document.parse(TemplateModel)
    if model.extends:
        base = load_template(model.extends.split("@")[0], folder).model
        model = model.model_copy(
            update={key: {**getattr(base, key), **getattr(model, key)} for key in ("parameters", "components", "outputs")}
        )
    template = Template(model, document)
    errors = list(check(template))
    if errors:
        raise Refused(errors)
    return template


def available(folder: Path) -> list[str]:
    """The names of the templates in a folder."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def check(template: Template) -> Iterator[UserError]:
    """Every name and argument against what the components really take and give."""
    document, model, known = template.document, template.model, technologies()
    if model.name != document.file.stem:
        yield document.error(f"template `{model.name}` stands in {document.file.name}", "name", hint="name both alike")
    parts = {key: part for key, part in model.components.items() if part is not None}
    for key, part in parts.items():
        where = ("components", key)
        if not ID.fullmatch(key) or SEPARATOR in key or key in RESERVED:
            yield document.error(f"`{key}` is no legal key", *where, hint="lower case, digits, single dashes")
        if part.renamedFrom in parts:
            yield document.error(f"`{key}` was renamed from `{part.renamedFrom}`, which is a component again", *where)
        if part.type not in known:
            yield document.error(f"unknown component `{part.type}`", *where, "type", hint=near(part.type, known))
            continue
        hints, args = get_type_hints(known[part.type].Args), fields(known[part.type].Args)
        for name, value in part.arguments.items():
            if name not in hints:
                yield document.error(f"`{part.type}` takes no `{name}`", *where, name, hint=near(name, hints))
            else:
                yield from _argument(template, value, hints[name], (*where, name))
        needed = [f.name for f in args if f.default is f.default_factory and f.name not in part.arguments]
        if needed:
            yield document.error(f"`{key}` ({part.type}) lacks `{needed[0]}`", *where, hint=f"add `{needed[0]}: ...`")
    for name, parameter in model.parameters.items():
        if parameter.default is not None and (why := parameter.refuses(parameter.default)):
            yield document.error(f"the default of `{name}` {why}", "parameters", name)
    for name, output in template.outputs.items():
        yield from _output(template, name, output)


def _output(template: Template, name: str, output: OutputPort) -> Iterator[UserError]:
    where = ("outputs", name, "from")
    whole = REFERENCE.fullmatch(output.from_)
    if not whole:
        yield template.document.error(f"`{output.from_}` is no reference", *where, hint="write ${component.output}")
        return
    have = type_of(template, whole.group(1))
    if isinstance(have, str):
        yield template.document.error(have, *where)
    elif not fits(have, Port):
        yield template.document.error(f"`{output.from_}` is {shown(have)}, no port", *where)
    elif output.type == "sql" and whole.group(1).split(".")[1:] == ["connection"]:
        yield template.document.error(
            f"`{output.from_}` is a database that nothing fills", *where, hint="offer the port of what loads it"
        )
    assert output.type in PROTOCOLS


def _argument(template: Template, value: Any, want: Any, where: tuple[Any, ...]) -> Iterator[UserError]:
    document = template.document
    if isinstance(value, str) and (whole := REFERENCE.fullmatch(value)):
        have = type_of(template, whole.group(1))
        if isinstance(have, str):
            yield document.error(have, *where)
        elif isinstance(have, Parameter):
            for sample in have.enum or ((have.default,) if have.default is not None else ()):
                if (why := literal_error(sample, want)) and not has_reference(sample):
                    yield document.error(f"`{value}` may be {sample!r}: {why}", *where)
                    break
        elif not fits(have, want):
            yield document.error(f"`{value}` is {shown(have)}; {shown(want)} is needed", *where)
    elif isinstance(value, list):
        inner = item_type(want)
        if inner is None:
            yield document.error(f"a list stands where {shown(want)} is needed", *where)
        else:
            for index, item in enumerate(value):
                yield from _argument(template, item, inner, (*where, index))
    elif has_reference(value):
        for reference in references(value):
            have = type_of(template, reference)
            if isinstance(have, str):
                yield document.error(have, *where)
    elif why := literal_error(value, want):
        yield document.error(why, *where)


def literal_error(value: Any, want: Any) -> str:
    """Why a plain value is not of a type; empty if it is."""
    try:
        literal(value, want)
    except pydantic.ValidationError:
        return f"{value!r} stands where {shown(want)} is needed"
    return ""


def type_of(template: Template, reference: str) -> Any:
    """The type a reference has, or a sentence that says what is wrong with it."""
    head, *rest = reference.split(".")
    model, known = template.model, technologies()
    if head == "parameters":
        if len(rest) == 1 and rest[0] in model.parameters:
            return model.parameters[rest[0]]
        return f"there is no parameter `{'.'.join(rest)}`; {near('.'.join(rest), model.parameters)}"
    part = model.components.get(head)
    have: Any = ProductView if head == "product" else known.get(part.type) if part is not None else None
    if have is None:
        return f"`${{{reference}}}` names nothing here; {near(head, [*model.components, *RESERVED])}"
    for name in rest:
        source = have.Outputs if isinstance(have, type) and issubclass(have, Component) else have
        try:
            hints = get_type_hints(source)
        except TypeError:
            hints = {}
        if name not in hints:
            title = f"component {part.type}" if part is not None else head
            return f"`{name}` is no output of {title}; {near(name, hints)}"
        have = hints[name]
    return have
