"""The pack's host: what the engine sends becomes plain values, and what rules say becomes its diagnostics."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import deserialize, proxy

from policies import __main__ as host
from policies.__main__ import Content, Pack, Reading, resource
from policies.dispatch import Dispatcher
from policies.levels import current
from policies.rule import UNKNOWN, Resource, Rule, Severity
from policies.unknown import UndeterminedError
from policies.waivers import Waiver, Waivers

ROOT = Path(__file__).resolve().parents[2]
messages: Any = analyzer_pb2
THING = "mesh:index:Process"
URN = "urn:pulumi:flights-prod::meshwright::mesh:data:Product$mesh:index:Process::departures--bi"
CANARY = "canary-7f3a"
TODAY = date(2026, 11, 25)


def request(props: dict[str, Any], urn: str = URN, **options: Any) -> Any:
    made = messages.AnalyzeRequest(type=THING, urn=urn, name=urn.rpartition("::")[2])
    made.properties.update(props)
    for name, value in options.items():
        setattr(made.options, name, value)
    return made


def secret(value: Any) -> dict[str, Any]:
    return {host.SIGNATURE: host.SECRET, "value": value}


def rule(violated: Callable[[Resource], bool | str | None], severity: Severity = "high", number: int = 1) -> Rule:
    return Rule(
        id=f"TST-{number:02}",
        name=f"test-{number}",
        severity=severity,
        what="It is wrong",
        fix="Put it right.",
        reads=(THING,),
        violated=violated,
        passes=(),
        fails=(),
    )


def pack(*rules: Rule, waivers: Waivers | None = None) -> Pack:
    return Pack(Dispatcher(rules=rules, levels=current(), waivers=waivers or Waivers(), today=TODAY))


def test_what_is_sent_becomes_plain() -> None:
    sent = {
        "map": {"list": [1.0, True, None, "text"]},
        "secret": secret({"inner": [secret("x")]}),
        "file": {host.SIGNATURE: deserialize.SPECIAL_ASSET_SIG, "text": "x"},
    }
    reading = Reading()
    assert reading.fields(request(sent).properties) == {
        "map": {"list": [1.0, True, None, "text"]},
        "secret": {"inner": ["x"]},
        "file": Content(deserialize.SPECIAL_ASSET_SIG),
    }
    assert reading.unknown is False


def test_marks_are_the_sdks() -> None:
    assert {value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")} == host.UNKNOWNS
    assert deserialize.SPECIAL_SIG_KEY == host.SIGNATURE
    assert deserialize.SPECIAL_SECRET_SIG == host.SECRET
    assert {deserialize.SPECIAL_ASSET_SIG, deserialize.SPECIAL_ARCHIVE_SIG} == host.FILES


@pytest.mark.parametrize("mark", sorted(host.UNKNOWNS))
def test_each_unknown_value_is_marked(mark: str) -> None:
    reading = Reading()
    assert repr(reading.fields(request({"a": [mark], "b": secret(mark)}).properties)) == repr(
        {"a": [UNKNOWN], "b": UNKNOWN}
    )
    assert reading.unknown


def test_a_value_of_an_unknown_kind_is_no_value() -> None:
    with pytest.raises(ValueError, match="older than the Pulumi engine"):
        Reading().fields(request({"a": {host.SIGNATURE: "new"}}).properties)


def test_resource_has_the_stacks_environment_and_its_protection() -> None:
    sent = request({"tags": proxy.UNKNOWN_STRING_VALUE, "cpu": 1.0}, protect=True, parent="above")
    seen = resource(sent, current())
    assert (seen.environment, seen.options.protect, seen.props["cpu"]) == ("prod", True, 1.0)
    assert (seen.name, seen.options.parent) == ("departures--bi", "above")
    with pytest.raises(UndeterminedError, match="tags"):
        _ = seen.tags
    elsewhere = request({"tags": {"environment": "dev"}}, urn="urn:pulumi:mine::meshwright::mesh:index:Process::x")
    assert resource(elsewhere, current()).environment == "dev"


def test_a_finding_carries_its_own_level_and_severity() -> None:
    answer = pack(rule(lambda _: True), rule(lambda _: "so", "low", 2), rule(lambda _: None, number=3)).analyze(
        request({})
    )
    said = [(one.policyName, one.enforcementLevel, one.severity) for one in answer.diagnostics]
    assert said == [
        ("TST-01", messages.MANDATORY, messages.POLICY_SEVERITY_HIGH),
        ("TST-02", messages.ADVISORY, messages.POLICY_SEVERITY_LOW),
    ]
    assert answer.diagnostics[1].message == "TST-02 test-2: It is wrong (so). Fix: Put it right."
    assert {one.policyPackName for one in answer.diagnostics} == {"meshwright"}


def test_unknown_is_deferred_in_preview_and_stops_in_up_naming_the_property() -> None:
    judge = pack(rule(lambda r: r.props["variables"]["PASSWORD"] == "x", "critical"))
    sent = request({"variables": {"PASSWORD": secret(proxy.UNKNOWN_STRING_VALUE)}})
    judge.configure(messages.AnalyzerStackConfigureRequest(dry_run=True))
    assert not judge.analyze(sent).diagnostics
    (waits,) = judge.deferred().diagnostics
    assert (waits.policyName, waits.enforcementLevel) == ("deferred", messages.ADVISORY)
    assert "1 checks wait for values known only in `up`, which makes them: TST-01 (1)" in waits.message
    judge = pack(*judge.dispatcher.rules)  # nobody said that it is a preview
    (stops,) = judge.analyze(sent).diagnostics
    assert stops.enforcementLevel == messages.MANDATORY
    assert "can't be decided, because `variables.PASSWORD` is not known" in stops.message
    assert not judge.deferred().diagnostics


def test_a_rule_that_raises_stops_only_where_it_is_critical_and_the_others_run() -> None:
    def boom(found: Resource) -> bool:
        raise RuntimeError(f"no good: {found.props['secrets']['PASSWORD']}")

    judge = pack(rule(boom, "critical"), rule(boom, "high", 2), rule(lambda _: "as it is", number=3))
    answer = judge.analyze(request({"secrets": {"PASSWORD": secret(CANARY)}}))
    levels = {one.policyName: one.enforcementLevel for one in answer.diagnostics}
    assert levels == {"TST-01": messages.MANDATORY, "TST-02": messages.ADVISORY, "TST-03": messages.MANDATORY}
    broken = next(one.message for one in answer.diagnostics if one.policyName == "TST-01")
    assert "the rule itself failed (RuntimeError at test_host.py:" in broken
    assert CANARY not in str(answer)


@pytest.mark.parametrize(
    ("expires", "level", "words"),
    [
        (TODAY, messages.ADVISORY, "(waived until 2026-11-25 by sales@example.org: Load test)"),
        (date(2026, 11, 24), messages.MANDATORY, "Its waiver expired on 2026-11-24 (OPS-1)."),
    ],
)
def test_a_waived_finding_is_shown_until_its_last_day(expires: date, level: Any, words: str) -> None:
    waiver = Waiver(
        rule="TST-01",
        resource="departures--*",
        product="",
        environment="prod",
        reason="Load test",
        owner="sales@example.org",
        approved_by="platform@example.org",
        ticket="OPS-1",
        approved=date(2026, 11, 1),
        expires=expires,
        line=1,
    )
    answer = pack(rule(lambda _: True), rule(lambda _: True, number=2), waivers=Waivers(every=(waiver,))).analyze(
        request({})
    )
    said = {one.policyName: one for one in answer.diagnostics}
    assert said["TST-01"].enforcementLevel == level
    assert said["TST-01"].message.endswith(words)
    assert said["TST-02"].enforcementLevel == messages.MANDATORY


def test_every_rule_is_a_policy_and_no_configuration_changes_its_level() -> None:
    info = pack(rule(lambda _: True), rule(lambda _: True, "low", 2)).info()
    assert [policy.name for policy in info.policies] == ["TST-01", "TST-02", "deferred"]
    assert [policy.enforcementLevel for policy in info.policies] == [
        messages.MANDATORY,
        messages.ADVISORY,
        messages.ADVISORY,
    ]
    assert info.supportsConfig is False


@contextmanager
def started(folder: Path) -> Iterator[Any]:
    """The pack in a process, as the language host starts it."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(folder)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait()


