"""docs/rules.md from the rules: `python -m policies.document` prints the page."""

from __future__ import annotations

from collections.abc import Iterable

from policies.rule import Rule, all_rules

_ORDER = ("critical", "high", "medium", "low")


def page(rules: Iterable[Rule]) -> str:
    """The rules as a Markdown page: a table, then a section each."""
    rules = sorted(rules, key=lambda rule: rule.id)
    lines = [
        "# Rules",
        "",
        "Made by `python -m policies.document`; change the rule, not this page. `policies/levels.yaml` says what a",
        "severity does in which environment.",
        "",
        "| Rule | Severity | Refused |",
        "|---|---|---|",
    ]
    by_severity = sorted(rules, key=lambda rule: _ORDER.index(rule.severity))
    lines += [f"| [{rule.id}](#{_anchor(rule)}) | {rule.severity} | {rule.what} |" for rule in by_severity]
    for rule in rules:
        lines += ["", f"## {rule.id} {rule.name}", "", f"{rule.what} ({rule.severity})."]
        lines += [rule.why] if rule.why else []
        lines += ["", f"**Fix:** {rule.fix}", "", f"Looks at: {', '.join(f'`{read}`' for read in rule.reads)}."]
        lines += [f"References: {', '.join(rule.refs)}."] if rule.refs else []
        lines += [f"Misses: {'; '.join(rule.misses)}."] if rule.misses else []
    return "\n".join(lines) + "\n"


def _anchor(rule: Rule) -> str:
    return f"{rule.id}-{rule.name}".lower()


if __name__ == "__main__":
    print(page(all_rules()), end="")
