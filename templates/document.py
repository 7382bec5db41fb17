"""A YAML file with the line of every value, so that an error names its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml

from components.errors import Refused, UserError, near

Model = TypeVar("Model", bound=pydantic.BaseModel)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
        if not isinstance(self.data, dict):
            raise Refused([self.error("the file holds no mapping of names to values")])
        try:
            return model.model_validate(self.data)
        except pydantic.ValidationError as error:
            found = [self._sentence(model, item) for item in error.errors(include_url=False)]
            unique = {(entry.what, entry.line): entry for entry in found}
            raise Refused(unique.values()) from None

    def _sentence(self, model: type[pydantic.BaseModel], item: Any) -> UserError:
        path = tuple(item["loc"])
        name = ".".join(str(part) for part in path) or "the file"
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _fields(model, path[:-1])
            return self.error(f"unknown field `{name}`", *path, hint=near(str(path[-1]), known))
        if item["type"] in ("missing", "missing_argument"):
            return self.error(f"`{name}` is missing", *path[:-1], hint=f"add `{path[-1]}: ...`")
        if item["type"] == "literal_error":
            return self.error(f"`{name}` can't be `{item['input']}`", *path, hint=item["msg"])
        message = str(item["msg"]).removeprefix("Value error, ")
        return self.error(f"`{name}`: {message[:1].lower()}{message[1:]}", *path)


def load(file: Path) -> Document:
    """Read a YAML file; a syntax error and a key that stands twice are refused with their line."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused([UserError(f"can't be read: {error.strerror}", file=file)]) from None
    except UnicodeDecodeError:
        raise Refused([UserError("is no UTF-8 text", file=file)]) from None
    try:
        node = yaml.compose(text, Loader=_LOADER)
        lines: dict[tuple[Any, ...], int] = {}
        doubled: list[UserError] = []
        _walk(node, (), lines, doubled, file)
        if doubled:
            raise Refused(doubled)
        loader = _LOADER("")
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise Refused([UserError(f"YAML syntax error: {error.problem}", file=file, line=line)]) from None
    except yaml.YAMLError as error:
        raise Refused([UserError(f"YAML syntax error: {error}", file=file)]) from None
    return Document(file, data, lines)


def _walk(node: Any, path: tuple[Any, ...], lines: dict[tuple[Any, ...], int], doubled: list[UserError], file: Path) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                doubled.append(UserError(f"`{name}` stands twice", file=file, line=line))
            seen.add(name)
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, doubled, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines, doubled, file)


def _fields(model: Any, path: tuple[Any, ...]) -> list[str]:
    """The field names a model has at a path."""
    for part in path:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", {})
        field = fields.get(str(part))
        if field is None:
            return []
        annotation = getattr(field, "annotation", None) or getattr(field, "type", None)
        model = next((kind for kind in _inner(annotation) if hasattr(kind, "model_fields") or hasattr(kind, "__dataclass_fields__")), None)
        if model is None:
            return []
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", {})
    return [getattr(field, "alias", None) or name for name, field in fields.items()]


def _inner(annotation: Any) -> list[Any]:
    return [annotation, *(kind for part in get_args(annotation) for kind in _inner(part))]
