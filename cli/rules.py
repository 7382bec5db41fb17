"""`mesh rules`: which rules there are, what each wants, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from policies.levels import Levels
    from policies.rule import Rule
    from policies.waivers import Waiver, Waivers

LABEL = 12
"""Width of the labels' column."""
STYLES: Mapping[str, str] = {"mandatory": "red", "advisory": "yellow", "disabled": "dim"}


app = typer.Typer(
    help="""The rules that `mesh check`, `preview` and `up` keep: all of them, or one explained.

    A finding is mandatory (it stops), advisory (it is shown) or disabled, by its rule's severity and the environment:
    policies/levels.yaml. A dated exception is a line in policies/waivers.yaml, for one resource or one product.
    """,
    invoke_without_command=True,
    rich_markup_mode=None,
    epilog="`mesh rules show COST-01` says what is wrong, why, and how to mend it.",
)
Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON document on stdout.")]


@app.callback()
def list_(context: typer.Context, json: Json = False) -> None:
    """A line for each rule, with what it does by default and in which environment else."""
    if context.invoked_subcommand is not None:
        return
    from cli import output
    from policies import document
    from policies.rule import all_rules

    limits, _ = _read()
    every = [document.described(rule, limits) for rule in all_rules()]
    if json:
        output.document(every)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("rule", "severity", "name", "level"):
        table.add_column(title, no_wrap=True)
    for rule in every:
        table.add_row(rule["id"], rule["severity"], rule["name"], _levels(rule["levels"]))
    output.out.print(table)
    output.err.print(f"{len(every)} rules; `mesh rules show {every[0]['id']}` explains one", markup=False)


@app.command("show")
def show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="Such as COST-01, or the rule's name.")], json: Json = False
) -> None:
    """Explain a rule: what, why, how to mend it, what it reads and misses, its levels, and the waivers that name it."""
    from cli import output
    from policies import document

    limits, exceptions = _read()
    found = _meant(rule)
    told = document.described(found, limits)
    told["waivers"] = [_waived(waiver, date.today()) for waiver in exceptions.naming(found.id)]
    if json:
        output.document(told)
        return
    output.out.print(f"[bold]{told['id']} {told['name']}[/] ({told['severity']})")
    for sentence in filter(None, (told["what"], told["why"])):
        output.out.print(sentence, markup=False)
    rows = {
        "fix": [told["fix"]],
        "looks at": told["reads"],
        "misses": told["misses"],
        "references": told["references"],
        "levels": [f"{environment}: {level}" for environment, level in told["levels"].items()],
        "waivers": [_line(waiver) for waiver in told["waivers"]] or ["none"],
    }
    output.out.print()
    for label, lines in rows.items():
        for number, line in enumerate(lines):
            output.out.print(f"{'' if number else label:{LABEL}}{line}", markup=False)


def _read() -> tuple[Levels, Waivers]:
    """Levels and waivers as they are in force."""
    from components.errors import UserError
    from policies import levels, waivers

    try:
        return levels.current(), waivers.current()
    except ValueError as error:
        raise UserError(str(error)) from None


def _meant(name: str) -> Rule:
    from components.errors import UserError, near
    from policies.rule import all_rules

    by_id = {rule.id: rule for rule in all_rules()}
    found = by_id.get(name.upper()) or next((rule for rule in by_id.values() if rule.name == name), None)
    if found is None:
        known = by_id if any(letter.isdigit() for letter in name) else [rule.name for rule in by_id.values()]
        raise UserError(f"there is no rule `{name}`", hint=near(name, known))
    return found


def _levels(by_environment: Mapping[str, str]) -> str:
    """The default level, and where another one holds."""
    default, *others = by_environment.items()
    told = [default[1], *(f"{level} in {environment}" for environment, level in others if level != default[1])]
    return ", ".join(f"[{STYLES[level.split()[0]]}]{level}[/]" for level in told)


def _waived(waiver: Waiver, today: date) -> dict[str, Any]:
    return {
        "resource": waiver.resource,
        "product": waiver.product,
        "environment": waiver.environment,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "approvedBy": waiver.approved_by,
        "ticket": waiver.ticket,
        "approved": waiver.approved.isoformat(),
        "expires": waiver.expires.isoformat(),
        "state": waiver.state(today),
    }


def _line(waiver: Mapping[str, Any]) -> str:
    where = f" in {waiver['environment']}" if waiver["environment"] else ""
    until = {
        "in force": f"until {waiver['expires']}",
        "not yet": f"from {waiver['approved']} until {waiver['expires']}",
        "expired": f"expired on {waiver['expires']}",
    }[waiver["state"]]
    what = waiver["resource"] or waiver["product"]
    return f"{what}{where}, {until}, by {waiver['owner']} ({waiver['ticket']}): {waiver['reason']}"