def test_the_process_serves_all_that_the_engine_asks() -> None:
    with started(ROOT / "policies") as stub:
        stub.ConfigureStack(messages.AnalyzerStackConfigureRequest(stack="flights-prod", dry_run=False))
        assert len(stub.GetAnalyzerInfo(empty_pb2.Empty()).policies) > 20
        assert stub.GetPluginInfo(empty_pb2.Empty()).version
        answer = stub.Analyze(request({"variables": {"DB_PASSWORD": CANARY, "LONG": "x\n" * 2_500_000}}))
        assert any(one.message.startswith("SEC-02 ") for one in answer.diagnostics)
        assert CANARY not in str(answer)
        assert not stub.AnalyzeStack(messages.AnalyzeStackRequest()).diagnostics
        for asked in ("Remediate", "Handshake", "Cancel"):  # the engine does without them
            with pytest.raises(grpc.RpcError) as refused:
                getattr(stub, asked)(messages.AnalyzeRequest() if asked == "Remediate" else empty_pb2.Empty())
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_rules_load_without_the_pulumi_sdk() -> None:
    program = "import sys, policies.rule; policies.rule.all_rules(); print('pulumi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["levels.yaml", "waivers.yaml", "prices/ratecard.csv"])
def test_the_pack_does_not_start_on_a_mistake(tmp_path: Path, name: str) -> None:
    for folder in ("policies", "components"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "policies" / name).write_text("x\n", encoding="utf-8")
    command = [sys.executable, str(tmp_path / "policies")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert f"error: {tmp_path / 'policies' / name}:1: " in done.stderr
    assert "Traceback" not in done.stderr
