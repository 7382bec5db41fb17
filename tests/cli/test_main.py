"""The command as a person uses it: help, exit codes, sentences; nothing here needs the engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import typer

from cli.main import app, main
from stacks.domain import Domain
from tests.conftest import LittleMesh

MESH = str(Path(sys.executable).parent / "mesh")
COMMANDS = (
    *("up", "preview", "render", "check", "cost", "destroy", "run", "status"),
    *("logs", "open", "credentials", "env", "schema", "rules"),
)


def mesh(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MESH, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = mesh(tmp_path, "--help")
    assert done.returncode == 0
    for command in (*COMMANDS, "new", "catalogue", "ci", "dashboards", "images", "init"):
        assert command in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, cli.main; print([m for m in ('pulumi', 'pydantic', 'rich', 'yaml', 'grpc') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command there is."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name)


ALL = list(commands(typer.main.get_command(app)))


def test_the_list_of_commands_is_whole() -> None:
    assert {words[0] for words in ALL} == {*COMMANDS, "new", "catalogue", "ci", "dashboards", "images", "init"}


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = mesh(tmp_path, *words, "--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_a_mistake_ends_with_its_sentence_and_creates_nothing(little: LittleMesh) -> None:
    little.table("sales/orders", "parameters: {sise: small}\n")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    done = mesh(little.root, "up")
    assert done.returncode == 2
    assert "template `table` has no parameter `sise`" in done.stderr
    assert "--> stacks/sales/orders.yaml:10" in done.stderr
    assert "did you mean `size`?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (little.root / ".state").exists()


WRONG: dict[str, tuple[str, str | bytes, str]] = {  # file, its content, what is said and where
    "syntax": ("stacks/sales/orders.yaml", "name: [\n", "YAML syntax error: did not find expected node content"),
    "encoding": ("stacks/sales/orders.yaml", b"name: f\xfcr\n", "the file is no UTF-8 text"),
    "date": ("stacks/sales/orders.yaml", "until: 2027-02-30\n", "`2027-02-30` is no date"),
    "empty": ("stacks/sales/orders.yaml", "", "the file is empty"),
    "mesh": ("stacks/mesh.yaml", "tenant: acme\nshared: 5\n", "unknown field `shared`"),
    "stack": ("stacks/Pulumi.sales-dev.yaml", "- target\n", "the file holds no mapping of names to values"),
    "template": ("templates/table.yaml", "kind: Template\ncomponents: []\n", "`components` wants a mapping"),
}


@pytest.mark.parametrize(("path", "content", "sentence"), WRONG.values(), ids=WRONG)
def test_every_file_that_is_wrong_is_named(
    little: LittleMesh,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    path: str,
    content: str | bytes,
    sentence: str,
) -> None:
    little.table("sales/orders")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    (little.root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(little.root.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["mesh", "preview"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, err = capfd.readouterr()
    assert sentence in err
    assert f"--> {path}:" in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(little.root.rglob("*")) == before


def test_the_mistakes_of_all_domains_are_told_at_once(little: LittleMesh) -> None:
    for name in ("sales/orders", "finance/revenue"):
        little.table(name, "parameters: {sise: small}\n")
        little.write(f"stacks/Pulumi.{name.split('/')[0]}-dev.yaml", "config:\n  meshwright:target: local\n")
    done = mesh(little.root, "up")
    assert done.returncode == 2
    assert done.stderr.count("has no parameter `sise`") == 2
    assert done.stderr.count("--> ") == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("up", "sale"), "there is no domain `sale`"),
        (("up", "sales/order"), "domain `sales` has no product `order`"),
        (("schema", "manifst"), "there is no schema `manifst`"),
        (("new", "product", "Sales/Orders"), "`Sales/Orders` is no legal name"),
        (("run", "sales"), "`sales` names no product"),
        (("catalogue", "serve", "--host", "0.0.0.0"), "binds to loopback alone, not to 0.0.0.0"),
    ],
)
def test_bad_words_are_told(little: LittleMesh, words: tuple[str, ...], sentence: str) -> None:
    little.table("sales/orders")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    done = mesh(little.root, *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_without_a_target_says_how_to_name_one(little: LittleMesh) -> None:
    little.table("sales/orders")
    done = mesh(little.root, "up", "sales")
    assert done.returncode == 2
    assert "stack sales-dev names no target" in done.stderr
    assert "pulumi config set" in done.stderr


def test_the_catalogue_is_served_where_it_says(little: LittleMesh) -> None:
    words = [MESH, "catalogue", "serve", "--port", "0"]
    with subprocess.Popen(words, cwd=little.root, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        try:
            address = serving.stderr.readline().split("catalogue on ")[1].split()[0]
            with urlopen(f"{address}/health", timeout=10) as answer:
                assert json.load(answer) == {"ok": True, "products": 0, "outbox": 0}
        finally:
            serving.terminate()


@pytest.mark.parametrize("command", ["up", "preview"])
def test_a_mesh_without_a_domain_says_how_to_make_one(little: LittleMesh, command: str) -> None:
    done = mesh(little.root, command)
    assert done.returncode == 2
    assert "there is no domain yet" in done.stderr
    assert "`mesh new product <domain>/<product>`" in done.stderr


@pytest.mark.parametrize("command", ["up", "preview", "status"])
def test_without_a_pulumi_cli_nothing_is_made(
    little: LittleMesh, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    little.table("sales/orders")
    little.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    done = mesh(little.root, command)
    assert done.returncode == 2
    assert "there is no Pulumi CLI here" in done.stderr
    assert not (little.root / ".state").exists()


def test_a_new_product_is_accepted_as_it_stands(little: LittleMesh) -> None:
    done = mesh(little.root, "new", "product", "sales/orders")
    assert done.returncode == 0, done.stderr
    assert "stacks/sales/orders.yaml" in done.stdout
    assert [planned.name for planned in little.domain("sales-dev").products] == ["orders"]
    assert mesh(little.root, "new", "product", "sales/orders").returncode == 2


def test_env_gives_what_pulumi_needs(little: LittleMesh) -> None:
    values = json.loads(mesh(little.root, "env", "--json").stdout)
    assert values["PULUMI_BACKEND_URL"] == f"file://{little.root}/.state"
    assert values["PULUMI_OPTION_POLICY_PACK"].endswith("/policies")
    passphrase = Path(values["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert json.loads(mesh(little.root, "env", "--json").stdout) == values
    assert mesh(little.root, "env").stdout.count("export ") == len(values)


def test_outside_a_project_the_installed_one_is_used(tmp_path: Path) -> None:
    assert json.loads(mesh(tmp_path, "schema", "manifest").stdout)["title"] == "Manifest"


def test_a_new_product_of_every_template_is_accepted(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "stacks").mkdir()
    for name in ("Pulumi.yaml", "stacks/mesh.yaml"):
        (tmp_path / name).write_text((root / name).read_text())
    shutil.copytree(root / "templates", tmp_path / "templates")
    kinds = sorted(file.stem for file in (root / "templates").glob("*.yaml"))
    for kind in kinds:
        done = mesh(tmp_path, "new", "product", f"sales/a-{kind}", "--template", kind)
        assert done.returncode == 0, done.stderr
    found = Domain("sales-dev", stacks=tmp_path / "stacks", templates=tmp_path / "templates")
    assert sorted(planned.name for planned in found.products) == [f"a-{kind}" for kind in kinds]


def test_a_name_that_is_too_long_writes_nothing(little: LittleMesh) -> None:
    done = mesh(little.root, "new", "product", f"sales/{'x' * 39}")
    assert done.returncode == 2
    assert not (little.stacks / "sales").exists()
