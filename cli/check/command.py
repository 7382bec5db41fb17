"""`mesh check`: which stacks and products are meant, and what is said of them."""

from __future__ import annotations

import datetime
import json
import sys
import time
from pathlib import Path

from cli import output, project
from cli.check.changed import affected
from cli.check.report import Report
from cli.check.run import Checker
from components.errors import UserError, near
from policies import budgets, levels, ratecard, rule, waivers
from policies.dispatch import Dispatcher
from stacks.domain import domains
from stacks.manifest import read_mesh
from stacks.manifests import manifest_files


def check(
    names: list[str],
    environment: str,
    since: str,
    fail_on: str,
    state: Path | None,
    files: dict[str, Path | None],
    *,
    as_json: bool,
) -> None:
    """Check, say what was found, end with 1 where it stops a pull request and 2 where something can't be checked."""
    start = time.monotonic()
    current = project.here()
    try:
        today = datetime.date.today()
        dispatcher = Dispatcher(rule.all_rules(), levels.current(), waivers.current(), today)
        ratecard.current()
        budgets.read(current.stacks / "budgets.yaml")
    except ValueError as error:
        raise UserError(str(error)) from None
    if state is not None:
        if names or since or environment:
            raise UserError("`--state` checks a whole state; it goes with no product, environment or git ref")
        from cli.check.state import check_state

        report = check_state(state, dispatcher, current.root)
    else:
        report = _programs(current, dispatcher, names, environment, since)
    _write(report, files, fail_on)
    if as_json:
        output.document(report.plain())
    else:
        from cli.check.terminal import show

        show(report, time.monotonic() - start)
    if report.mistakes:
        sys.exit(2)
    if report.fails(fail_on):
        sys.exit(1)


def _programs(
    current: project.Project, dispatcher: Dispatcher, names: list[str], environment: str, since: str
) -> Report:
    """A report on the programs of all stacks that are meant."""
    found, limits = limited(current, names, stacks(current, environment))
    if since:
        touched = affected(current.root, since, found)
        found = [stack for stack in found if touched.get(stack, frozenset({""}))]
        both = {stack: _both(limits.get(stack), touched.get(stack)) for stack in found}
        limits = {stack: products for stack, products in both.items() if products is not None}
    whole = not (names or since or environment)
    checker = Checker(root=current.root, dispatcher=dispatcher, today=dispatcher.today, only=limits, part=not whole)
    return checker.check(found)


def stacks(current: project.Project, environment: str) -> list[str]:
    """The stacks that have a file, of all environments or one."""
    known = list(read_mesh(current.stacks).environments)
    if environment and environment not in known:
        raise UserError(f"there is no environment `{environment}`", hint=near(environment, known))
    wanted = [environment] if environment else known
    every = [f"{domain}-{env}" for domain in domains(current.stacks) for env in wanted]
    found = [stack for stack in every if (current.stacks / f"Pulumi.{stack}.yaml").is_file()]
    if not found:
        where = f" in {environment}" if environment else ""
        raise UserError(f"no domain has a stack{where}", hint="mesh init stack DOMAIN --target local")
    return found


def limited(
    current: project.Project, names: list[str], found: list[str], *, strict: bool = True
) -> tuple[list[str], dict[str, frozenset[str]]]:
    """The stacks that `[DOMAIN[/PRODUCT]]...` mean, and those of which not all products are meant."""
    if not names:
        return found, {}
    only: dict[str, frozenset[str] | None] = {}
    known = domains(current.stacks)
    for name in names:
        domain, _, product = name.partition("/")
        if strict and domain not in known:
            raise UserError(f"there is no domain `{domain}`", hint=near(domain, known))
        have = [file.stem for file in manifest_files(current.stacks / domain)]
        if strict and product and product not in have:
            raise UserError(f"domain `{domain}` has no product `{product}`", hint=near(product, have))
        meant = [stack for stack in found if stack.rpartition("-")[0] == domain]
        if strict and not meant:
            raise UserError(f"domain `{domain}` has no stack", hint=f"mesh init stack {domain} --target local")
        for stack in meant:
            before = only.get(stack, frozenset())
            only[stack] = None if not product or before is None else before | {product}
    limits = {stack: products for stack, products in only.items() if products is not None}
    return [stack for stack in found if stack in only], limits


def _both(first: frozenset[str] | None, second: frozenset[str] | None) -> frozenset[str] | None:
    """What both limits leave; None limits nothing."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _write(report: Report, files: dict[str, Path | None], fail_on: str) -> None:
    """The report in other forms."""
    for form, file in files.items():
        if file is None:
            continue
        if form == "sarif":
            from cli.check.sarif import sarif

            text = json.dumps(sarif(report), indent=1) + "\n"
        elif form == "junit":
            from cli.check.junit import junit

            text = junit(report)
        else:
            from cli.check.markdown import comment

            text = comment(report, fail_on=fail_on)
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{file} can't be written: {error.strerror}") from None
