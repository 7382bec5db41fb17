"""Schedules on AWS: a job's own hours by EventBridge Scheduler, and runs that follow those of other jobs."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.errors import UserError
from components.primitives import Schedule
from components.targets.aws_policy import allow, role, trust
from components.targets.aws_task import Task

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
"""Minute, hour, day, month, weekday (crontab(5); 7 is Sunday as well)."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
STARTED = "mesh-schedule"
"""The group of tasks that a schedule has started: whoever follows a job follows those runs alone."""
PREFIX = "ecs:"
"""What the name of one of our jobs begins with, beside the family of its tasks."""


def expression(schedule: Schedule, owner: str) -> str:
    """A cron line in the six fields of EventBridge Scheduler.

    Its weekdays are numbered from 1 (Sunday), so they are written by name. One of its two day fields is `?`, "whatever
    it is": a line that limits both can't be said.
    """
    words = schedule.cron.split()
    fields = [numbers(word, number) for number, word in enumerate(words)]
    minute, hour, day, month, weekday = (
        None if len(found) == last - first + 1 else found for found, (first, last) in zip(fields, RANGES, strict=True)
    )
    if day and weekday:
        what = f"`{owner}` runs by days of the month and by weekdays at once (`{schedule.cron}`)"
        raise UserError(what, hint="AWS takes one of them: put `*` in place of the other")
    days = written(day) if not weekday else "?"
    weekdays = ",".join(DAYS[number].upper() for number in weekday) if weekday else "?"
    return f"cron({written(minute)} {written(hour)} {days} {written(month)} {weekdays} *)"


def numbers(word: str, field: int) -> list[int]:
    """The numbers that a field of a cron line means."""
    low, high = RANGES[field]
    names: Sequence[str] = (MONTHS, DAYS)[field - 3] if field >= 3 else ()
    top = 7 if field == 4 else high

    def number(text: str) -> int:
        return names.index(text.lower()) + low if text.lower() in names else int(text)

    found: set[int] = set()
    for item in word.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else number(first)
        end = number(last) if last else high if first == "*" else top if step else start
        found.update(range(start, end + 1, int(step or 1)))
    return sorted({value % 7 for value in found} if field == 4 else found)


def written(found: Sequence[int] | None) -> str:
    """Numbers as a field: `*`, or spans and single ones."""
    if found is None:
        return "*"
    spans: list[list[int]] = []
    for value in found:
        if spans and spans[-1][-1] == value - 1:
            spans[-1].append(value)
        else:
            spans.append([value])
    return ",".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans)


class Starts:
    """What starts a job's task: its `schedule`, and the scheduled runs of the jobs `before` it."""

    def __init__(
        self,
        name: str,
        physical: str,
        task: Task,
        cluster: aws.ecs.Cluster,
        cluster_name: str,
        region: str,
        *,
        schedule: Schedule | None,
        before: Sequence[pulumi.Input[str]],
        subnets: Sequence[pulumi.Input[str]],
        groups: Sequence[pulumi.Input[str]],
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> None:
        self.name, self.physical, self.task, self.cluster = name, physical, task, cluster
        self.subnets, self.groups, self.tags = list(subnets), list(groups), tags
        rights = [
            allow(["ecs:RunTask"], [task.definition.arn], {"ArnEquals": {"ecs:cluster": cluster.arn}}),
            allow(
                ["ecs:TagResource"],
                [f"arn:aws:ecs:{region}:*:task/{cluster_name}/*"],
                {"StringEquals": {"ecs:CreateAction": "RunTask"}},
            ),
            allow(
                ["iam:PassRole"],
                [task.own.arn, task.execution.arn],
                {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ]
        sources, hours = [], None
        if schedule is not None:
            hours = aws.scheduler.ScheduleGroup(name, name=physical, tags=tags, opts=options)
            sources.append(trust("scheduler.amazonaws.com", {"ArnEquals": {"aws:SourceArn": hours.arn}}))
        if before:
            rule = f"arn:aws:events:{region}:*:rule/{physical}"
            sources.append(trust("events.amazonaws.com", {"ArnLike": {"aws:SourceArn": rule}}))
        self.role, ready = role(f"{name}--start", f"{physical}-start", rights, tags, options, taken_by=sources)
        self.options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=ready))
        if schedule is not None and hours is not None:
            self._at(schedule, hours)
        if before:
            self._after(before)

    def _at(self, schedule: Schedule, hours: aws.scheduler.ScheduleGroup) -> None:
        """By the clock of the schedule's own zone."""
        network = aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
            subnets=self.subnets, security_groups=self.groups, assign_public_ip=False
        )
        run = aws.scheduler.ScheduleTargetEcsParametersArgs(
            task_definition_arn=self.task.definition.arn,
            launch_type="FARGATE",
            group=STARTED,
            propagate_tags="TASK_DEFINITION",
            network_configuration=network,
        )
        aws.scheduler.Schedule(
            self.name,
            name=self.physical,
            group_name=hours.name,
            description=f"Runs {self.name}"[:512],
            schedule_expression=expression(schedule, self.name),
            schedule_expression_timezone=schedule.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=self.cluster.arn,
                role_arn=self.role.arn,
                ecs_parameters=run,
                # A start that AWS can't make within the hour is left to the next time.
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                ),
            ),
            opts=self.options,
        )

    def _after(self, jobs: Sequence[pulumi.Input[str]]) -> None:
        """When a scheduled run of one of `jobs` has ended well.

        A pattern matches the elements of a list one by one, so that it is the main container which ended with 0.
        """
        families = [
            pulumi.Output.concat("arn:aws:ecs:*:task-definition/", pulumi.Output.from_input(job).apply(family), ":*")
            for job in jobs
        ]
        pattern = {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                "lastStatus": ["STOPPED"],
                "group": [STARTED],
                "taskDefinitionArn": [{"wildcard": family} for family in families],
                "containers": {"name": ["main"], "exitCode": [0]},
            },
        }
        rule = aws.cloudwatch.EventRule(
            self.name,
            name=self.physical,
            description=f"{self.name} follows other jobs"[:512],
            event_pattern=pulumi.Output.json_dumps(pattern),
            tags=self.tags,
            opts=self.options,
        )
        network = aws.cloudwatch.EventTargetEcsTargetNetworkConfigurationArgs(
            subnets=self.subnets, security_groups=self.groups, assign_public_ip=False
        )
        run = aws.cloudwatch.EventTargetEcsTargetArgs(
            task_definition_arn=self.task.definition.arn,
            launch_type="FARGATE",
            group=STARTED,
            propagate_tags="TASK_DEFINITION",
            network_configuration=network,
        )
        aws.cloudwatch.EventTarget(
            self.name,
            rule=rule.name,
            arn=self.cluster.arn,
            role_arn=self.role.arn,
            ecs_target=run,
            opts=self.options,
        )


def family(job: str) -> str:
    """The family of a job's tasks."""
    return job.removeprefix(PREFIX)
