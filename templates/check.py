"""Every name and argument of a template against what the components really take and give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from components.base import Component, technologies
from components.errors import Refused, UserError, near
from components.names import ID
from components.port import Port
from components.primitives import Database
from templates.fitting import dataclass_of, fits, hints, item_type, literal_error, plain, shown, value_type
from templates.model import PARAMETER_TYPES, OutputPort, Parameter, ProductView
from templates.reference import REFERENCE, has_reference, needed, references

if TYPE_CHECKING:
    from templates.template import Template

RESERVED = ("parameters", "product")
NARROWS = {"tables": "sql", "prefix": "s3"}
"""Which protocol an output's narrowing belongs to."""

Where = tuple[Any, ...]


class Dangling(Exception):
    """A reference to what is not there."""

    def __init__(self, what: str, hint: str) -> None:
        self.what, self.hint = what, hint
        super().__init__(what)


def check(template: Template) -> Iterator[UserError]:
    """All that is wrong with a template."""
    if template.model.name != template.document.file.stem:
        what = f"template `{template.model.name}` stands in {template.document.file.name}"
        yield template.error(what, "name", hint="name both alike")
    for name, parameter in template.model.parameters.items():
        yield from _parameter(template, name, parameter)
    yield from _components(template)
    for name, output in template.outputs.items():
        yield from _output(template, name, output)
    try:
        _ = template.parts
    except Refused as refused:
        yield from refused.errors


def _parameter(template: Template, name: str, parameter: Parameter) -> Iterator[UserError]:
    where = ("parameters", name)
    for sample in parameter.enum:
        if why := parameter.model_copy(update={"enum": ()}).refuses(sample):
            yield template.error(f"a value of `{name}` {why}", *where, "enum")
    if parameter.default is None:
        return
    if has_reference(parameter.default):
        what = f"the default of `{name}` refers to something"
        yield template.error(what, *where, "default", hint="a default is a plain value")
    elif why := parameter.refuses(parameter.default):
        yield template.error(f"the default of `{name}` {why}", *where, "default")


def _components(template: Template) -> Iterator[UserError]:
    known, renamed = technologies(), dict[str, str]()
    present = template.present
    for key, part in present.items():
        where = ("components", key)
        if not ID.fullmatch(key) or key in RESERVED:
            hint = "lower case, digits, single dashes; neither `parameters` nor `product`"
            yield template.error(f"`{key}` is no legal key", *where, hint=hint)
        if part.renamedFrom in present:
            yield template.error(f"`{key}` was renamed from `{part.renamedFrom}`, which is a component again", *where)
        elif part.renamedFrom is not None and renamed.setdefault(part.renamedFrom, key) != key:
            what = f"`{key}` and `{renamed[part.renamedFrom]}` were both renamed from `{part.renamedFrom}`"
            yield template.error(what, *where, "renamedFrom")
        if part.type not in known:
            yield template.error(f"unknown component `{part.type}`", *where, "type", hint=near(part.type, known))
            continue
        kind = known[part.type]
        types = hints(kind.Args)
        for name, value in part.arguments.items():
            if name not in types:
                yield template.error(f"`{part.type}` takes no `{name}`", *where, name, hint=near(name, types))
            else:
                yield from _argument(template, value, types[name], (*where, name))
        for field in needed(kind.Args):
            if field.name not in part.arguments:
                what = f"`{key}` ({part.type}) lacks `{field.name}`"
                yield template.error(what, *where, hint=f"add `{field.name}: ...`")


def _output(template: Template, name: str, output: OutputPort) -> Iterator[UserError]:
    if not ID.fullmatch(name):
        hint = "lower case, digits, single dashes"
        yield template.error(f"`{name}` is no legal name of a port", "outputs", name, hint=hint)
    for narrowing, protocol in NARROWS.items():
        if getattr(output, narrowing) and output.type != protocol:
            what = f"`{narrowing}` narrows a port of type {protocol}, not {output.type}"
            yield template.error(what, "outputs", name, narrowing)
    where = ("outputs", name, "from")
    whole = REFERENCE.fullmatch(output.from_)
    if not whole:
        yield template.error(f"`{output.from_}` is no reference", *where, hint="write ${component.output}")
    elif output.from_.startswith("${product.inputs"):
        yield template.error(f"`{output.from_}` belongs to another product", *where, hint="offer what this one fills")
    else:
        yield from _reference(template, whole.group(1), Port, where)


