"""Images for real: made on a Debian base, pushed to Debian's docker-registry, run as they run in a cluster."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.primitives import locked
from stacks.domain import stack_config
from stacks.program import Program
from tests.conftest import LittleMesh
from tests.tools.image_base import missing, push_base, registry
from tools.images.build import BASE_DIGEST, Builder
from tools.images.oci import MANIFEST, Image, write_archive, write_layout
from tools.images.publish import Publisher
from tools.images.store import Store

pytestmark = [pytest.mark.images, pytest.mark.skipif(bool(missing()), reason=missing())]

MESH = str(Path(sys.executable).parent / "mesh")
CLIENT = locked("postgres-client")
BUCKET = """\
apiVersion: meshwright/v1
kind: Template
name: files
version: 1.0.0
description: A bucket
components:
  files: {type: Bucket}
outputs:
  objects: {type: s3, from: "${files.objects}"}
"""
USER = "mesh"
PASSWORD = "canary-password"


@dataclass
class Place:
    """A registry with the base image in it, and a cache that has one image."""

    host: str
    base: str
    store: Store
    image: Image


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("images")
    with registry(folder / "registry") as host:
        base = push_base(host, Store(folder / "base"))
        store = Store(folder / "store")
        yield Place(host, base, store, Builder(base, store, print).image(CLIENT))


def test_the_same_inputs_give_the_same_digest_in_another_cache(place: Place, tmp_path: Path) -> None:
    other = Builder(place.base, Store(tmp_path), print).image(CLIENT)
    assert other.digest == place.image.digest
    assert json.loads(other.manifest)["layers"] == json.loads(place.image.manifest)["layers"]


def test_what_was_made_is_not_made_again(place: Place) -> None:
    said: list[str] = []
    assert Builder(place.base, place.store, said.append).image(CLIENT) == place.image
    assert said == []


def test_a_changed_base_gives_another_image_with_the_same_layer(place: Place, tmp_path: Path) -> None:
    manifest = json.loads(place.image.manifest)
    assert manifest["annotations"][BASE_DIGEST].startswith("sha256:")
    config = json.loads(place.store.path(place.image.config.digest).read_bytes())
    assert config["config"]["User"] == "10001"
    assert config["config"]["WorkingDir"] == "/data"
    assert config["config"].keys() == {"Env", "User", "WorkingDir"}  # no entry point, no command of the base
    assert {"HOME=/data", "PATH=/opt/mesh/bin:/usr/bin:/bin", "LANG=C.UTF-8"} <= set(config["config"]["Env"])
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 2


def test_a_layout_holds_what_its_names_say(place: Place) -> None:
    folder = write_layout(place.image, place.store, "registry.example.org/postgres-client:1")
    index = json.loads((folder / "index.json").read_text())
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert index["manifests"][0]["digest"] == place.image.digest
    for blob in (folder / "blobs/sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert len(list((folder / "blobs/sha256").iterdir())) == 4


def test_one_file_is_an_oci_layout_and_a_docker_archive(place: Place, tmp_path: Path) -> None:
    one = write_archive(place.image, place.store, "x/y:1", tmp_path / "a")
    two = write_archive(place.image, place.store, "x/y:1", tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as tar:
        names = set(tar.getnames())
        (entry,) = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        assert {entry["Config"], *entry["Layers"], "index.json", "oci-layout"} <= names
        assert entry["RepoTags"] == ["x/y:1"]


def test_a_push_sends_only_what_is_missing(place: Place) -> None:
    said: list[str] = []
    builder = Builder(place.base, place.store, said.append)
    (first,) = Publisher(f"{place.host}/mesh", builder, {}).publish((CLIENT,))
    assert first.new
    assert first.reference == f"{place.host}/mesh/postgres-client@{place.image.digest}"
    assert [line for line in said if line.startswith("mounted layer 1")], said
    assert [line for line in said if line.startswith("pushed layer 2")], said

    said.clear()
    (second,) = Publisher(f"{place.host}/mesh", builder, {}).publish((CLIENT,))
    (third,) = Publisher(f"{place.host}/mesh", builder, {first.key: first.digest}).publish((CLIENT,))
    assert (second.new, third.new, said) == (False, False, [])

    accept = {"Accept": MANIFEST}
    for version in (place.image.tag, place.image.digest):
        url = f"http://{place.host}/v2/mesh/postgres-client/manifests/{version}"
        answer = httpx.get(url, headers=accept, trust_env=False)
        assert answer.headers["Docker-Content-Digest"] == place.image.digest
        assert answer.content == place.image.manifest


def test_another_machine_builds_nothing_that_was_pushed(place: Place, tmp_path: Path) -> None:
    builder = Builder(place.base, place.store, print)
    (pushed,) = Publisher(f"{place.host}/again", builder, {}).publish((CLIENT,))
    said: list[str] = []
    elsewhere = Builder(place.base, Store(tmp_path), said.append)
    (found,) = Publisher(f"{place.host}/again", elsewhere, {pushed.key: pushed.digest}).publish((CLIENT,))
    assert not found.new
    assert said == []


def test_a_registry_with_a_login_is_opened_by_dockers_configuration(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64
    import crypt

    from components.errors import UserError

    hashed = crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    (tmp_path / "htpasswd").write_text(f"{USER}:{hashed}\n")
    config = tmp_path / "docker" / "config.json"
    config.parent.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(config.parent))
    lines = f"auth: {{htpasswd: {{realm: it, path: '{tmp_path / 'htpasswd'}'}}}}"
    with registry(tmp_path / "closed", lines) as host:
        builder = Builder(place.base, place.store, print)
        with pytest.raises(UserError, match="refuses anybody without a login"):
            list(Publisher(host, builder, {}).publish((CLIENT,)))
        for password, opens in (("wrong", False), (PASSWORD, True)):
            auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
            config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
            if opens:
                (published,) = Publisher(host, builder, {}).publish((CLIENT,))
                assert published.digest == place.image.digest
            else:
                with pytest.raises(UserError, match="refuses the login of mesh"):
                    list(Publisher(host, builder, {}).publish((CLIENT,)))


@pytest.fixture
def project(little: LittleMesh, place: Place) -> LittleMesh:
    """A stack on Kubernetes whose only software is its object store."""
    little.write("templates/files.yaml", BUCKET)
    little.product("sales/orders", template="files")
    little.write(
        "stacks/Pulumi.sales-dev.yaml",
        f"config:\n  meshwright:target: kubernetes\n  meshwright:registry: {place.host}/mesh\n"
        f"  meshwright:baseImage: {place.base}\n",
    )
    return little


def mesh(folder: Path, place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    cache = place.store.root.parent / "cache"
    variables = {**os.environ, "XDG_CACHE_HOME": str(cache), "UV_CACHE_DIR": uv_cache()}
    return subprocess.run([MESH, "images", *words], cwd=folder, env=variables, capture_output=True, text=True)


def uv_cache() -> str:
    """The user's own, so that nothing is downloaded for a test that was downloaded before."""
    return os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")


