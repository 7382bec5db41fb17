"""Runs a job on EMR Serverless: `emr_run.py JOB.json`.

Starts a run of an application, waits for its end, shows what the driver wrote (EMR puts it into S3 then) and exits with
0 or 1; 2 where it could not be started, with AWS's own reason.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from providers.mesh.ecs_run import AWAY, Refused, refusal, sentence

LOOK = (0.5, 5.0)
"""Seconds between two looks at a run: at first, and at most."""
PATIENCE = 120
"""Seconds in which AWS may not answer."""
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
LATE = 4
"""Looks for what the driver wrote: it may come a moment after its end."""
LAST = 20
"""Lines of Spark's own log that are shown of a run that failed."""


class Run:
    """One run of an application; `manifest` is the request that starts it (StartJobRun)."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job, self.manifest = job, job["manifest"]
        self.application = self.manifest["applicationId"]
        # A request that is sent again with the same mark starts nothing twice.
        self.mark = os.environ.get("MESH_RUN") or str(uuid.uuid4())
        self.name = f"{job['name']}-{self.mark}"[-256:]
        config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
        self.emr: Any = boto3.client("emr-serverless", region_name=job["region"], config=config)
        self.s3: Any = boto3.client("s3", region_name=job["region"], config=config)

    def run(self) -> int:
        """Run to the end; the run never outlives us."""
        known = ""
        try:
            tags = {"tags": self.job["tags"]} if self.job.get("tags") else {}
            answer = self.emr.start_job_run(clientToken=self.mark, name=self.name, **tags, **self.manifest)
            known = str(answer["jobRunId"])
            ended = self.wait(known)
        except BaseException:
            self.cancel(known)
            raise
        return self.code(ended)

    def wait(self, known: str) -> dict[str, Any]:
        """The run once it has ended."""
        delay, heard = LOOK[0], time.monotonic()
        while True:
            with suppress(*AWAY):
                found: dict[str, Any] = self.emr.get_job_run(applicationId=self.application, jobRunId=known)["jobRun"]
                heard = time.monotonic()
                if found["state"] in ENDED:
                    return found
            if time.monotonic() - heard > PATIENCE:
                raise Refused(f"EMR Serverless has said nothing of the run {known} for {PATIENCE} s")
            time.sleep(delay)
            delay = min(delay * 1.3, LOOK[1])

    def code(self, run: dict[str, Any]) -> int:
        """0 for success, else 1; with what the driver wrote, and what Spark said where it failed."""
        place = f"applications/{self.application}/jobs/{run['jobRunId']}/SPARK_DRIVER"
        good = run["state"] == "SUCCESS"
        for line in self.written(f"{place}/stdout.gz"):
            print(line, flush=True)
        if good:
            return 0
        for line in self.written(f"{place}/stderr.gz")[-LAST:]:
            print(line, flush=True)
        why = run.get("stateDetails") or "EMR Serverless does not say why"
        print(f"{run['state'].lower()}: {why}", flush=True)
        return 1

    def written(self, path: str) -> list[str]:
        """The lines of a file that EMR has put under the run's `logUri`; none where there is none."""
        kept = self.manifest.get("configurationOverrides", {}).get("monitoringConfiguration", {})
        uri = kept.get("s3MonitoringConfiguration", {}).get("logUri")
        if not uri:
            return []
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        for look in range(LATE):
            try:
                found = self.s3.get_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/{path}".lstrip("/"))
                return gzip.decompress(found["Body"].read()).decode(errors="replace").splitlines()
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                    print(f"the lines of the job can't be shown: {sentence(error, 's3')}", flush=True)
                    return []
            except (BotoCoreError, OSError):
                pass
            if look < LATE - 1:
                time.sleep(LOOK[0])
        return []

    def cancel(self, known: str) -> None:
        """End the run; where the answer to its start was lost, the one that has our name."""
        with suppress(ClientError, BotoCoreError):
            runs = [known] if known else []
            if not known:
                pages = self.emr.get_paginator("list_job_runs").paginate(applicationId=self.application)
                runs = [run["id"] for page in pages for run in page["jobRuns"] if run.get("name") == self.name]
            for run in runs:
                try:
                    self.emr.cancel_job_run(applicationId=self.application, jobRunId=run)
                except (ClientError, BotoCoreError) as error:
                    print(f"the run {run} goes on: {sentence(error, 'emr-serverless')}", flush=True)


def main() -> None:
    """The command line."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        sys.exit(Run(job).run())
    except Refused as refused:
        print(refused, flush=True)
    except (ClientError, BotoCoreError) as error:
        print(refusal(error, job, "emr-serverless"), flush=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
