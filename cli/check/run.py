"""Checks stacks: each program recorded on its own target, priced, and judged by every rule."""

from __future__ import annotations

import datetime
import gc
import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cli import output
from cli.check.graph import resources
from cli.check.report import Checked, Found, Level, Mistake, Report, merged
from cli.check.verdict import by_level, found_of
from components.base import SEPARATOR
from components.errors import Refused, UserError
from policies import budgets
from policies.dispatch import Dispatcher
from policies.rule import Finding
from policies.waivers import Waiver
from stacks.domain import Domain, stack_config
from stacks.manifests import Manifests, manifest_files
from stacks.planned import Planned
from stacks.program import Program

PARALLEL = 64
"""Products from which on both cores are worth a second process."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "COST": ("budget", "parameters"),
    "PII": ("classification",),
    "GOV": ("owner",),
    "BAK": ("parameters",),
}
"""Where a rule's group is settled in a manifest, best first; else where the template is named."""


@dataclass(frozen=True, kw_only=True)
class Checker:
    """The project, the rules and levels; and of some stacks, to which products a check is limited."""

    root: Path
    dispatcher: Dispatcher
    today: datetime.date
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Stack -> products; a stack that is missing is checked whole."""
    part: bool = False
    """Whether whole stacks are left out: then nothing is said of what all cost together."""

    @property
    def stacks(self) -> Path:
        """The folder of manifests."""
        return self.root / "stacks"

    def check(self, names: Iterable[str]) -> Report:
        """Several stacks, on several cores where that pays."""
        every = list(names)
        sizes = {name: len(manifest_files(self.stacks / name.rpartition("-")[0])) for name in every}
        workers = min(os.cpu_count() or 1, len(every))
        if workers < 2 or sum(sizes.values()) < PARALLEL:
            return self._whole(self.each(every))
        import multiprocessing

        shares: list[list[str]] = [[] for _ in range(workers)]
        for name in sorted(every, key=lambda name: -sizes[name]):
            min(shares, key=lambda share: sum(sizes[one] for one in share)).append(name)
        warm(self.stacks, every)
        if output.err.is_terminal:
            output.err.print(f"checking {sum(sizes.values())} products of {len(every)} stacks ...", markup=False)
        # What a forked process is started with is not copied through a pipe.
        with multiprocessing.get_context("fork").Pool(workers, _keep, (self,)) as pool:
            parts = pool.map(_share, shares, chunksize=1)
        self.dispatcher.waivers.matched.update(waiver for _, matched in parts for waiver in matched)
        found = {report.stacks[0]: report for reports, _ in parts for report in reports}
        return self._whole([found[name] for name in every])

    def _whole(self, reports: list[Report]) -> Report:
        """All stacks as one; if none was left out, also what they cost together, and which waivers matched nothing."""
        whole = merged(reports)
        if self.only or self.part:
            return whole
        waivers = self.dispatcher.waivers
        place = self._shown(waivers.file)
        notes = [f"{place}:{w.line}: the waiver of {w.rule} matched nothing: it can go" for w in waivers.unused()]
        return replace(whole, findings=(*whole.findings, *self._budgets(whole)), notes=(*whole.notes, *notes))

    def _budgets(self, whole: Report) -> list[Found]:
        """Findings on what domains and environments cost together."""
        file, found = self.stacks / "budgets.yaml", []
        for budget in budgets.read(file):
            own = [one for one in whole.products if budget.covers(*one.stack.rpartition("-")[::2])]
            paid = sum(one.monthly for one in own)
            resource = budgets.summed(budget, paid, own[0].currency if own else budget.currency, self.today)
            for level, several in by_level(self.dispatcher.judge(resource, preview=True)):
                found += [
                    found_of(finding, level, waiver, product="", stack="", file=self._shown(file), line=budget.line)
                    for finding, waiver in several
                ]
        return found

    def each(self, names: list[str]) -> list[Report]:
        """Several stacks, one after another."""
        manifests = Manifests(self.stacks, self.root / "templates")
        reports = []
        gc.disable()  # a graph is full of cycles, and is garbage as a whole
        gc.freeze()  # what was there before, the SDKs above all, is not looked through for it
        try:
            for name in names:
                reports.append(self._stack(name, manifests))
                gc.collect()
        finally:
            gc.unfreeze()
            gc.enable()
        return reports

    def _stack(self, name: str, manifests: Manifests) -> Report:
        """One stack; what can't be recorded is told as mistakes."""
        try:
            domain = Domain(
                name, stacks=self.stacks, templates=self.root / "templates", today=self.today, manifests=manifests
            )
            program = Program(domain, stack_config(name, self.stacks), only=self.only.get(name))
            graph = program.recorded()
        except (Refused, UserError) as refused:
            errors = refused.errors if isinstance(refused, Refused) else [refused]
            return Report(stacks=(name,), mistakes=tuple(self._mistake(error) for error in errors))
        estimates = program.estimates(graph)
        by_name = {planned.name: planned for planned in domain.products}
        wanted = self.only.get(name)
        findings = []
        for recorded in graph:
            if recorded.type == "mesh:data:Product" and recorded.name in estimates:
                recorded.inputs["estimate"] = estimates[recorded.name]
        for resource in resources(graph, name, self.dispatcher.levels):
            planned = by_name.get(resource.name.split(SEPARATOR)[0])
            if wanted is not None and (planned is None or planned.name not in wanted):
                continue
            for level, several in by_level(self.dispatcher.judge(resource, preview=True)):
                findings += [self._found(finding, level, waiver, domain, planned) for finding, waiver in several]
        products = [
            self._checked(planned, domain, program, estimates[planned.name])
            for planned in domain.products
            if planned.name in estimates and (wanted is None or planned.name in wanted)
        ]
        return Report(
            stacks=(name,),
            resources=len(graph),
            rules=len(self.dispatcher.rules),
            products=tuple(products),
            findings=tuple(findings),
        )

    def _found(self, finding: Finding, level: Level, waiver: str, domain: Domain, planned: Planned | None) -> Found:
        file, line = self._place(finding, domain, planned)
        product = f"{domain.name}/{planned.name}" if planned is not None else ""
        return found_of(finding, level, waiver, product=product, stack=domain.stack, file=self._shown(file), line=line)

    def _place(self, finding: Finding, domain: Domain, planned: Planned | None) -> tuple[Path, int]:
        """Where somebody would mend it: a line of the manifest, or the stack file for what products share."""
        if planned is None:
            return domain.stacks / f"Pulumi.{domain.stack}.yaml", 1
        document = planned.written.document
        for name in (*FIELDS.get(finding.rule.id.split("-")[0], ()), "template"):
            if (name,) in document.lines:
                return planned.written.file, document.lines[(name,)]
        return planned.written.file, 1

    def _checked(self, planned: Planned, domain: Domain, program: Program, estimate: Mapping[str, object]) -> Checked:
        budget = planned.written.model.budget
        lines = estimate["lines"]
        assert isinstance(lines, list)
        return Checked(
            name=planned.written.name,
            stack=domain.stack,
            target=program.kind.name,
            file=self._shown(planned.written.file),
            monthly=float(str(estimate["monthly"])),
            currency=str(estimate["currency"]),
            budget=budget.monthly if budget is not None else None,
            unpriced=tuple(map(str, estimate["unpriced"])) if isinstance(estimate["unpriced"], list) else (),
            lines=tuple((str(line["name"]), float(line["monthly"])) for line in lines),
        )

    def _mistake(self, error: UserError) -> Mistake:
        file = self._shown(Path(error.file)) if error.file is not None else ""
        return Mistake(what=error.what, file=file, line=error.line or 0, hint=error.hint)

    def _shown(self, file: Path) -> str:
        """A file as a reader of the repository knows it."""
        try:
            return file.relative_to(self.root).as_posix()
        except ValueError:
            return str(file)


_kept: list[Checker] = []
"""The checker of a forked process."""


def _keep(checker: Checker) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer
    _kept[:] = [checker]


def _share(names: list[str]) -> tuple[list[Report], set[Waiver]]:
    reports = _kept[0].each(names)
    return reports, _kept[0].dispatcher.waivers.matched


def warm(stacks: Path, names: Iterable[str]) -> None:
    """Import what the stacks' targets need, once, before processes part."""
    from components.targets import load

    for target in {str(stack_config(name, stacks).get("target")) for name in names}:
        try:
            load(target)
        except UserError:
            continue  # told by the stack that names it
