"""A small judge of IAM policies: may somebody do something? In AWS's own order: deny first, then allow, else no.

It knows what our policies say and refuses to guess about anything else (IAM user guide, "Policy evaluation logic" and
"IAM JSON policy elements: Condition operators").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}


@dataclass(frozen=True)
class Request:
    """What somebody asks for. `context` holds what conditions look at; TLS is used unless it says otherwise."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    principal: str = ""
    """A service or an account, where a policy of a resource is asked."""

    def value(self, key: str) -> str | None:
        found = {"aws:securetransport": "true", **{name.lower(): text for name, text in self.context.items()}}
        return found.get(key.lower())


Policy = Mapping[str, Any] | str
"""As an object, or as the text that AWS takes."""


def statements(policies: Iterable[Policy]) -> list[Mapping[str, Any]]:
    """Those of all policies."""
    read = [json.loads(policy) if isinstance(policy, str) else policy for policy in policies]
    return [statement for policy in read for statement in policy["Statement"]]


def allowed(policies: Iterable[Policy], request: Request) -> bool:
    """Whether the policies, all together, let a request through."""
    effects = {each["Effect"] for each in statements(policies) if applies(each, request)}
    return "Deny" not in effects and "Allow" in effects


def denied_explicitly(policies: Iterable[Policy], request: Request) -> bool:
    """Whether a statement forbids it, whatever others allow."""
    return any(each["Effect"] == "Deny" and applies(each, request) for each in statements(policies))


def applies(statement: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement speaks of a request."""
    if unknown := statement.keys() - KNOWN:
        raise NotImplementedError(f"statements with {', '.join(unknown)}")
    return (
        any(like(text, request.action, fold=True) for text in texts(statement["Action"]))
        and any(like(text, request.resource) for text in texts(statement.get("Resource", "*")))
        and principal(statement.get("Principal"), request.principal)
        and all(
            holds(operator, key, texts(wanted), request)
            for operator, keys in (statement.get("Condition") or {}).items()
            for key, wanted in keys.items()
        )
    )


def principal(wanted: Any, asked: str) -> bool:
    """Whether a statement is about who asks; one of an identity's own policy names nobody."""
    if wanted is None or wanted == "*":
        return True
    return any(asked == name for names in wanted.values() for name in texts(names))


def holds(operator: str, key: str, wanted: list[str], request: Request) -> bool:
    """Whether a condition is met by one of the wanted values; what a request does not say meets none."""
    found = request.value(key)
    return found is not None and any(OPERATORS[operator](text, found) for text in wanted)


def like(pattern: str, text: str, fold: bool = False) -> bool:
    """AWS's wildcards: `*` is any text and `?` any letter."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.IGNORECASE if fold else 0) is not None


def texts(value: Any) -> list[str]:
    """One or many."""
    return [value] if isinstance(value, str) else list(value)


def moment(text: str) -> datetime:
    """A time with its zone."""
    return datetime.fromisoformat(text)


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, found: wanted == found,
    "DateLessThan": lambda wanted, found: moment(found) < moment(wanted),
}
