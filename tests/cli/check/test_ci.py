"""`mesh ci comment` on six pull requests that are checked for real, and the workflow that calls it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from ruamel.yaml import YAML

from cli.check.markdown import MARKER
from cli.check.report import Report
from cli.ci import UNCOMPARED, UNSAID
from cli.main import app, main
from tests.cli.check.golden import pulls
from tests.conftest import LittleMesh

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
URL = "https://forge.example/runs/7"
WORKFLOW = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "mesh.yaml")  # YAML 1.2: `on` is a text
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
HOOKS = (".pre-commit-config.yaml", ".pre-commit-hooks.yaml")


def mesh(*words: str) -> int:
    """The exit code of `mesh ...` in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["mesh", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def written(file: Path, report: Report) -> str:
    file.write_text(json.dumps(report.plain()))
    return str(file)


@pytest.mark.parametrize("name", pulls.PULLS)
def test_the_comment_of_a_pull_request(name: str, little: LittleMesh) -> None:
    head, base = pulls.pull(name, little)
    made = little.root / "comment.md"
    words = [written(little.root / "head.json", head), "--base", written(little.root / "base.json", base)]
    assert mesh("ci", "comment", *words, "--report-url", URL, "-o", str(made)) == 0
    text, file = made.read_text(), GOLDEN / f"{name}.md"
    if os.environ.get("MESH_SNAPSHOTS") == "write":
        file.write_text(text)
    assert text == file.read_text()
    assert text.startswith(f"{MARKER}\n### Meshwright ")
    assert str(little.root) not in text


def test_every_golden_file_is_of_a_pull_request() -> None:
    assert {file.stem for file in GOLDEN.glob("*.md")} == set(pulls.PULLS)


def test_a_check_that_could_not_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, base = tmp_path / "head.json", tmp_path / "base.json"
    head.touch()
    assert mesh("ci", "comment", str(head)) == 0
    said = capsys.readouterr().out
    assert "### Meshwright can't check this: 1 error" in said
    assert UNSAID in said
    for unreadable in ("", '{"version": 0}', "no json"):
        base.write_text(unreadable)
        assert mesh("ci", "comment", written(head, Report(products=(pulls.product(),))), "--base", str(base)) == 0
        said = capsys.readouterr().out
        assert UNCOMPARED in said
        assert "| new |" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.json"], "none.json can't be read: No such file or directory"),
        (["odd.json"], "odd.json is no report of `mesh check --json`"),
        (["good.json", "--base", "none.json"], "none.json can't be read"),
        (["good.json", "--report-url", "javascript:alert(1)"], "is no address of a report"),
        (["good.json", "-o", "none/x.md"], "none/x.md can't be written: No such file or directory"),
    ],
)
def test_bad_input_ends_with_2(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd.json").write_text("[]")
    written(Path("good.json"), Report())
    assert mesh("ci", "comment", *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def scripts(job: str | None = None) -> Iterator[tuple[str, str]]:
    """Name and lines of the steps that run something, of a job or all."""
    for name in [job] if job else JOBS:
        for step in JOBS[name]["steps"]:
            if "run" in step:
                yield f"{name}: {step['name']}", step["run"]


def calls() -> Iterator[list[str]]:
    """The words of every `mesh ...` in the workflow, the hooks and their page."""
    texts = [run for _, run in scripts()]
    texts += [hook["entry"] for hook in _hooks()]
    texts += re.findall(r"`(mesh [^`]*)`", (ROOT / "docs" / "pull-requests.md").read_text())
    texts += re.findall(r"\$ (mesh .*)", (ROOT / "docs" / "pull-requests.md").read_text())
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            for found in re.findall(r"(?:^|[\s(]|/)mesh (?!\()([^|;&)]*)", line):
                yield shlex.split(re.sub(r"\d?>+ *\S+", "", found))


def _hooks() -> list[dict[str, Any]]:
    config, hooks = (YAML(typ="safe").load(ROOT / name) for name in HOOKS)
    return [*hooks, *(hook for repository in config["repos"] for hook in repository["hooks"])]


def test_only_commands_and_options_that_mesh_has_are_called() -> None:
    every = [words for words in calls() if words]
    assert {words[0] for words in every} >= {"check", "ci", "env", "up"}
    for words in every:
        command, rest = typer.main.get_command(app), list(words)
        context = command.make_context("mesh", [], resilient_parsing=True)
        while hasattr(command, "commands"):
            assert rest and rest[0] in command.commands, f"mesh {shlex.join(words)}"
            command = command.commands[rest.pop(0)]
        command.make_context(command.name, rest, parent=context)  # refuses options and values that it does not have


def test_the_workflow_is_valid() -> None:
    """By the schema of GitHub's workflows (schemastore.org, as the package check-jsonschema carries it)."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "github-workflows.json").read_text())
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(WORKFLOW)] == []
    assert list(jsonschema.Draft7Validator(schema).iter_errors({**WORKFLOW, "on": {"pull_requests": None}}))


def test_actions_are_pinned_and_rights_are_few() -> None:
    assert WORKFLOW["permissions"] == {}
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+(\.\d+)*", name) for name in used), used
    rights = {
        name: {right for right, level in job["permissions"].items() if level == "write"} for name, job in JOBS.items()
    }
    assert rights == {
        "check": set(),
        "report": {"pull-requests", "security-events"},
        "preview": {"id-token"},
        "up": {"id-token"},
    }
    assert not list(scripts("report")), "what may write runs nothing of the pull request's"
    for job in JOBS.values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
    assert "pull_request_target" not in WORKFLOW["on"]


def test_the_comment_is_found_by_its_marker() -> None:
    find, post = (step for step in JOBS["report"]["steps"] if "comment" in step["uses"])
    assert find["with"]["body-includes"] == MARKER
    assert post["with"]["comment-id"] == f"${{{{ steps.{find['id']}.outputs.comment-id }}}}"
    assert post["with"]["edit-mode"] == "replace"


@pytest.mark.parametrize(("name", "run"), list(scripts()), ids=lambda value: value if ": " in value else "")
def test_a_script_is_bash_and_takes_no_text_of_the_pull_request(name: str, run: str) -> None:
    assert subprocess.run(["bash", "-n"], input=run, text=True, capture_output=True).stderr == ""
    assert set(re.findall(r"\$\{\{ *(.*?) *\}\}", run)) <= {"steps.check.outputs.code"}, name


def test_a_hook_looks_only_when_something_of_the_mesh_changed() -> None:
    for hook in _hooks():
        assert hook["pass_filenames"] is False
        assert hook["language"] == "system"
        assert all(re.search(hook["files"], path) for path in ("stacks/sales/orders.yaml", "policies/levels.yaml"))
        assert not re.search(hook["files"], "docs/stacks.md")
    assert len({hook["entry"].removeprefix(".venv/bin/") for hook in _hooks()}) == 1


def _needs_jq() -> None:
    if shutil.which("jq") is None:
        pytest.skip("needs jq, as GitHub's runners have it")


@pytest.mark.parametrize(
    ("targets", "stacks"), [({}, "[]"), ({"b": "aws", "a": "kubernetes", "c": "docker"}, '["a","b"]')]
)
def test_what_runs_elsewhere_is_previewed(targets: dict[str, str], stacks: str, tmp_path: Path) -> None:
    _needs_jq()
    run = next(run for name, run in scripts("check") if name.endswith("to preview")).partition("\n")[2]
    products = [pulls.product(stack=stack, target=target) for stack, target in targets.items() for _ in "12"]
    written(tmp_path / "affected.json", Report(products=tuple(products)))
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", run], env=environment, check=True)
    assert (tmp_path / "output").read_text() == f"stacks={stacks}\n"


def test_the_job_of_a_pull_request_runs(little: LittleMesh, tmp_path: Path) -> None:
    """The workflow's own lines, in a repository where a merge makes a product cost too much."""
    _needs_jq()

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=little.root, check=True, capture_output=True)

    temporary = tmp_path.parent / f"{tmp_path.name}-runner"
    temporary.mkdir()
    git("init", "-q", "-b", "main")
    little.write(".gitignore", ".venv\n")
    (little.root / ".venv").symlink_to(ROOT / ".venv")
    pulls.stack(little, "sales-dev", "local")
    pulls.orders()(little)
    git("add", "-A")
    git("commit", "-qm", "base")
    git("checkout", "-qb", "change")
    pulls.orders(budget=1)(little)
    git("commit", "-qam", "too dear")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "change")

    output, summary = temporary / "output", temporary / "summary"
    environment = {
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(temporary),
        "RUNNER_TEMP": str(temporary),
        "GITHUB_WORKSPACE": str(little.root),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "acme/mesh",
        "GITHUB_RUN_ID": "7",
    }
    for name, run in scripts("check"):
        if name == "check: Set up":
            continue
        said = dict(line.split("=", 1) for line in output.read_text().splitlines()) if output.exists() else {}
        lines = run.replace("${{ steps.check.outputs.code }}", said.get("code", ""))
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines]
        done = subprocess.run(words, cwd=little.root, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1 if name == "check: Verdict" else 0, ""), name
    assert said == {"code": "1", "stacks": "[]"}, "nothing of this machine's is previewed there"
    text = (temporary / "report" / "comment.md").read_text()
    assert text == summary.read_text()
    assert "### Meshwright stops this: 1 new finding\n" in text
    assert "COST-02" in text
    assert "[Full report](<https://forge.example/acme/mesh/actions/runs/7>)" in text
    assert {file.name for file in (temporary / "report").iterdir()} == {
        "base.json",
        "comment.md",
        "head.json",
        "mesh.sarif",
        "mesh.xml",
    }