def _argument(template: Template, value: Any, want: Any, where: Where) -> Iterator[UserError]:
    if isinstance(value, str) and (whole := REFERENCE.fullmatch(value)):
        yield from _reference(template, whole.group(1), want, where)
    elif isinstance(value, str) and "${" in REFERENCE.sub("", value):
        what = f"`{value}` opens a reference and does not close it"
        yield template.error(what, *where, hint="write ${component.output}")
    elif isinstance(value, str) and has_reference(value):
        yield from _text(template, value, want, where)
    elif not has_reference(value):
        if why := literal_error(value, want):
            mine = isinstance(value, str) and value.split(".")[0] in template.present
            yield template.error(why, *where, hint=f"a reference is written ${{{value}}}" if mine else "")
    elif isinstance(value, list):
        inner = item_type(want)
        if inner is None and not fits(list, want):
            yield template.error(f"a list stands where {shown(want)} is needed", *where)
        for index, item in enumerate(value):
            yield from _argument(template, item, Any if inner is None else inner, (*where, index))
    else:
        yield from _mapping(template, value, want, where)


def _mapping(template: Template, value: Mapping[str, Any], want: Any, where: Where) -> Iterator[UserError]:
    """A mapping that holds references: the fields of a dataclass, or values by any name."""
    kind = dataclass_of(want)
    if kind is None:
        if not fits(dict, want):
            yield template.error(f"a mapping stands where {shown(want)} is needed", *where)
        for key, item in value.items():
            yield from _argument(template, item, value_type(want), (*where, key))
        return
    types = hints(kind)
    for key, item in value.items():
        if key not in types:
            yield template.error(f"{shown(kind)} has no `{key}`", *where, key, hint=near(key, types))
        else:
            yield from _argument(template, item, types[key], (*where, key))
    for field in needed(kind):
        if field.name not in value:
            yield template.error(f"{shown(kind)} lacks `{field.name}`", *where, hint=f"add `{field.name}: ...`")


def _text(template: Template, value: str, want: Any, where: Where) -> Iterator[UserError]:
    """A text around references: each must be plain, known before anything is created."""
    if not fits(str, plain(want)):
        yield template.error(f"a text stands where {shown(want)} is needed", *where)
    for reference in references(value):
        yield from _reference(template, reference, str | int | float | bool, where)


def _reference(template: Template, reference: str, want: Any, where: Where) -> Iterator[UserError]:
    shape = f"${{{reference}}}"
    try:
        have = type_of(template, reference)
    except Dangling as dangling:
        yield template.error(dangling.what, *where, hint=dangling.hint)
        return
    if isinstance(have, Parameter):
        if why := unfit(have, want):
            yield template.error(f"`{shape}` {why}", *where)
    elif not fits(have, want):
        wanted = "a port" if want is Port else shown(want)
        yield template.error(f"`{shape}` is {shown(have)}; {wanted} is needed", *where)
    elif have is Port and _unfilled(template, reference):
        hint = "take the port of what loads it, or hand over the database itself"
        yield template.error(f"`{shape}` is a database that nothing fills", *where, hint=hint)


def _unfilled(template: Template, reference: str) -> bool:
    """Whether a reference is a Database's own port: nobody who reads it would wait for data."""
    part = template.model.components.get(reference.split(".")[0])
    return part is not None and technologies().get(part.type) is Database


def unfit(parameter: Parameter, want: Any) -> str:
    """Why a parameter can't stand where `want` is needed; empty if it can."""
    for sample in parameter.enum or (() if parameter.default is None else (parameter.default,)):
        if why := literal_error(sample, want):
            return f"may be {sample!r}: {why}"
    kind = PARAMETER_TYPES[parameter.type]
    if not parameter.enum and not fits(kind, plain(want)) and not (kind is dict and dataclass_of(want)):
        return f"may be any {parameter.type}; {shown(want)} is needed"
    return ""


def type_of(template: Template, reference: str) -> Any:
    """The type a reference has, or the Parameter it names; raises Dangling."""
    head, *rest = reference.split(".")
    if head == "parameters":
        name = ".".join(rest)
        if name not in template.model.parameters:
            raise Dangling(f"there is no parameter `{name}`", near(name, template.model.parameters))
        return template.model.parameters[name]
    part = template.present.get(head)
    have: Any = ProductView if head == "product" else technologies().get(part.type, Any) if part is not None else None
    if have is None:
        raise Dangling(f"`${{{reference}}}` names nothing here", near(head, [*template.present, *RESERVED]))
    for depth, name in enumerate(rest):
        if have is Any:
            return Any  # of an unknown component: that is an error of its own
        title = f"component {part.type}" if part is not None and depth == 0 else ".".join([head, *rest[:depth]])
        if value_type(have) is not Any:
            have = value_type(have)
            continue
        types: Mapping[str, Any] = {}
        if isinstance(have, type) and issubclass(have, Component):
            types = hints(have.Outputs)
        elif have is ProductView:
            types = hints(have)
        if name not in types:
            raise Dangling(f"`{name}` is no output of {title}", near(name, types))
        have = types[name]
    return have
