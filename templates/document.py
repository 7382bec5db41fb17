"""A YAML file with the line of every value, so that an error names its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic
import yaml

from components.errors import Refused, UserError, near
from templates.fitting import hints, item_type, parts_of, value_type

Model = TypeVar("Model", bound=pydantic.BaseModel)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"

WANTED = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a date such as 2027-06-30",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
}
"""The first word of pydantic's error types `<word>_type`, `<word>_parsing`, ..., as a person reads it."""


@dataclass(frozen=True)
class Document:
    """`data` as plain values; `lines` holds the line (from 1) of each path of keys and indices."""

    file: Path
    data: Any
    lines: Mapping[tuple[Any, ...], int]

    def line(self, *path: Any) -> int:
        """The line of the deepest part of `path` that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, what: str, *path: Any, hint: str = "") -> UserError:
        """A mistake at a path of this file."""
        return UserError(what, file=self.file, line=self.line(*path), hint=hint)

    def parse(self, model: type[Model]) -> Model:
        """The file as `model`; all that is wrong with it in one Refused."""
        if self.data is None:
            raise Refused([self.error("the file is empty")])
        if not isinstance(self.data, dict):
            raise Refused([self.error("the file holds no mapping of names to values")])
        try:
            return model.model_validate(self.data)
        except pydantic.ValidationError as error:
            found = [self._sentence(model, item) for item in error.errors(include_url=False)]
            unique = {(entry.what, entry.line): entry for entry in found}
            raise Refused(unique.values()) from None

    def _sentence(self, model: type[pydantic.BaseModel], item: Any) -> UserError:
        path, kind, given = tuple(item["loc"]), str(item["type"]), item["input"]
        name = shown(path)
        if kind in ("extra_forbidden", "unexpected_keyword_argument"):
            return self.error(f"unknown field `{name}`", *path, hint=near(str(path[-1]), fields(model, path[:-1])))
        if kind in ("missing", "missing_argument"):
            return self.error(f"`{name}` is missing", *path[:-1], hint=f"add `{path[-1]}: ...`")
        if kind == "literal_error":
            known = _choices(type_at(model, path))
            return self.error(f"`{name}` can't be `{given}`", *path, hint=near(str(given), known))
        if kind == "string_pattern_mismatch":
            hint = _description(model, path) or f"it has the form {item['ctx']['pattern']}"
            return self.error(f"`{name}` can't be `{given}`", *path, hint=hint)
        if kind.split("_")[0] in WANTED and kind.split("_")[1] in ("type", "parsing", "from"):
            if given is None:
                return self.error(f"`{name}` has no value", *path)
            plain = not isinstance(given, list | dict)
            hint = "put it in quotes" if kind == "string_type" and plain else ""
            got = f", got `{str(given).lower() if isinstance(given, bool) else given}`" if plain else ""
            return self.error(f"`{name}` wants {WANTED[kind.split('_')[0]]}{got}", *path, hint=hint)
        if kind == "greater_than_equal":
            return self.error(f"`{name}` is at least {item['ctx']['ge']:g}, got {given}", *path)
        message = str(item["msg"]).removeprefix("Value error, ")
        return self.error(f"`{name}`: {message[:1].lower()}{message[1:]}" if path else message, *path)


@dataclass
class _Walk:
    """One pass over the nodes of a file: the lines of all paths, and what YAML itself lets through."""

    file: Path
    loader: Any
    lines: dict[tuple[Any, ...], int] = field(default_factory=dict)
    errors: list[UserError] = field(default_factory=list)

    def visit(self, node: Any, path: tuple[Any, ...] = (), above: tuple[Any, ...] = ()) -> None:
        """Note a node and all below it; `above` are the nodes it stands in."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node in above:
            self._refuse(f"`{shown(path)}` contains itself", node)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.tag not in (_TEXT, _MERGE):
                    self._refuse(f"`{_written(key)}` is no text, so it can't be a name", key, "put it in quotes")
                    continue
                if key.value in seen:
                    self._refuse(f"`{key.value}` stands twice", key)
                seen.add(key.value)
                self.lines[(*path, key.value)] = key.start_mark.line + 1
                self.visit(value, (*path, key.value), (*above, node))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.visit(value, (*path, index), (*above, node))
        elif node.tag != _TEXT:
            try:
                self.loader.construct_object(node)
            except ValueError:
                kind = node.tag.rpartition(":")[2].replace("timestamp", "date")
                self._refuse(f"`{node.value}` is no {kind}", node, "a text stands in quotes")

    def _refuse(self, what: str, node: Any, hint: str = "") -> None:
        self.errors.append(UserError(what, file=self.file, line=node.start_mark.line + 1, hint=hint))


