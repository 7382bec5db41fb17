"""Dated exceptions from rules: `waivers.yaml`, read strictly. A mistake stops, it never widens what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, cast, get_args

import yaml

from policies import levels
from policies.levels import Levels
from policies.rule import Finding, Resource, Rule, Severity, all_rules
from policies.strict_yaml import Reader
from policies.unknown import UndeterminedError

FILE = Path(__file__).with_name("waivers.yaml")
LONGEST = timedelta(days=180)
"""From approval to the last day, inclusive: half a year, then somebody looks at it again."""
SEPARATOR = "--"
"""Between a product's name and those of its parts (components/base.py)."""

State = Literal["in force", "expired", "not yet"]

_NEEDED = ("rule", "reason", "owner", "approvedBy", "ticket", "approved", "expires")
_EITHER = ("resource", "product")


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One exception. `resource` is a glob on names, `product` is `<domain>/<product>`; one of both is empty."""

    rule: str
    resource: str
    product: str
    environment: str
    reason: str
    owner: str
    approved_by: str
    ticket: str
    approved: date
    expires: date
    line: int = field(compare=False)

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding, on whatever day."""
        resource = finding.resource
        if finding.rule.id != self.rule or self.environment not in ("", resource.environment):
            return False
        return fnmatchcase(resource.name, self.resource) if self.resource else product_of(resource) == self.product

    def state(self, today: date) -> State:
        """What it is worth today; the last day counts."""
        if today < self.approved:
            return "not yet"
        return "in force" if today <= self.expires else "expired"

    def __str__(self) -> str:
        return f"waived until {self.expires} by {self.owner}: {self.reason}"


@dataclass
class Waivers:
    """All waivers of a file, and which of them have matched something."""

    every: tuple[Waiver, ...] = ()
    file: Path = FILE
    matched: set[Waiver] = field(default_factory=set)
    """What several processes found is put together with `|=`."""

    def of(self, finding: Finding, today: date) -> Waiver | None:
        """The waiver that holds for a finding today."""
        return self._first(finding, today, "in force")

    def lapsed(self, finding: Finding, today: date) -> Waiver | None:
        """A waiver that held for a finding until it expired."""
        return self._first(finding, today, "expired")

    def unused(self) -> tuple[Waiver, ...]:
        """Those that matched no finding: after a whole run, they can go."""
        return tuple(waiver for waiver in self.every if waiver not in self.matched)

    def naming(self, rule_id: str) -> tuple[Waiver, ...]:
        """Those that name a rule."""
        return tuple(waiver for waiver in self.every if waiver.rule == rule_id)

    def _first(self, finding: Finding, today: date, state: State) -> Waiver | None:
        covering = [waiver for waiver in self.every if waiver.covers(finding)] if self.every else []
        self.matched.update(covering)
        return next((waiver for waiver in covering if waiver.state(today) == state), None)


def product_of(resource: Resource) -> str:
    """`<domain>/<product>` of a resource: by its stack and name, since tags are written by hand, else by its tags."""
    stack = resource.urn.split("::")[0].rpartition(":")[2]
    if stack:
        return f"{stack.rpartition('-')[0] or stack}/{resource.name.split(SEPARATOR)[0]}"
    try:
        return f"{resource.tags.get('domain')}/{resource.tags.get('product')}"
    except UndeterminedError:
        return ""


def current(
    file: Path = FILE, rules: Iterable[Rule] | None = None, limits: Levels | None = None, who: Path = levels.FILE
) -> Waivers:
    """The waivers of a file, fresh: nothing has matched yet. `who` says who may waive what (`waivers` in levels)."""
    reader, limits = Reader(file), limits or levels.current()
    top_node = reader.root()
    top = reader.mapping(top_node)
    reader.only(top, ("waivers",), at=top_node)
    by_id = {rule.id: rule for rule in (all_rules() if rules is None else rules)}
    approvers = may_waive(who, limits)
    found: dict[tuple[str, str, str, str], Waiver] = {}
    for node in reader.sequence(top["waivers"][0]):
        waiver = _waiver(reader, node, by_id, limits)
        _allowed(reader, node, waiver, by_id[waiver.rule].severity, approvers)
        same = (waiver.rule, waiver.resource, waiver.product, waiver.environment)
        if first := found.get(same):
            raise reader.error(node, f"the same is waived in line {first.line}")
        found[same] = waiver
    return Waivers(every=tuple(found.values()), file=file)