def test_a_stack_is_pushed_listed_and_then_may_run(project: LittleMesh, place: Place) -> None:
    def listed() -> list[dict[str, Any]]:
        done = mesh(project.root, place, "list", "-s", "sales-dev", "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    assert [(row["software"], row["state"]) for row in listed()] == [("seaweedfs", "not pushed")]
    built = mesh(project.root, place, "build", "-s", "sales-dev", "-o", "out", "--json")
    assert built.returncode == 0, built.stderr
    (row,) = json.loads(built.stdout)
    assert Path(project.root, row["path"]).is_file()
    assert row["reference"].startswith(f"{place.host}/mesh/seaweedfs:")

    pushed = mesh(project.root, place, "push", "-s", "sales-dev", "--json")
    assert pushed.returncode == 0, pushed.stderr
    assert "building" not in pushed.stderr
    (row,) = json.loads(pushed.stdout)
    assert row["new"] is True
    assert listed()[0]["state"] == "pushed"
    written = (project.stacks / "images.yaml").read_text()
    assert row["digest"] in written

    again = mesh(project.root, place, "push", "-s", "sales-dev", "--json")
    assert json.loads(again.stdout)[0]["new"] is False
    assert (project.stacks / "images.yaml").read_text() == written

    values = stack_config("sales-dev", project.stacks)
    graph = json.dumps([resource.inputs for resource in Program(project.domain("sales-dev"), values).checked()])
    assert row["reference"] in graph
    assert f"{place.host}/mesh/seaweedfs:" not in graph


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("build",), "no software is named"),
        (("build", "ingst"), "there is no software `ingst`"),
        (("build", "ingest", "-s", "sales-dev"), "there is no software `ingest`"),
        (("build", "seaweedfs", "--base", "127.0.0.1:1/base:1"), "registry 127.0.0.1:1 does not answer"),
        (("push", "-s", "sales-prod"), "stack sales-prod names no target"),
        (("list", "-s", "nowhere-dev"), "there is no domain `nowhere`"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_mistake_ends_with_its_sentence(project: LittleMesh, place: Place, words: tuple[str, ...], what: str) -> None:
    done = mesh(project.root, place, *words)
    assert done.returncode == 2, done.stderr
    assert what in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_stack_without_containers_is_told_so(project: LittleMesh, place: Place) -> None:
    project.write("stacks/Pulumi.sales-dev.yaml", "config:\n  meshwright:target: local\n")
    done = mesh(project.root, place, "push", "-s", "sales-dev")
    assert done.returncode == 2
    assert "stack sales-dev runs on local, which takes no images" in done.stderr


@pytest.mark.skipif(shutil.which("runc") is None, reason="needs runc (apt-get install runc)")
def test_it_runs_as_nobody_on_a_root_that_is_read_only(place: Place, tmp_path: Path) -> None:
    folder = write_layout(place.image, place.store, "x/y:1")
    root, data = tmp_path / "root", tmp_path / "data"
    for part in (root, data):
        part.mkdir()
    os.chown(data, 10001, 10001)
    for layer in place.image.layers:
        blob = folder / "blobs" / layer.digest.replace(":", "/")
        subprocess.run(["tar", "xzf", blob, "-C", root, "--numeric-owner", "-p"], check=True)
    config = json.loads(place.store.path(place.image.config.digest).read_bytes())["config"]
    program = (
        "import os, pwd, sys, psycopg\n"
        "print(os.getuid(), pwd.getpwuid(os.getuid()).pw_dir, os.getcwd(), sys.executable, psycopg.pq.__impl__)\n"
        "print(os.path.exists(psycopg.__cached__))\n"
        "open('/data/own', 'w').close()\n"
        "try:\n    open('/opt/mesh/other', 'w')\nexcept OSError as error:\n    print(error.strerror)\n"
    )
    bundle = {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": int(config["User"]), "gid": int(config["User"])},
            "args": ["python", "-c", program],
            "env": config["Env"],
            "cwd": config["WorkingDir"],
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/data", "type": "bind", "source": str(data), "options": ["bind"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }
    (tmp_path / "config.json").write_text(json.dumps(bundle))
    command = ["runc", "--root", str(tmp_path / "state"), "run", "-b", str(tmp_path), f"meshwright-{os.getpid()}"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout.splitlines() == [
        "10001 /data /data /opt/mesh/bin/python binary",
        "True",
        "Read-only file system",
    ], done.stderr
