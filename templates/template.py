"""Template: what a kind of data product consists of, as data that is checked against the components it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from components.base import Component, technologies
from components.errors import Refused, UserError, near
from components.port import Port
from templates.check import check
from templates.document import Document, load
from templates.fitting import hints, literal_error
from templates.model import OutputPort, Part, ProductView, TemplateModel
from templates.reference import REFERENCE, argument, follow, references


@dataclass(frozen=True)
class Template:
    """A checked template."""

    model: TemplateModel
    document: Document

    @property
    def reference(self) -> str:
        """`dashboard@1.0.0`."""
        return f"{self.model.name}@{self.model.version}"

    @property
    def major(self) -> str:
        """What a manifest pins."""
        return self.model.version.split(".")[0]

    @cached_property
    def present(self) -> dict[str, Part]:
        """Parts by key as they are written, without those that an extending template took out (`key: null`)."""
        return {key: part for key, part in self.model.components.items() if part is not None}

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Parts by key, each after those it refers to."""
        heads = {key: {ref.split(".")[0] for ref in references(part.arguments)} for key, part in self.present.items()}
        needs = {key: named & set(self.present) for key, named in heads.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            what = f"components refer to each other in a circle: {' -> '.join(circle)}"
            raise Refused([self.error(what, "components", circle[0])]) from None
        return {key: self.present[key] for key in order}

    @cached_property
    def outputs(self) -> dict[str, OutputPort]:
        """Output ports by name."""
        return {name: port for name, port in self.model.outputs.items() if port is not None}

    @cached_property
    def takes(self) -> frozenset[str]:
        """The parts of a product that it uses: `sources`, `inputs`, `schedule`, ..."""
        used = [ref.split(".") for part in self.present.values() for ref in references(part.arguments)]
        return frozenset(ref[1] for ref in used if ref[0] == "product" and len(ref) > 1)

    def error(self, what: str, *path: Any, hint: str = "") -> UserError:
        """A mistake at a path: in this file, or where it extends the template that has the path."""
        if self.model.extends and len(path) > 1 and path[:2] not in self.document.lines:
            what = f"with {path[0]}.{path[1]} of `{self.model.extends}`: {what}"
            return self.document.error(what, "extends", hint=hint)
        return self.document.error(what, *path, hint=hint)

    def refuses(self, name: str, value: Any) -> str:
        """Why the parameter `name` can't be `value`; empty if it can."""
        if why := self.model.parameters[name].refuses(value):
            return why
        for part in self.present.values():
            types = hints(technologies()[part.type].Args)
            for key, written in part.arguments.items():
                if written == f"${{parameters.{name}}}" and (why := literal_error(value, types[key])):
                    return f"is `{key}` of {part.type}: {why}"
        return ""

    def kinds(self) -> list[type[Component[Any, Any]]]:
        """The component classes it names."""
        return [technologies()[part.type] for part in self.parts.values()]

    def declare(
        self, product: Component[Any, Any], view: ProductView, parameters: Mapping[str, Any], offers: Collection[str]
    ) -> dict[str, Port]:
        """Make the components below `product`; those of their ports that it `offers`, by name."""
        import pulumi

        made: dict[str, Any] = {"parameters": parameters, "product": view}
        for key, part in self.parts.items():
            kind = technologies()[part.type]
            aliases = [pulumi.Alias(name=product.child(part.renamedFrom))] if part.renamedFrom else None
            arguments = kind.Args(**dict(_values(kind, part, made)))
            made[key] = kind(product.child(key), arguments, product.below(aliases=aliases))
        return {name: _offered(name, output, made) for name, output in self.outputs.items() if name in offers}


def _values(kind: type[Component[Any, Any]], part: Part, made: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    types = hints(kind.Args)
    for name, value in part.arguments.items():
        yield name, argument(value, types[name], made)


def _offered(name: str, output: OutputPort, made: Mapping[str, Any]) -> Port:
    """The port an output stands for, narrowed; what it speaks shows only on the port itself."""
    whole = REFERENCE.fullmatch(output.from_)
    assert whole is not None, "check() saw to it"
    port: Port = follow(whole.group(1), made)
    if port.protocol != output.type or not port.address:
        what = f"of type {port.protocol}, not {output.type}" if port.address else "filled by nothing"
        hint = "" if port.address else "name the ports that there are under `outputPorts:`, or fill this one"
        raise UserError(f"output `{name}` of the template ({output.from_}) is {what}", hint=hint)
    narrowed: dict[str, Any] = {"tables": list(output.tables)} if output.tables else {}
    if output.prefix:
        narrowed["prefix"] = output.prefix
    return port.only(**narrowed)


def load_template(name: str, folder: Path) -> Template:
    """Load, extend and check `<folder>/<name>.yaml`; raises UserError where it is missing, Refused for its mistakes."""
    return _loaded(name, folder, ())


@lru_cache
def _loaded(name: str, folder: Path, extending: tuple[str, ...]) -> Template:
    file = folder / f"{name}.yaml"
    if not file.is_file():
        raise UserError(f"there is no template `{name}`", hint=near(name, available(folder)))
    document = load(file)
    model = document.parse(TemplateModel)
    if model.extends:
        base = _base(document, model.extends, folder, (*extending, name)).model
        merged = {key: {**getattr(base, key), **getattr(model, key)} for key in ("parameters", "components", "outputs")}
        model = model.model_copy(update=merged)
    template = Template(model, document)
    errors = list(check(template))
    if errors:
        raise Refused(errors)
    return template


def _base(document: Document, extends: str, folder: Path, extending: tuple[str, ...]) -> Template:
    name, _, pin = extends.partition("@")
    if name in extending:
        what = f"templates extend each other in a circle: {' -> '.join((*extending, name))}"
        raise Refused([document.error(what, "extends")])
    try:
        base = _loaded(name, folder, extending)
    except UserError as error:
        raise Refused([document.error(error.what, "extends", hint=error.hint)]) from None
    if pin and base.major != pin:
        what = f"template {name} is at {base.model.version}, this one extends {pin}"
        raise Refused([document.error(what, "extends", hint=f"write `extends: {name}@{base.major}`")])
    return base


def available(folder: Path) -> list[str]:
    """The names of the templates in a folder."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


__all__ = ["ProductView", "Template", "TemplateModel", "available", "load_template"]
