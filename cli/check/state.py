"""`mesh check --state FILE`: the same rules over a state that `pulumi stack export` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.check.report import Found, Level, Report
from cli.check.verdict import by_level, found_of
from components.base import SEPARATOR
from components.errors import UserError
from policies.dispatch import Dispatcher
from policies.levels import Levels
from policies.rule import Finding, Options, Resource
from stacks.recorded import IS_SECRET, SECRET, SIGNED


def check_state(file: Path, dispatcher: Dispatcher, root: Path) -> Report:
    """A report on one stack as it is; everything is known, so that nothing waits."""
    found = list(resources(file, dispatcher.levels))
    if not found:
        return Report(rules=len(dispatcher.rules), notes=(f"{file} holds no resources",))
    stack = found[0].urn.split("::")[0].rpartition(":")[2]
    domain = stack.rpartition("-")[0]
    findings: list[Found] = []
    for resource in found:
        for level, several in by_level(dispatcher.judge(resource, preview=False)):
            findings += [_found(finding, level, waiver, domain, stack, file, root) for finding, waiver in several]
    return Report(stacks=(stack,), resources=len(found), rules=len(dispatcher.rules), findings=tuple(findings))


def resources(file: Path, levels: Levels) -> Iterator[Resource]:
    """The resources of a state that are there; secrets are told as such."""
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        entries = state["deployment"].get("resources") or []
        kinds = [str(entry["type"]) for entry in entries]
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{file} is no state", hint="pulumi stack export -s STACK --file FILE") from None
    for entry, kind in zip(entries, kinds, strict=True):
        if entry.get("delete"):
            continue
        urn = str(entry["urn"])
        yield Resource(
            type=kind,
            props=plain(entry.get("inputs") or {}),
            name=urn.split("::")[-1],
            urn=urn,
            options=Options(protect=bool(entry.get("protect")), parent=str(entry.get("parent") or "")),
            environment=levels.environment(urn, {}),
        )


def plain(value: Any) -> Any:
    """Inputs with SECRET in place of each secret."""
    if isinstance(value, dict):
        return SECRET if value.get(SIGNED) == IS_SECRET else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _found(finding: Finding, level: Level, waiver: str, domain: str, stack: str, file: Path, root: Path) -> Found:
    product = finding.resource.name.split(SEPARATOR)[0]
    manifest = root / "stacks" / domain / f"{product}.yaml"
    own = manifest.is_file()
    place = manifest.relative_to(root).as_posix() if own else str(file)
    name = f"{domain}/{product}" if own else ""
    return found_of(finding, level, waiver, product=name, stack=stack, file=place, line=1)
