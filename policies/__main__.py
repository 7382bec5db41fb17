"""The policy pack's host: serves the rules to the Pulumi engine. Builds the pack only when run as the program."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # run as a folder, its own modules would shadow the standard library's
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies.dispatch import Dispatcher, Verdict
from policies.rule import UNKNOWN, Options, Resource
from policies.unknown import UndeterminedError, guarded

if TYPE_CHECKING:
    from pulumi_policy import ReportViolation, ResourceValidationArgs, StackValidationArgs

    from policies.levels import Levels

NAME = "meshwright"


def plain(value: Any) -> Any:
    """The engine's proxies as plain dicts and lists, unknown values as UNKNOWN."""
    from pulumi_policy.proxy import UnknownValueError

    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        branches = {}
        for key in value:
            try:
                branches[key] = plain(value[key])
            except UnknownValueError:
                branches[key] = UNKNOWN
        return branches
    if isinstance(value, Sequence):
        items = []
        for index in range(len(value)):
            try:
                items.append(plain(value[index]))
            except UnknownValueError:
                items.append(UNKNOWN)
        return items
    return value


def resource(args: ResourceValidationArgs, levels: Levels) -> Resource:
    """The resource as rules see it."""
    props = guarded(plain(args.props))
    try:
        environment = levels.environment(args.urn, props.get("tags") or {})
    except UndeterminedError:
        environment = levels.environment(args.urn, {})
    return Resource(
        type=args.resource_type,
        props=props,
        name=args.name,
        urn=args.urn,
        options=Options(protect=bool(args.opts.protect), parent=args.opts.parent or ""),
        environment=environment,
    )


class Mode:
    """Whether the engine previews. It says so in ConfigureStack, which the SDK (1.21) does not pass on."""

    preview = False

    def listen(self) -> None:
        """Hear the engine's word before the SDK does. Without it everything counts as `up`, which is the stricter."""
        from pulumi_policy import policy

        mode = self

        class Servicer(policy._PolicyAnalyzerServicer):
            def ConfigureStack(self, request: Any, context: Any) -> Any:
                mode.preview = bool(request.dry_run)
                return super().ConfigureStack(request, context)

        policy._PolicyAnalyzerServicer = Servicer  # type: ignore[misc]


def serve() -> None:
    """Serve until the engine ends the process. A mistake in levels or prices stops with one line."""
    from policies import levels, ratecard
    from policies.rule import all_rules

    try:
        dispatcher = Dispatcher(rules=all_rules(), levels=levels.current())
        ratecard.current()
    except ValueError as error:
        sys.exit(f"error: {error}")

    from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

    mode = Mode()
    mode.listen()

    def verdict(args: ResourceValidationArgs) -> Verdict:
        return dispatcher.judge(resource(args, dispatcher.levels), mode.preview)

    def mandatory(args: ResourceValidationArgs, report: ReportViolation) -> None:
        found = verdict(args)
        dispatcher.keep(found, args.urn)
        for finding in found.mandatory:
            report(finding.message, None)

    def advisory(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in (dispatcher.kept(args.urn) or verdict(args)).advisory:
            report(finding.message, None)

    def deferred(_: StackValidationArgs, report: ReportViolation) -> None:
        if sentence := dispatcher.deferral():
            report(sentence, None)

    must, may = EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY
    PolicyPack(
        NAME,
        policies=[
            ResourceValidationPolicy("mandatory", "Rules that every resource must keep", mandatory, must),
            ResourceValidationPolicy("advisory", "Rules that every resource should keep", advisory, may),
            StackValidationPolicy("deferred", "Rules that wait for values known only in `up`", deferred, may),
        ],
    )


if __name__ == "__main__":
    serve()