Approvers = Mapping[tuple[Severity, str], frozenset[str]]
"""Severity and environment -> who alone may waive there. What is missing, anyone may who may change the file."""


def may_waive(file: Path, limits: Levels) -> Approvers:
    """`waivers` in levels.yaml: {critical: {prod: [emails]}}. Without it nobody waives a critical rule in prod."""
    reader = Reader(file)
    approvers: dict[tuple[Severity, str], frozenset[str]] = {("critical", "prod"): frozenset()}
    section = reader.mapping(reader.root()).get("waivers")
    for severity, (row, key) in reader.mapping(section[0]).items() if section else ():
        reader.word(key, get_args(Severity))
        for environment, (people, name) in reader.mapping(row).items():
            reader.word(name, sorted(limits.environments))
            emails = [_email(reader, person) for person in reader.sequence(people)]
            approvers[(cast(Severity, severity), environment)] = frozenset(emails)
    return approvers


def _waiver(reader: Reader, node: yaml.Node, rules: Mapping[str, Rule], limits: Levels) -> Waiver:
    pairs = reader.mapping(node)
    reader.only(pairs, _NEEDED, optional=(*_EITHER, "environment"), at=node)
    if sum(name in pairs for name in _EITHER) != 1:
        raise reader.error(node, "a waiver names either `resource` or `product`")
    values = {name: value for name, (value, _) in pairs.items()}
    approved, expires = reader.date(values["approved"]), reader.date(values["expires"])
    if not approved <= expires <= approved + LONGEST:
        last = approved + LONGEST
        raise reader.error(
            values["expires"], f"`expires` lies between `approved` and {LONGEST.days} days later, {last}"
        )
    return Waiver(
        rule=reader.word(values["rule"], rules),
        resource=_glob(reader, values["resource"]) if "resource" in values else "",
        product=_product(reader, values["product"]) if "product" in values else "",
        environment=reader.word(values["environment"], sorted(limits.environments)) if "environment" in values else "",
        reason=reader.text(values["reason"]),
        owner=_email(reader, values["owner"]),
        approved_by=_email(reader, values["approvedBy"]),
        ticket=reader.text(values["ticket"]),
        approved=approved,
        expires=expires,
        line=node.start_mark.line + 1,
    )


def _allowed(reader: Reader, node: yaml.Node, waiver: Waiver, severity: Severity, approvers: Approvers) -> None:
    """Refuse what its approver may not waive. A waiver that names no environment covers all of them."""
    for (limited, environment), people in approvers.items():
        if limited != severity or waiver.environment not in ("", environment) or waiver.approved_by in people:
            continue
        who = ", ".join(sorted(people)) or "nobody"
        mend = "" if waiver.environment else "; name an `environment` that it is for"
        raise reader.error(
            node, f"{waiver.rule} is {severity}: in {environment} it is waived by {who} (levels.yaml, `waivers`){mend}"
        )


def _glob(reader: Reader, node: yaml.Node) -> str:
    text = reader.text(node)
    if not any(letter.isalnum() for letter in text):
        raise reader.error(node, f"`{text}` matches everything: that is a level (levels.yaml), no waiver")
    return text


def _product(reader: Reader, node: yaml.Node) -> str:
    text = reader.text(node)
    domain, slash, product = text.partition("/")
    if not (domain and slash and product) or "/" in product or any(letter in "*?[]" for letter in text):
        raise reader.error(node, f"`{text}` is no product; one is like sales/churn")
    return text


def _email(reader: Reader, node: yaml.Node) -> str:
    text = reader.text(node)
    name, at, host = text.partition("@")
    if not (name and at and "." in host) or " " in text:
        raise reader.error(node, f"`{text}` is no e-mail address")
    return text