def load(file: Path) -> Document:
    """Read a YAML file; a syntax error, a key that stands twice and an impossible value are refused with their line."""
    text = _text(file)
    loader = _LOADER("")
    walk = _Walk(file, loader)
    try:
        node = yaml.compose(text, Loader=_LOADER)
        if node is not None:
            walk.visit(node)
        if walk.errors:
            raise Refused(walk.errors)
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        what = f"YAML syntax error: {_problem(error)}"
        raise Refused([UserError(what, file=file, line=line, hint=_trap(text, error))]) from None
    return Document(file, data, walk.lines)


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Refused([UserError(f"can't be read: {error.strerror}", file=file)]) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused([UserError("the file is no UTF-8 text", file=file, line=line, hint="save it as UTF-8")]) from None
    if control := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise Refused([UserError(f"the file holds the control character {control.group()!r}", file=file, line=line)])
    return text


def _problem(error: yaml.MarkedYAMLError) -> str:
    """libyaml's words; some of them only continue their context."""
    return f"{error.context}, {error.problem}" if str(error.problem).startswith("but ") else str(error.problem)


def _trap(text: str, error: yaml.MarkedYAMLError) -> str:
    """A hint for the mistakes that YAML words badly."""
    mark, began, lines = error.problem_mark or error.context_mark, error.context_mark, text.splitlines()
    written = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "indent with spaces, not with a tab"
    if "${" in written and "{" in written.replace("${", ""):
        return 'within braces a reference stands in quotes: {size: "${parameters.size}"}'
    if began is not None and mark is not None and began.line < mark.line:
        return f"{error.context} that begins at line {began.line + 1}"
    return ""


def _written(node: Any) -> str:
    return node.value if isinstance(node.value, str) else "a list or mapping"


def shown(path: tuple[Any, ...]) -> str:
    """`sources[0].file`; pydantic's marks of a mapping's key are left out."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part != "[key]")
    return text.removeprefix(".") or "the file"


def fields(model: Any, path: tuple[Any, ...]) -> list[str]:
    """The field names, as they are written, that a model has at a path."""
    return list(_members(type_at(model, path)))


def type_at(model: Any, path: tuple[Any, ...]) -> Any:
    """The type that a model has at a path; Any where it has none."""
    kind = model
    for part in path:
        members = _members(kind)
        inner = item_type(kind) if isinstance(part, int) else members.get(part) if members else value_type(kind)
        kind = Any if inner is None else inner
    return kind


def _members(kind: Any) -> dict[str, Any]:
    """Field name, as it is written -> type, of the model or dataclass among what a type allows."""
    for part in parts_of(kind):
        if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
            return {info.alias or name: info.annotation for name, info in part.model_fields.items()}
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            types = hints(part)
            return {f.name: types[f.name] for f in dataclasses.fields(part)}
    return {}


def _description(model: Any, path: tuple[Any, ...]) -> str:
    """What a field says about its form."""
    for part in parts_of(type_at(model, path[:-1])):
        if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
            found = (info.description for name, info in part.model_fields.items() if (info.alias or name) == path[-1])
            return next(found, None) or ""
    return ""


def _choices(kind: Any) -> list[str]:
    """The values of a Literal, also of an optional one."""
    literals = [part for part in parts_of(kind) if get_origin(part) is Literal]
    return [str(value) for part in literals for value in get_args(part)]
