"""Schedules on Kubernetes: CronJobs, with those who follow in the same pod."""

from __future__ import annotations

from typing import Any

import pytest

from components.targets.kubernetes_schedule import line
from stacks.domain import Domain
from stacks.program import Program
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged

VALUES = {"target": "kubernetes", "registry": "registry.example.org"}


def test_a_scheduled_job_is_a_cron_job_beside_its_run(little: LittleMesh) -> None:
    graph = Graph(little, VALUES)
    (cron,) = graph.of("CronJob")
    spec = cron.inputs["spec"]
    assert cron.name == f"{NAME}--work--run--schedule"
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("5 4 * * *", "UTC", "Forbid")
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (1, 3)
    assert len(cron.inputs["metadata"]["name"]) <= 52
    own = spec["jobTemplate"]["spec"]
    run = graph.named("JobRun", "--work--run").inputs["manifest"]["spec"]
    assert own["template"]["spec"] == run["template"]["spec"], "the same pod"
    assert {key: own[key] for key in ("backoffLimit", "activeDeadlineSeconds")} == {
        "backoffLimit": 0,
        "activeDeadlineSeconds": 1800,
    }
    assert tagged(own["template"]["metadata"]["labels"])
    mine, its = own["template"]["metadata"]["labels"], run["template"]["metadata"]["labels"]
    assert {key: mine[key] for key in mine if key.startswith("uses.mesh/")} == {
        key: its[key] for key in its if key.startswith("uses.mesh/")
    }


def test_jobs_without_a_schedule_have_none(little: LittleMesh) -> None:
    graph = Graph(little, VALUES)
    assert len(graph.of("JobRun")) > 2
    assert len(graph.of("CronJob")) == 1


def test_those_who_follow_run_after_it_in_the_same_pod() -> None:
    made = Program(Domain("flights-dev"), VALUES).recorded()
    (cron,) = [resource.inputs for resource in made if resource.type.endswith(":CronJob")]
    assert cron["spec"]["timeZone"] == "America/New_York"
    job = cron["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    first = [container["name"] for container in pod["initContainers"]]
    (last,) = pod["containers"]
    assert first[0] == "departures--load--run"
    runs = {resource.name: resource.inputs for resource in made if resource.type.endswith(":JobRun")}
    own = [runs[name]["manifest"]["spec"]["template"]["spec"]["containers"][0] for name in first]
    assert [container["image"] for container in pod["initContainers"]] == [container["image"] for container in own]
    assert {first[1], last["image"].split(":")[0].rpartition("/")[2]} == {"delay-model--train--run", "spark"}
    assert job["activeDeadlineSeconds"] == 3 * 1800


def test_no_two_of_them_share_a_folder() -> None:
    made = Program(Domain("flights-dev"), VALUES).recorded()
    (cron,) = [resource.inputs for resource in made if resource.type.endswith(":CronJob")]
    pod = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volumes = [volume["name"] for volume in pod["volumes"]]
    assert len(volumes) == len(set(volumes))
    mounted: list[str] = []
    for container in [*pod["initContainers"], *pod["containers"]]:
        mounts: list[dict[str, Any]] = container["volumeMounts"]
        assert {mount["mountPath"] for mount in mounts} >= {"/tmp", "/data", "/files"}
        mounted += [mount["name"] for mount in mounts]
    assert sorted(mounted) == sorted(volumes)


@pytest.mark.parametrize(
    ("cron", "taken"),
    [
        ("0 5 * * *", "0 5 * * *"),
        ("0 5 * * 7", "0 5 * * 0"),
        ("0 5 * * 1-7", "0 5 * * 1,2,3,4,5,6,0"),
        ("0 5 * * 5-7/2", "0 5 * * 5,0"),
        ("0 5 * * 1-5,7", "0 5 * * 1-5,0"),
        ("0 5 7 * mon-fri", "0 5 7 * mon-fri"),
        ("*/7 7 * * */7", "*/7 7 * * */7"),
    ],
)
def test_sunday_is_zero(cron: str, taken: str) -> None:
    assert line(cron) == taken
