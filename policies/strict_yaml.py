"""YAML read strictly: nodes to values, each mistake with its file and line."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import yaml

Pairs = dict[str, tuple[yaml.Node, yaml.Node]]
"""A map's keys, each with its value's node and its own."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class StrictError(ValueError):
    """A file that can't be read; the sentence starts with file:line."""


class Reader:
    """The nodes of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def error(self, node: yaml.Node, sentence: str) -> StrictError:
        """A mistake at a node."""
        return self.error_at(node.start_mark.line + 1, sentence)

    def error_at(self, line: int, sentence: str) -> StrictError:
        """A mistake in a line."""
        return StrictError(f"{self.file}:{line}: {sentence}")

    def root(self) -> yaml.Node:
        """The whole document."""
        try:
            node = yaml.compose(self.file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            raise self.error_at(error.problem_mark.line + 1 if error.problem_mark else 1, str(error.problem)) from None
        except yaml.YAMLError:
            raise self.error_at(1, "the file holds characters that YAML does not allow") from None
        except UnicodeDecodeError:
            raise self.error_at(1, "the file is no UTF-8 text") from None
        except OSError as error:
            raise self.error_at(1, f"the file can't be read: {error.strerror}") from None
        if node is None:
            raise self.error_at(1, "the file is empty")
        return node

    def mapping(self, node: yaml.Node) -> Pairs:
        """Key -> (value, key) nodes; a repeated key is a mistake."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, "a map is expected here")
        pairs: Pairs = {}
        for key, value in node.value:
            name = self.text(key)
            if name in pairs:
                raise self.error(key, f"`{name}` is given twice")
            pairs[name] = (value, key)
        return pairs

    def sequence(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, "a list is expected here")
        return list(node.value)

    def only(
        self,
        pairs: Pairs,
        known: Iterable[str],
        complete: bool = True,
        optional: Iterable[str] = (),
        at: yaml.Node | None = None,
    ) -> None:
        """No key but these; `complete` asks for all of `known`. `at` is the map, where it may be empty."""
        known, optional = tuple(known), tuple(optional)
        for name, (_, key) in pairs.items():
            if name not in known + optional:
                raise self.error(key, f"`{name}` is not known here; known are {', '.join(known + optional)}")
        for name in known if complete else ():
            if name not in pairs:
                first = at or (next(iter(pairs.values()))[1] if pairs else None)
                raise self.error_at(first.start_mark.line + 1 if first else 1, f"`{name}` is missing")

    def text(self, node: yaml.Node) -> str:
        """A word or a sentence."""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or node.tag == "tag:yaml.org,2002:null":
            raise self.error(node, "a word is expected here")
        return str(node.value)

    def word(self, node: yaml.Node, known: Iterable[str]) -> str:
        """One of some words; those like it are told where many are known."""
        text, known = self.text(node), tuple(known)
        if text in known:
            return text
        if len(known) > 12 and (close := get_close_matches(text, known, n=3, cutoff=0.6)):
            raise self.error(node, f"`{text}` is not known; did you mean {' or '.join(close)}?")
        raise self.error(node, f"`{text}` is not known; known are {', '.join(known[:12])}")

    def words(self, node: yaml.Node) -> tuple[str, ...]:
        """A list of at least one word."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.error(node, "a list of words is expected here; leave the key out to allow anything")
        return tuple(self.text(item) for item in node.value)

    def amount(self, node: yaml.Node) -> float:
        """A finite amount, zero or more."""
        try:
            value = float(self.text(node))
        except ValueError:
            value = -1
        if not 0 <= value < 1e9:  # refuses nan and inf too, which would lift the cap
            raise self.error(node, f"`{self.text(node)}` is no amount")
        return value

    def date(self, node: yaml.Node) -> datetime.date:
        """A date like 2027-03-31."""
        text = self.text(node)
        try:
            if _DATE.fullmatch(text):
                return datetime.date.fromisoformat(text)
        except ValueError:
            pass
        raise self.error(node, f"`{text}` is no date; one is like 2027-03-31")
