"""Jobs: run, recorded, run again, undone, scheduled; driven without the engine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.mesh import marked, scheduler
from providers.mesh.home import Home
from providers.mesh.kind import Operation
from providers.mesh.refusal import Cancelled, Refusal

pytestmark = pytest.mark.processes

FOLDER = Path(scheduler.__file__).parent


def shell(made: Any, script: str, **inputs: Any) -> Any:
    return made("JobRun", **{"name": "load", "command": ["/bin/sh", "-c", script], **inputs})


def records(home: Home, name: str = "load") -> list[dict[str, Any]]:
    path = home.logs / f"{name}.runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_run_and_run_again_only_on_change(home: Home, made: Any) -> None:
    job = shell(made, 'echo "loaded $WHAT"; echo \'::mesh:: {"rows": 7}\'', variables={"WHAT": "flights"}).create()
    first = job.state["revision"]
    assert job.state["rows"] == 7
    assert (home.job("load") / "revision").read_text() == first
    (record,) = records(home)
    assert record["ok"]
    assert record["by"] == "pulumi"
    assert record["lines"] == ["loaded flights"]
    job.update(schedule={"cron": "0 5 * * *", "timezone": "Europe/Oslo"}, tags={"a": "b"})
    assert job.state["revision"] == first, "a schedule's change runs nothing"
    job.update(variables={"WHAT": "planes"})
    assert job.state["revision"] != first
    assert len(records(home)) == 2
    job.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_failure_shows_last_lines_without_secrets_and_leaves_nothing(home: Home, made: Any) -> None:
    secret = "p&ss w/rd+42"
    script = 'printf "%s" "user:$PW" | base64; echo "url p%26ss%20w%2Frd%2B42"; echo "raw $PW"; exit 5'
    with pytest.raises(Refusal, match="failed with exit code 5") as caught:
        shell(made, script, secrets={"PW": secret}).create()
    assert str(caught.value).count("[secret]") == 3
    assert [path.name for path in home.path.iterdir()] == ["logs"]
    for path in home.logs.iterdir():
        text = path.read_text()
        assert secret not in text
        assert "cCZzcyB3L3JkKzQ" not in text
    (record,) = records(home)
    assert not record["ok"]
    assert record["code"] == 5


def test_failed_update_keeps_the_old_definition(home: Home, made: Any) -> None:
    job = shell(made, "true").create()
    before = (home.job("load") / "job.json").read_text()
    with pytest.raises(Refusal):
        job.update(command=["/bin/sh", "-c", "exit 1"])
    assert (home.job("load") / "job.json").read_text() == before


def test_result_file(made: Any) -> None:
    assert shell(made, "echo '{\"rows\": 3}' > $MESH_RESULT").create().state["rows"] == 3


def test_time_limit_ends_the_whole_group(home: Home, made: Any) -> None:
    with pytest.raises(Refusal, match=r"exit code 124(.|\n)*time limit of 0.5 s"):
        shell(made, "sleep 100 & sleep 100", timeoutSeconds=0.5).create()
    assert not marked.find(marked.JOB, home.path)


def test_cancel_ends_the_job(home: Home, made: Any) -> None:
    operation = Operation()
    threading.Timer(0.5, operation.cancelled.set).start()
    with pytest.raises(Cancelled):
        shell(made, "sleep 100 & exec sleep 100").create(operation)
    assert not marked.find(marked.JOB, home.path)
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_undo(home: Home, made: Any, tmp_path: Path) -> None:
    job = shell(made, "true", undo=["/bin/touch", str(tmp_path / "undone")]).create()
    job.delete()
    assert (tmp_path / "undone").exists()
    said: list[str] = []
    job = shell(made, "true", undo=["/bin/sh", "-c", "echo gone; exit 1"]).create()
    job.kind.delete(Operation(say=said.append), job.inputs, job.state)
    assert said == ["what job `load` did could not be undone (exit code 1): gone"]
    assert [path.name for path in home.path.iterdir()] == ["logs"]


def test_runner_by_hand(home: Home, made: Any) -> None:
    job = shell(made, "echo out; exit ${CODE:-0}").create()
    words = [sys.executable, str(FOLDER / "runner.py"), "run", str(home.path), "load", "--by", "hand"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "out\n")
    assert [record["by"] for record in records(home)] == ["pulumi", "hand"]
    assert (home.job("load") / "revision").read_text() == records(home)[1]["run"] != job.state["revision"]
    assert subprocess.run([*words[:4], "other"], capture_output=True).returncode == 2


def test_scheduler_runs_after_and_by_cron(home: Home, made: Any) -> None:
    source = shell(made, "true", name="source").create()
    after = shell(made, "true", name="after", after=[str(home.job("source"))]).create()
    process = made(
        "Process", name="scheduler", command=[sys.executable, str(FOLDER / "scheduler.py"), str(home.path)]
    ).create()
    time.sleep(2.5)
    assert len(records(home, "after")) == 1, "nothing new: no run"
    words = [sys.executable, str(FOLDER / "runner.py"), "run", str(home.path), "source"]
    subprocess.run(words, check=True, capture_output=True)
    deadline = time.monotonic() + 15
    while len(records(home, "after")) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [record["by"] for record in records(home, "after")] == ["pulumi", "after"]
    for resource in (after, source, process):
        resource.delete()
    assert [path.name for path in home.path.iterdir()] == ["logs"]


@pytest.mark.parametrize(
    ("cron", "day"),
    [
        ("0 5 * * 0", "sun"),
        ("0 5 * * 1-5", "mon,tue,wed,thu,fri"),
        ("0 5 * * 7", "sun"),
        ("0 5 * * *", "*"),
        ("0 5 * * 0-6", "*"),
        ("0 5 * * 5-7", "sun,fri,sat"),
        ("0 5 * * */2", "sun,tue,thu,sat"),
        ("0 5 * * 1/3", "mon,thu"),
        ("0 5 * * Mon,3", "mon,wed"),
    ],
)
def test_weekdays_as_in_crontab(cron: str, day: str) -> None:
    assert scheduler.weekdays(cron.split()[-1]) == day
    assert scheduler.trigger_of({"cron": cron})


def test_a_day_of_the_month_or_a_weekday_is_enough() -> None:
    trigger = scheduler.trigger_of({"cron": "0 5 13 * 5"})
    fires, at = [], datetime(2027, 8, 1, tzinfo=UTC)
    for _ in range(5):
        at = trigger.get_next_fire_time(None, at)
        fires.append(at.day)
        at += timedelta(minutes=1)
    assert fires == [6, 13, 20, 27, 3], "Fridays, and the 13th"


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ({"cron": "every day"}, "needs five words"),
        ({"cron": "0 25 * * *"}, "can't be read"),
        ({"cron": "@daily", "timezone": "Mars/Olympus"}, "no time zone"),
        ({"corn": "@daily"}, "a schedule is a map"),
    ],
)
def test_check_of_schedules(made: Any, schedule: dict[str, str], sentence: str) -> None:
    (failure,) = shell(made, "true", schedule=schedule).failures()
    assert sentence in failure
