"""`mesh up`, `preview`, `destroy`: domains in the order of their inputs, watched, then registered."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any, NoReturn

from cli import output, project, view
from cli.engine import Operation, Outcome, Verb, ensure_stack, query
from components.errors import Refused, UserError, near
from stacks.domain import Domain, domains, stack_config

AT_ONCE = 2
"""Stacks deployed side by side: each takes a CLI, a program and a provider process."""


class Selection:
    """The domains a command means, checked as a whole before anything starts."""

    def __init__(self, names: list[str], environment: str, *, check: bool = True) -> None:
        self.project = project.here()
        known = domains(self.project.stacks)
        if check and not known:
            raise UserError("there is no domain yet", hint="make one: `mesh new product <domain>/<product>`")
        self.products: dict[str, list[str]] = {}
        for name in names or known:
            domain, _, product = name.partition("/")
            if domain not in known:
                raise UserError(f"there is no domain `{domain}`", hint=near(domain, known))
            self.products.setdefault(domain, []).extend([product] if product else [])
        self.environment = environment
        self.domains: dict[str, Domain] = {}
        errors: list[UserError] = []
        for domain in self.products:
            try:
                self.domains[domain] = self._checked(domain) if check else self._domain(domain)
            except Refused as refused:
                errors.extend(refused.errors)
            except UserError as error:
                errors.append(error)
        if errors:
            raise Refused({error.text(): error for error in errors}.values())
        for domain, products in self.products.items():
            have = [planned.name for planned in self.domains[domain].products]
            for product in products:
                if product not in have:
                    raise UserError(f"domain `{domain}` has no product `{product}`", hint=near(product, have))

    def _domain(self, name: str) -> Domain:
        return Domain(self.stack(name), stacks=self.project.stacks, templates=self.project.templates)

    def _checked(self, name: str) -> Domain:
        from stacks.program import Program

        domain = self._domain(name)
        values = stack_config(domain.stack, self.project.stacks)
        try:
            Program(domain, values).checked()
        except (Refused, UserError):
            if not values.get("target"):
                raise
            Program(domain, values, self._outputs(domain.stack))  # a target that was changed is the deeper reason
            raise
        return domain

    def _outputs(self, stack: str) -> dict[str, Any]:
        """What a stack gave; asked only where something is wrong, it takes a second."""
        try:
            return query(self.project, "stack", "output", "--json", "-s", stack) or {}
        except UserError:
            return {}  # without the CLI nothing has run

    def stack(self, domain: str) -> str:
        """`flights` -> `flights-dev`."""
        return f"{domain}-{self.environment}"

    def needs(self) -> dict[str, set[str]]:
        """Which of the chosen domains each one reads."""
        return {name: domain.inputs_of() & set(self.domains) for name, domain in self.domains.items()}

    def extra(self, domain: str) -> tuple[str, ...]:
        """Flags that narrow an operation to products."""
        flags: list[str] = []
        for product in self.products[domain]:
            flags += ["--target", f"**::{product}", "--target", f"**::{product}--**"]
        if flags:
            flags += ["--target", "**::placement", "--target", "**::mesh:index:Environment::**"]
        return tuple(flags)


def up(names: list[str], environment: str, *, as_json: bool) -> NoReturn:
    """Build or change, register, say where to go."""
    selection = Selection(names, environment)
    for domain in selection.domains:
        ensure_stack(selection.project, selection.stack(domain))
    outcomes = _in_order(selection, "up", selection.needs(), show=not as_json)
    registered = _register(selection, outcomes)
    _finish(outcomes, as_json, {"registered": registered}, lambda: view.where_to_go(outcomes, registered))


def preview(names: list[str], environment: str, *, as_json: bool) -> NoReturn:
    """What `up` would do."""
    selection = Selection(names, environment)
    for domain in selection.domains:
        ensure_stack(selection.project, selection.stack(domain))
    outcomes = _in_order(selection, "preview", selection.needs(), show=not as_json)
    _finish(outcomes, as_json, {}, lambda: None)


def destroy(names: list[str], environment: str, *, as_json: bool, force: bool, yes: bool) -> NoReturn:
    """Remove, consumers first; what others still read is kept without `force`."""
    selection = Selection(names, environment, check=False)
    if not force:
        _refuse_if_read(selection)
    chosen = ", ".join(selection.stack(domain) for domain in selection.domains)
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"this removes {chosen} with all data", hint="say so with `--yes`")
        if input(f"Remove {chosen} with all data? Type `yes`: ").strip() != "yes":
            sys.exit(2)
    needs = selection.needs()
    readers = {name: {other for other, reads in needs.items() if name in reads} for name in needs}
    outcomes = _in_order(selection, "destroy", readers, show=not as_json)
    registered = _register(selection, outcomes)
    _finish(outcomes, as_json, {"registered": registered}, lambda: None)


def _refuse_if_read(selection: Selection) -> None:
    """A stack that another running one reads stays."""
    for name in domains(selection.project.stacks):
        if name in selection.domains:
            continue
        reads = selection._domain(name).inputs_of() & set(selection.domains)
        if reads and (query(selection.project, "stack", "output", "--json", "-s", selection.stack(name)) or {}):
            gone = selection.stack(sorted(reads)[0])
            raise UserError(f"{selection.stack(name)} reads {gone}", hint=f"destroy {name} as well, or use --force")


def _in_order(selection: Selection, verb: Verb, needs: dict[str, set[str]], *, show: bool) -> dict[str, Outcome]:
    """Run an operation per domain, each after those it needs; what needs a failed one is left out."""
    sorter: TopologicalSorter[str] = TopologicalSorter(needs)
    sorter.prepare()
    outcomes: dict[str, Outcome] = {}
    running: dict[Future[Outcome], tuple[str, Operation]] = {}
    with view.live(show) as screen, ThreadPoolExecutor(AT_ONCE) as pool, _interrupting(running):
        while sorter.is_active():
            for name in sorter.get_ready():
                if blocked := [need for need in needs[name] if not outcomes[need].ok]:
                    outcomes[name] = Outcome(selection.stack(name), errors=[("", f"not tried: {blocked[0]} failed")])
                    sorter.done(name)
                    continue
                operation = Operation(selection.project, verb, selection.stack(name), selection.extra(name))
                screen.begin(operation)
                running[pool.submit(operation.run, screen.update)] = (name, operation)
            if running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    name, operation = running.pop(future)
                    outcomes[name] = future.result()
                    screen.end(operation, outcomes[name])
                    sorter.done(name)
    return outcomes


@contextmanager
def _interrupting(running: dict[Future[Outcome], tuple[str, Operation]]) -> Iterator[None]:
    """Ctrl-C asks each engine to stop and waits for it, so that no lock and no half-made resource stays."""
    import signal

    count = 0

    def handle(_signal: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        for _, operation in list(running.values()):
            operation.interrupt()
        if count == 1:
            output.err.print("stopping: what runs is finished or undone; Ctrl-C again stops at once")

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, handle) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
    if count:
        sys.exit(130)


def _register(selection: Selection, outcomes: dict[str, Outcome]) -> list[str]:
    from cli import registration

    lines = []
    for outcome in outcomes.values():
        if outcome.touched or outcome.ok:
            lines += registration.reconcile(selection.project, outcome.stack)
    return lines


def _finish(outcomes: dict[str, Outcome], as_json: bool, more: dict[str, Any], then: Callable[[], None]) -> NoReturn:
    if as_json:
        output.document(
            {
                "stacks": {
                    o.stack: {
                        "ok": o.ok,
                        "changes": o.changes,
                        "seconds": o.seconds,
                        "errors": [{"resource": n, "message": m} for n, m in o.errors],
                    }
                    for o in outcomes.values()
                },
                **more,
            }
        )
    else:
        for outcome in outcomes.values():
            view.failures(outcome)
        then()
    if all(outcome.ok for outcome in outcomes.values()):
        sys.exit(0)
    # Nothing was begun: the input was at fault, or the engine could not run.
    sys.exit(1 if any(outcome.touched or outcome.policies for outcome in outcomes.values()) else 2)
