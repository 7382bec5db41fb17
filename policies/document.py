"""What there is to say of a rule, for docs/rules.md (`python -m policies.document` prints it) and for `mesh rules`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from policies import levels
from policies.levels import DEFAULT, Levels
from policies.rule import Rule, Severity, all_rules

_ORDER: tuple[Severity, ...] = get_args(Severity)


def environments(limits: Levels) -> tuple[str, ...]:
    """What levels differ by, in the file's order, the default first."""
    return (DEFAULT, *(name for name in limits.rows if name != DEFAULT))


def described(rule: Rule, limits: Levels) -> dict[str, Any]:
    """A rule as plain values."""
    return {
        "id": rule.id,
        "name": rule.name,
        "severity": rule.severity,
        "what": rule.what.rstrip(".") + ".",
        "why": rule.why,
        "fix": rule.fix,
        "references": list(rule.refs),
        "misses": list(rule.misses),
        "reads": list(rule.reads),
        "levels": {name: limits.level(rule.severity, name) for name in environments(limits)},
    }


def page(rules: Iterable[Rule], limits: Levels | None = None) -> str:
    """The rules as a Markdown page: what a severity does where, a table of all, then a section each."""
    limits = limits or levels.current()
    every = [described(rule, limits) for rule in sorted(rules, key=lambda rule: rule.id)]
    columns = environments(limits)
    lines = [
        "# Rules",
        "",
        "Made by `python -m policies.document`; change the rule, not this page. `mesh rules show ID` says the same.",
        "",
        "What a finding does (`policies/levels.yaml`): mandatory stops, advisory is shown, disabled is not looked for.",
        "An exception is a dated line in `policies/waivers.yaml`.",
        "",
        f"| Severity | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
        *(f"| {severity} | {' | '.join(limits.level(severity, name) for name in columns)} |" for severity in _ORDER),
        "",
        "| Rule | Severity | Refused |",
        "|---|---|---|",
    ]
    by_severity = sorted(every, key=lambda rule: _ORDER.index(rule["severity"]))
    lines += [f"| [{rule['id']}](#{_anchor(rule)}) | {rule['severity']} | {rule['what']} |" for rule in by_severity]
    for rule in every:
        lines += ["", f"## {rule['id']} {rule['name']}", "", f"{rule['what']} ({rule['severity']})"]
        lines += [rule["why"]] if rule["why"] else []
        lines += ["", f"**Fix:** {rule['fix']}", "", f"Looks at: {', '.join(f'`{read}`' for read in rule['reads'])}."]
        lines += [f"References: {', '.join(rule['references'])}."] if rule["references"] else []
        lines += [f"Misses: {'; '.join(rule['misses'])}."] if rule["misses"] else []
    return "\n".join(lines) + "\n"


def _anchor(rule: dict[str, Any]) -> str:
    return f"{rule['id']}-{rule['name']}".lower()


if __name__ == "__main__":
    print(page(all_rules()), end="")
