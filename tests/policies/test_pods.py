"""Containers are found wherever they are declared, and a fault in one is found beside others that are not known."""

from __future__ import annotations

from typing import Any

import pytest

from policies.pods import KUBERNETES, MAIN, PODS, RUN, TASK, containers, pod_spec
from policies.rule import UNKNOWN, Finding, Resource, all_rules, example

POD = {"containers": [{"name": "main"}], "initContainers": [{"name": "init"}]}
BAD = {"name": "bad", "securityContext": {"privileged": True}}


def in_kind(kind: str, pod: dict[str, Any]) -> Resource:
    """A pod's spec where this kind keeps it."""
    template = {"spec": {"template": {"spec": pod}}}
    places: dict[str, dict[str, Any]] = {
        "kubernetes:core/v1:Pod": {"spec": pod},
        "kubernetes:batch/v1:CronJob": {"spec": {"jobTemplate": template}},
        RUN: {"executor": "kubernetes", "manifest": template},
    }
    return example(kind, places.get(kind, template))


def judged(rule_id: str, resource: Resource) -> Finding | None:
    (rule,) = [rule for rule in all_rules() if rule.id == rule_id]
    assert rule.covers(resource.type)
    return rule.judge(resource)


@pytest.mark.parametrize("kind", KUBERNETES)
def test_containers_of_every_kind_of_pod(kind: str) -> None:
    assert [container.name for container in containers(in_kind(kind, POD))] == ["main", "init"]
    finding = judged("CTR-01", in_kind(kind, {"containers": [BAD]}))
    assert finding is not None
    assert finding.detail == "`securityContext.privileged` in container `bad`"


@pytest.mark.parametrize("kind", PODS)
def test_nothing_is_no_container_and_no_error(kind: str) -> None:
    assert not [container for container in containers(example(kind, {})) if container.kind != "docker"]
    for rule in all_rules():
        if rule.covers(kind) and rule.id.startswith("CTR"):
            finding = rule.judge(example(kind, {}))
            assert finding is None or finding.outcome == "fail"


@pytest.mark.parametrize("executor", ["process", "ecs", "containerapps"])
def test_a_run_elsewhere_holds_no_pod(executor: str) -> None:
    run = example(RUN, {"executor": executor, "manifest": {"spec": {"template": {"spec": POD}}}})
    assert pod_spec(run) is None
    assert not list(containers(run))


@pytest.mark.parametrize("kind", KUBERNETES)
@pytest.mark.parametrize("hidden", [[UNKNOWN, BAD], [{"name": "x", "securityContext": UNKNOWN}, BAD]])
def test_a_sure_fault_beside_what_is_not_known(kind: str, hidden: list[Any]) -> None:
    finding = judged("CTR-01", in_kind(kind, {"containers": hidden}))
    assert finding is not None
    assert finding.outcome == "fail"


def test_what_is_not_known_is_not_passed() -> None:
    for pod in ({"containers": UNKNOWN}, {"containers": [{"name": "x", "securityContext": UNKNOWN}]}):
        finding = judged("CTR-01", in_kind("kubernetes:apps/v1:Deployment", pod))
        assert finding is not None
        assert finding.outcome == "unknown"
    finding = judged("CTR-01", example(TASK, {"containerDefinitions": UNKNOWN}))
    assert finding is not None
    assert finding.outcome == "unknown"


def test_text_that_is_no_json_is_the_rules_own_error_and_not_shown() -> None:
    finding = judged("CTR-01", example(TASK, {"containerDefinitions": "[canary"}))
    assert finding is not None
    assert finding.outcome == "error"
    assert "canary" not in finding.message


@pytest.mark.parametrize(
    ("container", "pod", "root"),
    [
        ({"runAsNonRoot": True}, {}, False),
        ({}, {"runAsNonRoot": True}, False),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}, True),
        ({"runAsUser": 0.0}, {"runAsNonRoot": True}, True),
        ({}, {"runAsUser": 0.0, "runAsNonRoot": True}, True),
        ({"runAsUser": 1000.0}, {"runAsUser": 0.0}, False),
        ({}, {}, True),
    ],
)
def test_a_containers_own_user_stands_instead_of_the_pods(
    container: dict[str, Any], pod: dict[str, Any], root: bool
) -> None:
    spec = {"containers": [{**MAIN, "securityContext": container}], "securityContext": pod}
    assert (judged("CTR-05", in_kind("kubernetes:core/v1:Pod", spec)) is not None) is root


@pytest.mark.parametrize(
    ("condition", "essential", "root"),
    [("SUCCESS", False, False), ("COMPLETE", False, False), ("START", False, True), ("SUCCESS", True, True)],
)
def test_only_what_ends_before_the_others_may_prepare_as_root(condition: str, essential: bool, root: bool) -> None:
    first = {"name": "files", "user": "0", "essential": essential}
    main = {"name": "main", "user": "10001", "dependsOn": [{"containerName": "files", "condition": condition}]}
    task = example(TASK, {"containerDefinitions": [first, main]})
    assert (judged("CTR-05", task) is not None) is root
