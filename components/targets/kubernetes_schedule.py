"""Schedules on Kubernetes: a CronJob for each job that has one, with the jobs that follow it in the same pod.

The cluster knows nothing of jobs that follow others. So a scheduled run is one pod whose containers run one after the
other: the job, then each that reads what it fills. The first that fails ends the run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pulumi
from pulumi_kubernetes import batch, meta

from components.names import shortened
from components.primitives import Job
from components.targets.kubernetes_network import internet
from components.targets.kubernetes_objects import NAME_LIMIT, physical, selected
from components.targets.kubernetes_pod import Program, template
from components.targets.kubernetes_public import Public

LATE_SECONDS = 3600
"""A run that the cluster could not start in time is made up within an hour."""
SUNDAY = re.compile(r"(?P<first>\d)(-7(/(?P<step>\d))?)?")


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job, what its pod runs, and its name as others give it in `after`."""

    job: Job
    program: Program
    called: pulumi.Input[str]


class Scheduled(Public):
    """Makes the CronJobs when all jobs are known."""

    @cached_property
    def work(self) -> list[Work]:
        """All jobs of the stack, each after those that it follows."""
        return []

    def finish(self) -> None:
        for root in self.work:
            if root.job.args.schedule is not None:
                self._cron_job(self._chain(root))
        super().finish()

    def _chain(self, root: Work) -> list[Work]:
        """A job and all that follow it, in an order in which each finds its input filled."""
        chain = [root]
        for one in self.work:
            if one is not root and any(name is before.called for before in chain for name in one.job.args.after):
                chain.append(one)
        return chain

    def _cron_job(self, chain: Sequence[Work]) -> None:
        root, *_ = chain
        job, schedule = root.job, root.job.args.schedule
        assert schedule is not None
        name = shortened(f"{job.origin}--schedule", NAME_LIMIT)
        uses = [used for one in chain for used in one.job.args.uses]
        sources = sorted({number for one in chain for number in internet(one.job.args.files)})
        ready = self.opened(job, uses, internet=sources, name=name)
        labels = {**self.labels(job), **selected(name), **self.users(uses)}
        *before, last = chain
        first = {physical(one.job): one.program for one in before}
        pod = template(labels, last.program, first=first, restart="Never")
        batch.v1.CronJob(
            job.child("schedule"),
            metadata=meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace, labels=labels),
            spec=batch.v1.CronJobSpecArgs(
                schedule=line(schedule.cron),
                time_zone=schedule.timezone,
                concurrency_policy="Forbid",
                starting_deadline_seconds=LATE_SECONDS,
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=3,
                job_template=batch.v1.JobTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=labels),
                    spec=batch.v1.JobSpecArgs(
                        template=pod,
                        backoff_limit=0,
                        active_deadline_seconds=sum(one.job.args.timeout_seconds for one in chain),
                    ),
                ),
            ),
            opts=self.under(job, depends_on=ready),
        )


def line(cron: str) -> str:
    """A cron line as Kubernetes takes it: there Sunday is 0 alone."""
    *fields, weekdays = cron.split()
    items = []
    for item in weekdays.split(","):
        found = SUNDAY.fullmatch(item)
        if found is None or "7" not in (item[:1], item[2:3]):
            items.append(item)
            continue
        first, step = int(found["first"]), int(found["step"] or 1)
        items += [str(day % 7) for day in range(first, 8, step)]
    return " ".join([*fields, ",".join(items)])
