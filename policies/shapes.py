"""Shapes: small checks that rules are put together from. Each gives what is wrong in names, or nothing."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from policies.rule import UNKNOWN, Resource, example
from policies.unknown import UndeterminedError

T = TypeVar("T")
Check = Callable[[Resource], str | None]

SENSITIVE = ("confidential", "restricted")
"""Classifications whose data needs a key of one's own."""
_KEYS = """
aws:sourcearn aws:sourceaccount aws:sourceowner aws:sourceorgid aws:sourceorgpaths aws:sourcevpc aws:sourcevpce
aws:sourceip aws:principalarn aws:principalaccount aws:principalorgid aws:principalorgpaths aws:userid kms:calleraccount
s3:dataaccesspointaccount s3:dataaccesspointarn elasticfilesystem:accessedviamounttarget
"""
"""Condition keys that leave few callers (IAM: "AWS global condition context keys")."""
_NARROWS = frozenset(_KEYS.split())
_POSITIVE = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress", "bool")


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path; None where there is nothing. An unknown value ends the rule as undetermined."""
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def is_given(value: Any, path: str) -> bool:
    """Whether something stands at a path, known or not: a reference is unknown in a preview, but it is there."""
    *above, last = path.split(".")
    holder = at(value, ".".join(above)) if above else value
    found = dict.get(holder, last) if isinstance(holder, dict) and last in holder else None
    return found is UNKNOWN or found not in (None, "", [], {})


def items(value: Any) -> list[Any]:
    """A list as it is, one thing as a list of it, nothing as an empty one. Cloud documents write all three."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def word(value: Any) -> Any:
    """A value to compare: clouds write true as `true`, `True` and "true"."""
    return str(value).lower() if isinstance(value, str | bool) else value


def must(path: str, *good: str | float | bool) -> Check:
    """`path` has to be one of these; not to say is wrong."""
    wanted, shown = {word(value) for value in good}, _shown(good[0])

    def check(resource: Resource) -> str | None:
        found = word(at(resource.props, path))
        return None if not isinstance(found, list | dict) and found in wanted else f"`{path}` is not {shown}"

    return check


def must_not(path: str, *bad: str | float | bool) -> Check:
    """`path` may be none of these; not to say is right, because the cloud's own value is."""
    refused = {word(value) for value in bad}

    def check(resource: Resource) -> str | None:
        found = word(at(resource.props, path))
        wrong = not isinstance(found, list | dict) and found in refused
        return f"`{path}` is {_shown(found)}" if wrong else None

    return check


def given(path: str) -> Check:
    """Something has to stand at `path`, known or not."""
    return lambda resource: None if is_given(resource.props, path) else f"`{path}` is not given"


def absent(path: str) -> Check:
    """Nothing may stand at `path`, known or not."""
    return lambda resource: f"`{path}` is given" if is_given(resource.props, path) else None


def first(values: Iterable[T], check: Callable[[T], str | None]) -> str | None:
    """What the check says of the first that is wrong; one that can't be decided yet counts where none is."""
    undetermined: UndeterminedError | None = None
    try:
        for value in values:
            try:
                if said := check(value):
                    return said
            except UndeterminedError as error:
                undetermined = error
    except UndeterminedError as error:
        undetermined = error
    if undetermined is not None:
        raise undetermined
    return None


def every(*checks: Check) -> Check:
    """All of them; a sure fault is found beside an unknown value."""

    return lambda resource: first(checks, lambda check: check(resource))


def either(*checks: Check) -> Check:
    """One of them is enough, also where another can't be decided yet; else what the first says."""

    def check(resource: Resource) -> str | None:
        said: list[str] = []
        undetermined: UndeterminedError | None = None
        for each_check in checks:
            try:
                found = each_check(resource)
            except UndeterminedError as error:
                undetermined = error
                continue
            if not found:
                return None
            said.append(found)
        if undetermined is not None:
            raise undetermined
        return said[0]

    return check


def when(condition: Callable[[Resource], bool], check: Check) -> Check:
    """The check, for those resources alone."""
    return lambda resource: check(resource) if condition(resource) else None


def each(path: str, check: Check) -> Check:
    """The check for each item of the list at `path`; none is right."""

    def judged(resource: Resource) -> str | None:
        maps = (item for item in items(at(resource.props, path)) if isinstance(item, Mapping))
        said = first(maps, lambda item: check(replace(resource, props=item)))
        return f"{said} in `{path}`" if said else None

    return judged


def sensitive(resource: Resource) -> bool:
    """Whether the tags say that the data is confidential or restricted."""
    return resource.tags.get("classification") in SENSITIVE


def in_prod(resource: Resource) -> bool:
    """Whether the stack is a prod one."""
    return resource.environment == "prod"


def by_type(table: Mapping[str, Check]) -> Check:
    """The predicate of a rule that has a check for each type that it reads."""
    return lambda resource: table[resource.type](resource)


def document(value: Any) -> Mapping[str, Any]:
    """An IAM-like document, given as a map or as JSON text; empty where there is none. Broken JSON raises."""
    if isinstance(value, str):
        value = json.loads(value) if value.strip() else {}
    return value if isinstance(value, Mapping) else {}


def statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """The statements of a policy document."""
    for statement in items(document(value).get("Statement")):
        if isinstance(statement, Mapping):
            yield statement


def lets_everybody(statement: Mapping[str, Any]) -> bool:
    """Whether a statement of a resource's policy allows something to everybody, with no condition that leaves few."""
    if statement.get("Effect") != "Allow":
        return False
    return ("NotPrincipal" in statement or everybody(statement.get("Principal"))) and not narrowed(statement)


def everybody(principal: Any) -> bool:
    """Whether a principal is `*`, alone or in a list."""
    if isinstance(principal, Mapping):
        return any("*" in items(principal.get(kind)) for kind in principal)
    return "*" in items(principal)


def narrowed(statement: Mapping[str, Any]) -> bool:
    """Whether a condition says which callers are meant. `*` and the whole internet say nothing."""
    condition = statement.get("Condition")
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        plain = str(operator).lower().rpartition(":")[2]
        if plain in _POSITIVE and isinstance(keys, Mapping):
            for key in keys:
                if str(key).lower() in _NARROWS and not any(_anything(value) for value in items(keys.get(key))):
                    return True
    return False


def _anything(value: Any) -> bool:
    return value in ("*", "") or is_everywhere(value)


def is_everywhere(cidr: Any) -> bool:
    """Whether a range is the whole internet, or half of it: 0.0.0.0/0, 0.0.0.0/1, ::/0, 2000::/3."""
    if not isinstance(cidr, str) or "/" not in cidr:
        return False
    try:
        network = ipaddress.ip_network(cidr.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen <= (1 if network.version == 4 else 3)


def within(port: int, low: Any, high: Any) -> bool:
    """Whether a span of ports, as numbers or their text, holds one. Without bounds, or from -1, it holds all."""
    if low in (None, "", "*") or float(low) < 0:
        return True
    return float(low) <= port <= float(low if high in (None, "") else high)


def examples(kind: str, *props: Mapping[str, Any], environment: str = "dev") -> tuple[Resource, ...]:
    """Resources of one type for a rule's fixtures."""
    return tuple(example(kind, each_props, environment=environment) for each_props in props)


def _shown(value: Any) -> str:
    """A wanted or refused word of ours, never a text of the resource's own."""
    named = {"true": "on", "false": "off"}
    return named.get(str(word(value)), f"`{value}`")
