"""Runs all rules over one resource after another, and says what each finding does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from policies.levels import Level, Levels
from policies.rule import Finding, Resource, Rule
from policies.waivers import Waiver, Waivers

_STRICT = ("critical", "high")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Findings that stop, findings that are shown, rules that must wait for `up`, and findings with their waiver."""

    mandatory: tuple[Finding, ...] = ()
    advisory: tuple[Finding, ...] = ()
    deferred: tuple[Finding, ...] = ()
    waived: tuple[tuple[Finding, Waiver], ...] = ()


@dataclass
class Dispatcher:
    """All rules, found by type in one step. Without a day no waiver holds."""

    rules: tuple[Rule, ...]
    levels: Levels
    waivers: Waivers = field(default_factory=Waivers)
    today: date = date.max
    deferred: list[str] = field(default_factory=list)
    """Rule ids, one for each resource for which a rule had to wait."""
    _by_type: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def judge(self, resource: Resource, preview: bool) -> Verdict:
        """What all rules say. In a preview an unknown value defers a rule; in `up` it fails a strict one."""
        sorted_in: dict[str, list[Finding]] = {"mandatory": [], "advisory": [], "deferred": [], "disabled": []}
        waived: list[tuple[Finding, Waiver]] = []
        for finding in self.findings(resource):
            place = self._place(finding, preview)
            waiver = None if place == "disabled" else self.waivers.of(finding, self.today)
            if waiver is not None and place != "deferred":
                waived.append((finding, waiver))
            else:
                sorted_in[place].append(finding)
        for finding in sorted_in["deferred"]:
            self.deferred.append(finding.rule.id)
        return Verdict(
            mandatory=tuple(sorted_in["mandatory"]),
            advisory=tuple(sorted_in["advisory"]),
            deferred=tuple(sorted_in["deferred"]),
            waived=tuple(waived),
        )

    def findings(self, resource: Resource) -> Iterable[Finding]:
        """What the rules that read this type find."""
        rules = self._by_type.get(resource.type)
        if rules is None:
            rules = self._by_type[resource.type] = tuple(rule for rule in self.rules if rule.covers(resource.type))
        return [finding for rule in rules if (finding := rule.judge(resource)) is not None]

    def message(self, finding: Finding) -> str:
        """A finding's message, and that its waiver expired where it had one."""
        lapsed = self.waivers.lapsed(finding, self.today)
        return finding.message + (f" Its waiver expired on {lapsed.expires} ({lapsed.ticket})." if lapsed else "")

    def _place(self, finding: Finding, preview: bool) -> str:
        level: Level = self.levels.level(finding.rule.severity, finding.resource.environment)
        if level == "disabled" or finding.outcome == "fail":
            return level
        if finding.outcome == "unknown":
            if preview:
                return "deferred"
            return level if finding.rule.severity in _STRICT else "advisory"
        return (
            level if finding.rule.severity == "critical" else "advisory"
        )  # a broken rule fails closed where it matters

    def deferral(self) -> str:
        """One sentence on all that waits for `up`, or nothing."""
        if not self.deferred:
            return ""
        each = ", ".join(f"{rule} ({count})" for rule, count in sorted(Counter(self.deferred).items()))
        return f"deferred: {len(self.deferred)} checks wait for values known only in `up`, which makes them: {each}"
