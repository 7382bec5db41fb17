"""Bad input about a target: one clear sentence, exit code 2, nothing created; no cluster and no cloud is needed."""

from __future__ import annotations

import ast
import http.server
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.config import kube_config

from cli.main import main
from components import targets
from components.targets import TARGETS, load
from tests.conftest import TABLE, LittleMesh

FOLDER = Path(targets.__file__).parent
GOOD: Mapping[str, Mapping[str, str]] = {
    "aws": {"region": "eu-west-1", "registry": "r.example/mesh"},
    "azure": {"region": "westeurope", "registry": "r.example/mesh"},
    "docker": {"registry": "r.example/mesh"},
    "kubernetes": {"registry": "r.example/mesh"},
    "local": {},
}
UNSET = ("KUBECONFIG", "DOCKER_HOST", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture(autouse=True)
def orders(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> LittleMesh:
    """One sound product; nobody's own credentials."""
    little.table("sales/orders")
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(little.root))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers the credentials of tests before
    return little


class Said(str):
    """What `mesh` said on stderr."""


def mesh(capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    """What `mesh ...` says where it must refuse: exit code 2, no traceback, nothing on stdout."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["mesh", *words])
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2, err
    assert "Traceback" not in err
    assert err.startswith("error: ")
    assert not out or words[0] == "init"
    return Said(" ".join(err.split()))


def configured(little: LittleMesh, target: str, values: Mapping[str, Any]) -> None:
    """The stack file of sales-dev."""
    config = {f"meshwright:{key}": value for key, value in {"target": target, **values}.items()}
    little.write("stacks/Pulumi.sales-dev.yaml", yaml.safe_dump({"config": config}))


def refused(little: LittleMesh, capsys: pytest.CaptureFixture[str], target: str, values: Mapping[str, Any]) -> Said:
    """What `mesh up` says to a stack file; the project is as before."""
    configured(little, target, values)
    before = sorted(little.root.rglob("*"))
    said = mesh(capsys, "up", "sales")
    assert sorted(little.root.rglob("*")) == before
    return said


@pytest.mark.parametrize(("target", "key"), [(name, key) for name, table in GOOD.items() for key in table])
def test_a_setting_that_a_target_needs(
    target: str, key: str, orders: LittleMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(orders, capsys, target, {name: value for name, value in GOOD[target].items() if name != key})
    assert f"target {target} needs `meshwright:{key}` in the configuration of stack sales-dev" in said
    assert f"pulumi config set meshwright:{key} {load(target).needs[key]} -s sales-dev" in said


def test_each_target_needs_what_is_tried_here() -> None:
    assert {name: set(load(name).needs) for name in TARGETS} == {name: set(table) for name, table in GOOD.items()}


@pytest.mark.parametrize(
    ("target", "region", "meant"),
    [
        ("aws", "eu-wst-1", "eu-west-1"),
        ("aws", "EU-WEST-1", "eu-west-1"),
        ("azure", "westeurop", "westeurope"),
        ("azure", "West Europe", "westeurope"),
    ],
)
def test_an_unknown_region(
    target: str, region: str, meant: str, orders: LittleMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(orders, capsys, target, {**GOOD[target], "region": region})
    assert f"target {target} has no region `{region}`, which stack sales-dev names" in said
    assert f"did you mean `{meant}`" in said


def test_regions_are_known_where_there_are_any() -> None:
    assert {"eu-west-1", "us-east-1", "cn-north-1"} < set(load("aws").regions())
    assert {"westeurope", "eastus2"} < set(load("azure").regions())
    assert not any(load(name).regions() for name in ("docker", "kubernetes", "local"))


@pytest.mark.parametrize(
    ("target", "values", "meant"),
    [
        ("aws", {"registy": "r.example/mesh", "region": "eu-west-1"}, "registry"),
        ("aws", {**GOOD["aws"], "vpcid": "vpc-1"}, "vpcId"),
        ("azure", {**GOOD["azure"], "vaultID": "x"}, "vaultId"),
        ("docker", {**GOOD["docker"], "dockerhost": "unix:///x"}, "dockerHost"),
        ("kubernetes", {**GOOD["kubernetes"], "namespaces": "x"}, "namespace"),
        ("local", {"dataDirectry": "/tmp"}, "dataDirectory"),
    ],
)
def test_an_unknown_setting(
    target: str, values: dict[str, str], meant: str, orders: LittleMesh, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(orders, capsys, target, values)
    (wrong,) = values.keys() - load(target).knows
    assert f"target {target} has no setting `meshwright:{wrong}`, which stack sales-dev has" in said
    assert f"did you mean `{meant}`" in said


def test_a_size_that_nobody_has(orders: LittleMesh, capsys: pytest.CaptureFixture[str]) -> None:
    orders.table("sales/orders", "parameters: {size: huge}\n")
    said = refused(orders, capsys, "local", {})
    assert "stacks/sales/orders.yaml:" in said
    assert "parameter `size` can't be 'huge'; it is one of small, medium, large" in said


def test_a_disk_that_a_target_does_not_sell(orders: LittleMesh, capsys: pytest.CaptureFixture[str]) -> None:
    warehouse = 'warehouse: {type: Database, size: "${parameters.size}"'
    orders.write("templates/table.yaml", TABLE.replace(warehouse, f"{warehouse}, storage: 40000"))
    said = refused(orders, capsys, "azure", GOOD["azure"])
    assert "stacks/sales/orders.yaml:" in said
    assert "a database on azure has at most 32767 GiB, not 40000" in said


TABLES = ("values", "settings", "self.settings", "self.settings.values", "settings.values")


def read_by(module: str) -> set[str]:
    """The settings that a module of components/targets reads: `values["x"]`, `values.get("x")`, `"x" in values`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))):
        match node:
            case ast.Subscript(value=table, slice=ast.Constant(value=str(key))):
                pass
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[ast.Constant(value=str(key)), *_]):
                pass
            case ast.Compare(left=ast.Constant(value=str(key)), ops=[ast.In() | ast.NotIn()], comparators=[table]):
                pass
            case _:
                continue
        if ast.unparse(table) in TABLES:
            found.add(key)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_the_known_settings_are_those_that_are_read(target: str) -> None:
    every = {file.stem for file in FOLDER.glob("*.py")}
    own = {name for name in every if name == target or name.startswith(f"{target}_")}
    others = {name for name in every - own for other in TARGETS if name == other or name.startswith(f"{other}_")}
    switches = {method.when for methods in load(target).natives.values() for method in methods if method.when}
    read = switches.union(*map(read_by, own))
    assert read <= load(target).knows, "its `knows` lacks them"
    texts = "".join((FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in every - others)
    known = load(target).knows - {"target", "region"}
    unread = {key for key in known if len(re.findall(rf"""['"]{key}['"]""", texts)) < 2}  # once is its own listing
    assert not unread, "nothing reads them"


@contextmanager
def answering(status: int, body: str, kind: str) -> Iterator[str]:
    """A server that says the same to everybody; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def asked(capsys: pytest.CaptureFixture[str], target: str, **more: str) -> Said:
    """What `mesh init stack` says after the target was asked."""
    given = [word for key, value in {**GOOD[target], **more}.items() for word in ("--set", f"{key}={value}")]
    return mesh(capsys, "init", "stack", "sales", "--target", target, *given)


def test_keys_that_aws_does_not_know(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = "<Error><Code>InvalidClientTokenId</Code><Message>The security token is invalid.</Message></Error>"
    with answering(403, f"<ErrorResponse>{error}</ErrorResponse>", "text/xml") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nonsense")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nonsense")
        said = asked(capsys, "aws")
    assert "AWS does not let this machine in" in said
    assert "The security token is invalid" in said


def kubeconfig(little: LittleMesh, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """A kubeconfig with one context, `here`."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "nonsense"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    file = little.write("kubeconfig", yaml.safe_dump(config))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))  # KUBECONFIG, as read at its import


def test_a_kubeconfig_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", "nowhere")
    assert "there is no way to the cluster" in asked(capsys, "kubernetes")


def test_a_context_that_is_not_in_it(
    orders: LittleMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig(orders, monkeypatch, "http://127.0.0.1:1")
    said = asked(capsys, "kubernetes", context="there")
    assert "there is no way to the cluster" in said
    assert "there" in said


def test_a_cluster_that_is_away(
    orders: LittleMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        kubeconfig(orders, monkeypatch, f"http://127.0.0.1:{taken.getsockname()[1]}")
        said = asked(capsys, "kubernetes")
    assert "the cluster does not answer: Connection refused" in said


def test_a_cluster_that_does_not_know_the_token(
    orders: LittleMesh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(401, '{"kind": "Status", "code": 401}', "application/json") as address:
        kubeconfig(orders, monkeypatch, address)
        assert "the cluster does not let you in: Unauthorized" in asked(capsys, "kubernetes")
