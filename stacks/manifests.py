"""All manifests of the mesh, read once, with what is wrong with them and the templates they pin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.errors import Refused, UserError, near
from components.names import ID
from stacks.manifest import DOMAIN_LENGTH, InputPort, Written
from stacks.planned import Offered, offered
from templates.template import Template, load_template


class Manifests:
    """Manifests by domain and product. What can't be read is kept in `errors`, so that all of it is told at once."""

    def __init__(self, stacks: Path, templates: Path) -> None:
        self.stacks, self.templates = stacks, templates
        self.errors: dict[str, list[UserError]] = {}
        self._read: dict[str, dict[str, Written]] = {}

    def of(self, domain: str) -> dict[str, Written]:
        """The readable manifests of a domain by product name; empty for a domain that is not there."""
        if domain not in self._read:
            self.errors[domain] = []
            self._read[domain] = dict(self._found(domain))
        return self._read[domain]

    def _found(self, domain: str) -> Iterator[tuple[str, Written]]:
        errors, files = self.errors[domain], dict[str, Path]()
        folder = self.stacks / domain
        if folder.is_dir() and (not ID.fullmatch(domain) or len(domain) > DOMAIN_LENGTH):
            hint = f"lower case, digits, single dashes, at most {DOMAIN_LENGTH} characters"
            errors.append(UserError(f"`{domain}` is no legal name of a domain", file=folder, hint=hint))
        errors.extend(UserError("a manifest's name ends in .yaml", file=file) for file in sorted(folder.glob("*.yml")))
        for file in manifest_files(folder):
            try:
                written = Written(file, domain)
            except Refused as refused:
                errors.extend(refused.errors)
                continue
            name = written.model.name
            if files.setdefault(name, file) is not file:
                errors.append(written.error(f"product `{name}` stands in {files[name].name} already", "name"))
            else:
                yield name, written

    def product(self, port: InputPort) -> Written | None:
        """The product that an input port reads; None where there is none that can be read."""
        domain, product, _ = port.parts
        return self.of(domain).get(product)

    def template(self, written: Written) -> Template:
        """The template a manifest pins; raises Refused."""
        name, _, pin = written.model.template.partition("@")
        try:
            template = load_template(name, self.templates)
        except UserError as error:
            raise Refused([written.error(error.what, "template", hint=error.hint)]) from None
        if pin and template.major != pin:
            what = f"template {name} is at {template.model.version}, the manifest pins {pin}"
            raise Refused([written.error(what, "template", hint=f"write `template: {name}@{template.major}`")])
        return template

    def offers(self, written: Written) -> dict[str, Offered]:
        """The output ports of a product; raises Refused for its template."""
        return offered(written, self.template(written))

    def circle(self, start: Written, port: InputPort) -> list[str]:
        """The products from `start` through one of its ports back to itself; empty where it leads nowhere back."""
        first = "/".join(port.parts[:2])
        came: dict[str, str] = {first: start.name}
        todo = [first]
        while todo:
            name = todo.pop(0)
            if name == start.name:
                way = [name]
                while len(way) == 1 or way[-1] != start.name:
                    way.append(came[way[-1]])
                return way[::-1]
            domain, _, product = name.partition("/")
            for other in self._reads(domain, product):
                if other not in came:
                    came[other] = name
                    todo.append(other)
        return []

    def _reads(self, domain: str, product: str) -> list[str]:
        written = self.of(domain).get(product)
        return ["/".join(port.parts[:2]) for port in written.model.input_ports] if written is not None else []

    def domain_circle(self, start: str) -> list[str]:
        """The domains that read each other so that none could be built first; empty without such a circle."""
        came: dict[str, str] = {}
        todo = [start]
        while todo:
            domain = todo.pop(0)
            for port in (port for written in self.of(domain).values() for port in written.model.input_ports):
                other = port.parts[0]
                if other == start and domain != start:
                    way = [start, domain]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return way[::-1]
                if other not in came and other != start:
                    came[other] = domain
                    todo.append(other)
        return []


def manifest_files(folder: Path) -> list[Path]:
    """The manifests in a domain's folder; a name with another dot (`hourly.odcs.yaml`) is a contract or the like."""
    return sorted(file for file in folder.glob("*.yaml") if "." not in file.stem)


def domains(stacks: Path) -> list[str]:
    """The names of all domains: folders of the stacks folder that hold a manifest."""
    return sorted(folder.name for folder in stacks.iterdir() if folder.is_dir() and manifest_files(folder))


def nearest(name: str, stacks: Path) -> str:
    """A hint that names the domains like `name`."""
    return near(name, domains(stacks))
