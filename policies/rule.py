"""Rule: one check as a value, with its reasons, its fix, its fixtures and its known misses."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

from policies.literals import secrets_in
from policies.unknown import UNKNOWN as UNKNOWN
from policies.unknown import UndeterminedError, guarded

Severity = Literal["critical", "high", "medium", "low"]
Outcome = Literal["fail", "unknown", "error"]

_ID = re.compile(r"[A-Z]{3,4}-\d{2}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a predicate may know of a resource's options."""

    protect: bool = False
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as rules see it: plain values, numbers as they come. `environment` is the stack's."""

    type: str
    props: Mapping[str, Any]
    name: str = "example"
    urn: str = ""
    options: Options = Options()
    environment: str = ""

    @property
    def tags(self) -> Mapping[str, Any]:
        """The resource's tags, empty if it has none."""
        tags = self.props.get("tags")
        return tags if isinstance(tags, Mapping) else {}


def example(type_token: str, props: Mapping[str, Any], *, environment: str = "dev", protect: bool = False) -> Resource:
    """A resource for a rule's fixtures."""
    options = Options(protect=protect)
    return Resource(type=type_token, props=guarded(dict(props)), options=options, environment=environment)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One check. `violated` gives what is wrong in a few words (names, never values), or True, or nothing.

    `reads` are type tokens, a trailing `*` matching any rest. The name says the fault, never the cure.
    """

    id: str
    name: str
    severity: Severity
    what: str
    fix: str
    reads: tuple[str, ...]
    violated: Callable[[Resource], bool | str | None]
    passes: tuple[Resource, ...]
    fails: tuple[Resource, ...]
    why: str = ""
    refs: tuple[str, ...] = ()
    misses: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or not _NAME.fullmatch(self.name):
            raise ValueError(f"Rule `{self.id}` `{self.name}`: an id is like GOV-01, a name like missing-tags")
        if self.severity not in get_args(Severity):
            raise ValueError(f"Rule {self.id}: `{self.severity}` is no severity")

    def covers(self, type_token: str) -> bool:
        """Whether this rule looks at resources of a type."""
        return any(
            type_token.startswith(read[:-1]) if read.endswith("*") else type_token == read for read in self.reads
        )

    def judge(self, resource: Resource) -> Finding | None:
        """A finding, or None where the resource passes. A predicate that raises becomes an error of this rule."""
        try:
            detail = self.violated(resource)
        except UndeterminedError as undetermined:
            return Finding(rule=self, resource=resource, outcome="unknown", detail=undetermined.path)
        except Exception as error:  # the other rules must still run
            return Finding(rule=self, resource=resource, outcome="error", detail=_place(error))
        if not detail:
            return None
        return Finding(rule=self, resource=resource, outcome="fail", detail="" if detail is True else str(detail))


def _place(error: Exception) -> str:
    """Type and line of an error; not its text, which may quote a property's value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule says of a resource: it fails, the answer is not known yet, or the rule itself broke."""

    rule: Rule
    resource: Resource
    outcome: Outcome
    detail: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong. Should a detail quote a secret, it is masked."""
        detail = self.detail
        if self.outcome == "error":
            return f"the rule itself failed ({detail}), so this resource is unchecked"
        if self.outcome == "unknown":
            return f"can't be decided, because `{detail}` is not known"
        for secret in sorted(secrets_in(self.resource.props), key=len, reverse=True) if detail else ():
            detail = detail.replace(secret, "***")
        said = f" ({detail})" if detail else ""
        return f"{self.rule.what.rstrip('.')}{said}"

    @property
    def message(self) -> str:
        """Rule id, sentence and fix."""
        fix = "Fix the rule." if self.outcome == "error" else f"Fix: {self.rule.fix}"
        return f"{self.rule.id} {self.rule.name}: {self.sentence}. {fix}"


def collect(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules sorted by id; two of one id or name are refused."""
    taken: dict[str, Rule] = {}
    for rule in rules:
        for key in (rule.id, rule.name):
            if taken.setdefault(key, rule) is not rule:
                raise ValueError(f"Two rules are called `{key}`")
    return tuple(sorted({rule.id: rule for rule in taken.values()}.values(), key=lambda rule: rule.id))


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule in this package's modules: adding a file is all it takes to add some."""
    import policies

    found: dict[int, Rule] = {}
    for module in pkgutil.iter_modules(policies.__path__):
        if not module.name.startswith("_"):
            for thing in vars(importlib.import_module(f"policies.{module.name}")).values():
                if isinstance(thing, Rule):
                    found[id(thing)] = thing
    return collect(found.values())
