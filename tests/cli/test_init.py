"""`mesh init stack`: a stack file that the target accepts, and what it says of missing settings and credentials."""

from __future__ import annotations

import pytest
import yaml

from cli.main import main
from tests.conftest import LittleMesh


@pytest.fixture(autouse=True)
def orders(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> LittleMesh:
    little.table("sales/orders")
    monkeypatch.chdir(little.root)
    # Nobody's own credentials: those of whoever runs the tests are not ours to use.
    for name in ("KUBECONFIG", "DOCKER_HOST", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(little.root))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers the credentials of tests before
    return little


def init(*words: str) -> int:
    """The exit code of `mesh init stack ...` in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["mesh", "init", "stack", *words])
        main()
    return int(ended.value.code or 0)


def test_a_stack_file_of_this_machine(orders: LittleMesh, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("sales", "--target", "local") == 0
    assert "local lets this machine in\nnext: `mesh preview sales -e dev`" in capsys.readouterr().out
    text = (orders.stacks / "Pulumi.sales-dev.yaml").read_text()
    assert yaml.safe_load(text) == {"config": {"meshwright:target": "local"}}
    assert init("sales", "--target", "local") == 2
    assert "there is a stack file already" in capsys.readouterr().err


def test_missing_settings_are_named_with_an_example(orders: LittleMesh, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("sales", "--target", "aws") == 2
    error = capsys.readouterr().err
    assert "target aws needs `region` and `registry`" in error
    assert "--set region=eu-west-1" in error
    assert not (orders.stacks / "Pulumi.sales-dev.yaml").exists()


@pytest.mark.parametrize(
    ("target", "settings", "sentence"),
    [
        ("aws", ("region=eu-west-1",), "AWS does not let this machine in: Unable to locate credentials"),
        ("docker", ("dockerHost=unix:///nowhere.sock",), "the Docker daemon does not answer: No such file"),
        ("kubernetes", (), "there is no way to the cluster"),
    ],
)
def test_missing_credentials(
    target: str, settings: tuple[str, ...], sentence: str, orders: LittleMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for setting in ("registry=r.example", *settings) for word in ("--set", setting)]
    assert init("sales", "--target", target, *words) == 2
    assert sentence in capsys.readouterr().err
    assert f"meshwright:target: {target}" in (orders.stacks / "Pulumi.sales-dev.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sale", "--target", "local"), "there is no domain `sale`"),
        (("sales", "--target", "lokal"), "did you mean `local`?"),
        (("sales", "--target", "local", "--set", "bind"), "`bind` is no setting"),
        (("sales", "--target", "local", "--env", "test"), "environments: dev, prod"),
    ],
)
def test_what_is_wrong(words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(*words) == 2
    assert sentence in capsys.readouterr().err
