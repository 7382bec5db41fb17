"""The policy pack's host: serves the rules to the Pulumi engine, over its analyzer protocol (pulumi/analyzer.proto).

Not through `pulumi_policy`: that reads a resource anew for every policy, hides its values behind proxies, and knows one
level a policy. Here a resource is read once, each rule is a policy of its own, and a finding carries its own level.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a folder, its own modules would shadow the standard library's
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies.dispatch import Dispatcher
from policies.levels import Levels
from policies.rule import UNKNOWN, Finding, Options, Resource
from policies.unknown import UndeterminedError, guarded

NAME = "meshwright"
VERSION = "0.1.0"
"""PulumiPolicy.yaml's counts where the engine reads that."""
WAITS = "deferred"
"""The one policy of a whole stack: says what has to wait for `up`."""

# How the engine marks what is no plain value: sdk/go/common/resource/{properties,sig}.go, sdk/go/.../plugin/rpc.go.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
FILES = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})
UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # file
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # map
    }
)


@dataclass(frozen=True)
class Content:
    """A file or an archive: rules do not read what is in it."""

    signature: str


class Reading:
    """The engine's values as plain ones: secrets in the clear, unknown values as UNKNOWN, numbers as float."""

    def __init__(self) -> None:
        self.unknown = False

    def fields(self, struct: Any) -> Any:
        """A map, or what its signature says that it stands for."""
        fields = struct.fields
        if SIGNATURE not in fields:
            return {name: self.value(item) for name, item in fields.items()}
        signature = fields[SIGNATURE].string_value
        if signature == SECRET:
            return self.value(fields["value"])
        if signature in FILES:
            return Content(signature)
        raise ValueError(f"a value of an unknown kind ({signature}): this pack is older than the Pulumi engine")

    def value(self, value: Any) -> Any:
        """One value."""
        match value.WhichOneof("kind"):
            case "string_value":
                if value.string_value in UNKNOWNS:
                    self.unknown = True
                    return UNKNOWN
                return value.string_value
            case "struct_value":
                return self.fields(value.struct_value)
            case "list_value":
                return [self.value(item) for item in value.list_value.values]
            case "number_value":
                return value.number_value
            case "bool_value":
                return value.bool_value
        return None


def resource(request: Any, levels: Levels) -> Resource:
    """The resource of an AnalyzeRequest as rules see it."""
    reading = Reading()
    props = reading.fields(request.properties)
    if reading.unknown:
        props = guarded(props)
    try:
        tags = props.get("tags")
        environment = levels.environment(request.urn, tags if isinstance(tags, dict) else {})
    except UndeterminedError:
        environment = levels.environment(request.urn, {})
    return Resource(
        type=request.type,
        props=props,
        name=request.name,
        urn=request.urn,
        options=Options(protect=request.options.protect, parent=request.options.parent),
        environment=environment,
    )


class Pack:
    """What the engine asks. Until it says that it previews everything counts as `up`, which is the stricter."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        from pulumi.runtime.proto import analyzer_pb2, plugin_pb2

        self.dispatcher = dispatcher
        self.preview = False
        self._messages: Any = analyzer_pb2
        self._plugin: Any = plugin_pb2
        self._severities = {
            severity: getattr(self._messages, f"POLICY_SEVERITY_{severity.upper()}")
            for severity in ("critical", "high", "medium", "low")
        }

    def methods(self) -> dict[str, tuple[Callable[[Any], Any], Any]]:
        """Name -> what answers, and the message to read; None where what is asked does not matter.

        Remediate, asked once a resource, is not offered: the engine then goes on, and it costs next to nothing.
        """
        return {
            "Analyze": (self.analyze, self._messages.AnalyzeRequest),
            "AnalyzeStack": (lambda _: self.deferred(), None),
            "GetAnalyzerInfo": (lambda _: self.info(), None),
            "GetPluginInfo": (lambda _: self._plugin.PluginInfo(version=VERSION), None),
            "ConfigureStack": (self.configure, self._messages.AnalyzerStackConfigureRequest),
        }

    def configure(self, request: Any) -> Any:
        """The engine says which run this is."""
        self.preview = bool(request.dry_run)
        return self._messages.AnalyzerStackConfigureResponse()

    def analyze(self, request: Any) -> Any:
        """What all rules say of one resource."""
        found = resource(request, self.dispatcher.levels)
        verdict = self.dispatcher.judge(found, self.preview)
        must, may = self._messages.MANDATORY, self._messages.ADVISORY
        said = [(finding, self.dispatcher.message(finding), must) for finding in verdict.mandatory]
        said += [(finding, self.dispatcher.message(finding), may) for finding in verdict.advisory]
        said += [(finding, f"{finding.message} ({waiver})", may) for finding, waiver in verdict.waived]
        return self._answer(self._diagnostic(finding, message, level) for finding, message, level in said)

    def deferred(self) -> Any:
        """What waits for `up`, at the end of a run."""
        sentence = self.dispatcher.deferral()
        told = self._messages.AnalyzeDiagnostic(
            policyName=WAITS,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            message=sentence,
            enforcementLevel=self._messages.ADVISORY,
        )
        return self._answer([told] if sentence else [])

    def info(self) -> Any:
        """Each rule as a policy. No configuration: what a severity does is said in levels.yaml alone."""
        messages = self._messages
        default = self.dispatcher.levels
        policies = [
            messages.PolicyInfo(
                name=rule.id,
                displayName=rule.name,
                description=rule.what,
                remediation_steps=rule.fix,
                severity=self._severities[rule.severity],
                enforcementLevel=getattr(messages, default.level(rule.severity, "").upper()),
                policy_type=messages.POLICY_TYPE_RESOURCE,
            )
            for rule in self.dispatcher.rules
        ]
        waits = messages.PolicyInfo(
            name=WAITS,
            description="Rules that wait for values known only in `up`",
            enforcementLevel=messages.ADVISORY,
            policy_type=messages.POLICY_TYPE_STACK,
        )
        return messages.AnalyzerInfo(name=NAME, version=VERSION, supportsConfig=False, policies=[*policies, waits])

    def _answer(self, diagnostics: Iterable[Any]) -> Any:
        return self._messages.AnalyzeResponse(diagnostics=list(diagnostics))

    def _diagnostic(self, finding: Finding, message: str, level: Any) -> Any:
        return self._messages.AnalyzeDiagnostic(
            policyName=finding.rule.id,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            description=finding.rule.what,
            message=message,
            enforcementLevel=level,
            severity=self._severities[finding.rule.severity],
        )


def current(today: date) -> Dispatcher:
    """The rules with the levels and waivers of this folder; a mistake in one of its files is a ValueError."""
    from policies import levels, ratecard, waivers
    from policies.rule import all_rules

    ratecard.current()
    return Dispatcher(rules=all_rules(), levels=levels.current(), waivers=waivers.current(), today=today)


def served(pack: Pack) -> tuple[Any, int]:
    """A running server, and its port on 127.0.0.1."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    def handler(answer: Callable[[Any], Any], message: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, _: answer(request),
            request_deserializer=message.FromString if message else None,
            response_serializer=lambda response: response.SerializeToString(),
        )

    methods = {name: handler(*how) for name, how in pack.methods().items()}
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("pulumirpc.Analyzer", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve() -> None:
    """Serve until the engine ends the process. A mistake in levels, waivers or prices stops with one line."""
    try:
        dispatcher = current(date.today())
    except ValueError as error:
        sys.exit(f"error: {error}")
    _server, port = served(Pack(dispatcher))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        _server.stop(0)


if __name__ == "__main__":
    serve()
