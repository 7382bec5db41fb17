"""Schedules on AWS: cron lines in its six fields, and who starts after whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.base import Component
from components.errors import UserError
from components.port import Port
from components.primitives import Job, JobArgs, Schedule, locked
from components.targets.aws_schedule import expression
from providers.mesh.scheduler import trigger_of
from stacks.product import Product, ProductArgs
from stacks.recording import Recorded, record
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph
from tests.targets.test_aws import VALUES

LINES = {
    "0 5 * * *": "cron(0 5 * * ? *)",
    "*/15 6-22 * * mon-fri": "cron(0,15,30,45 6-22 ? * MON,TUE,WED,THU,FRI *)",
    "0 0 1,15 * *": "cron(0 0 1,15 * ? *)",
    "0 0 * * 0": "cron(0 0 ? * SUN *)",
    "0 0 * * 7": "cron(0 0 ? * SUN *)",
    "0 0 * * 5-7": "cron(0 0 ? * SUN,FRI,SAT *)",
    "0 0 * * 0-6": "cron(0 0 * * ? *)",
    "0 0 * * */2": "cron(0 0 ? * SUN,TUE,THU,SAT *)",
    "0-59/10 1 1 jan,DEC *": "cron(0,10,20,30,40,50 1 1 1,12 ? *)",
    "5 4 31 12 *": "cron(5 4 31 12 ? *)",
    "10/20 * * * *": "cron(10,30,50 * * * ? *)",
    "* * * * *": "cron(* * * * ? *)",
}
NAMES = {"MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7, "SUN": 1}
"""EventBridge Scheduler's own numbers (its user guide, "Cron-based schedules")."""


def means(field: str, value: int) -> bool:
    """Whether a field of AWS's is met."""
    if field in ("*", "?"):
        return True
    for item in field.split(","):
        first, _, last = (str(NAMES.get(item, item))).partition("-")
        if int(first) <= value <= int(last or first):
            return True
    return False


def fires(line: str, at: datetime) -> bool:
    """Whether an expression of AWS's fires at a minute."""
    minute, hour, day, month, weekday, year = line.removeprefix("cron(").removesuffix(")").split()
    assert (day == "?") != (weekday == "?"), "one of the two day fields is `?`, and one alone"
    values = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7 + 1, at.year)
    return all(
        means(field, value) for field, value in zip((minute, hour, day, month, weekday, year), values, strict=True)
    )


@pytest.mark.parametrize(("cron", "aws"), LINES.items())
def test_a_line_in_the_words_of_aws(cron: str, aws: str) -> None:
    assert expression(Schedule(cron=cron), "load") == aws
    assert len(aws) <= 256


@pytest.mark.parametrize("cron", sorted(LINES))
def test_it_starts_when_other_targets_start(cron: str) -> None:
    line, trigger = expression(Schedule(cron=cron), "load"), trigger_of({"cron": cron, "timezone": "UTC"})
    at = datetime(2027, 2, 27, tzinfo=UTC)
    for _ in range(60):
        following = trigger.get_next_fire_time(None, at)
        if following is None:
            break
        assert fires(line, following), following
        minutes = min(int((following - at).total_seconds() // 60), 3000)
        assert not any(fires(line, at + timedelta(minutes=between)) for between in range(minutes))
        at = following + timedelta(minutes=1)


def test_both_day_fields_are_refused() -> None:
    with pytest.raises(UserError, match=r"`load` runs by days of the month and by weekdays at once \(`0 5 13 \* 5`\)"):
        expression(Schedule(cron="0 5 13 * 5"), "load")
    assert expression(Schedule(cron="0 5 1-31 * 5"), "load") == "cron(0 5 ? * FRI *)"


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def test_a_schedule_starts_the_task_in_its_own_network(graph: Graph) -> None:
    schedule, run = graph.named("Schedule", "--work--run"), graph.named("JobRun", "--work--run")
    assert schedule.inputs["scheduleExpression"] == "cron(5 4 * * ? *)"
    assert schedule.inputs["scheduleExpressionTimezone"] == "UTC"
    target = schedule.inputs["target"]
    assert target["arn"] == run.inputs["cluster"]
    told = target["ecsParameters"]
    assert told["taskDefinitionArn"] == run.inputs["taskDefinition"]
    assert told["networkConfiguration"] == {
        "assignPublicIp": False,
        "subnets": run.inputs["subnets"],
        "securityGroups": run.inputs["securityGroups"],
    }
    assert f"aws:iam/rolePolicy:RolePolicy::{NAME}--work--run--start" in schedule.dependencies
    assert len(graph.of("Schedule")) == 1


def jobs(graph: Graph, *described: dict[str, Any]) -> list[Recorded]:
    """Jobs in a row; `after` names those before by their numbers."""
    target = graph.program.target()
    context = graph.program.domain.context(graph.program.domain.products[0], target)

    def build(product: Component[Any, Any]) -> dict[str, Port]:
        made: list[Job] = []
        for number, given in enumerate(described):
            after = tuple(made[one].outputs.job if isinstance(one, int) else one for one in given.get("after", ()))
            args = JobArgs(software=locked("dask"), command=("x",), after=after, schedule=given.get("schedule"))
            made.append(Job(product.child(f"job-{number}"), args, product.below()))
        return {}

    args = ProductArgs(
        domain="sales", owner="a", classification="internal", template="whole@1", estimate={}, budget=None, build=build
    )
    return [resource for resource in record(lambda: Product(NAME, args, context)) if resource.custom]


DAILY = Schedule(cron="5 4 * * *", timezone="Europe/Rome")


def test_a_job_follows_scheduled_runs_that_ended_well(graph: Graph) -> None:
    made = jobs(graph, {"schedule": DAILY}, {"after": [0, ""]}, {"after": [1]})
    families = {each.name: each.inputs["family"] for each in made if each.type.endswith(":TaskDefinition")}
    rules = {each.name: json.loads(each.inputs["eventPattern"]) for each in made if each.type.endswith(":EventRule")}
    assert rules.keys() == {f"{NAME}--job-1", f"{NAME}--job-2"}
    for number in (1, 2):
        before, detail = families[f"{NAME}--job-{number - 1}"], rules[f"{NAME}--job-{number}"]["detail"]
        assert detail["taskDefinitionArn"] == [{"wildcard": f"arn:aws:ecs:*:task-definition/{before}:*"}]
        assert detail["containers"] == {"name": ["main"], "exitCode": [0]}
    # What the rule starts is followed in turn; what Pulumi or a hand starts is not.
    (schedule,) = [each for each in made if each.type.endswith(":Schedule")]
    targets = [each for each in made if each.type.endswith(":EventTarget")]
    groups = {each.inputs["ecsTarget"]["group"] for each in targets} | {
        schedule.inputs["target"]["ecsParameters"]["group"]
    }
    assert groups == {detail["group"][0] for detail in (rule["detail"] for rule in rules.values())}
    assert schedule.inputs["scheduleExpressionTimezone"] == "Europe/Rome"


def test_nobody_waits_for_a_job_that_is_never_repeated(graph: Graph) -> None:
    made = jobs(graph, {}, {"after": [0]}, {"after": [1]})
    assert not [each for each in made if each.type.endswith((":EventRule", ":Schedule", ":ScheduleGroup"))]


def test_a_job_of_another_stack_is_followed_too(graph: Graph) -> None:
    made = jobs(graph, {"after": ["ecs:weather-dev-observations-load-run-b75a1c"]})
    (rule,) = [each for each in made if each.type.endswith(":EventRule")]
    assert "task-definition/weather-dev-observations-load-run-b75a1c:*" in rule.inputs["eventPattern"]
