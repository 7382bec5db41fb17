"""Images without a registry: names, logins, and layers that are the same bytes each time."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from components.errors import Refused, UserError
from components.primitives import LOCKS, Software, locked
from components.targets import StackSettings
from components.targets.containers import BASE_IMAGE, Containers, image_of, key_of, repository, tag_of
from stacks.images import read_images, write_images
from stacks.program import Program
from tests.conftest import LittleMesh
from tools.images import bytecode
from tools.images.build import recipe
from tools.images.layer import Ingredients, _refuse_local_builds, pack, unpinned
from tools.images.login import Login, login_for
from tools.images.reference import Reference, api, loopback
from tools.images.store import Store

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ONE = Software(name="orders--load", packages=("dlt==1.31.0", "pyarrow==26.0.1"))


def ingredients(**other: Any) -> Ingredients:
    usual: dict[str, Any] = {
        "software": ONE,
        "python": "/usr/bin/python3.11",
        "glibc": "2.36",
        "passwd": b"root:x:0:0:root:/root:/bin/sh",
        "group": b"root:x:0:\n",
    }
    return Ingredients(**{**usual, **other})


# Names


@pytest.mark.parametrize(
    ("text", "whole", "host_api"),
    [
        ("python:3.11", "docker.io/library/python:3.11", "https://registry-1.docker.io"),
        ("acme/base", "docker.io/acme/base:latest", "https://registry-1.docker.io"),
        ("ghcr.io/acme/a_b/c-d:v1.0", "ghcr.io/acme/a_b/c-d:v1.0", "https://ghcr.io"),
        (f"127.0.0.1:5000/base@{DIGEST}", f"127.0.0.1:5000/base@{DIGEST}", "http://127.0.0.1:5000"),
        ("[::1]:5000/base:1", "[::1]:5000/base:1", "http://[::1]:5000"),
        ("localhost/base:1", "localhost/base:1", "http://localhost"),
        ("10.0.0.1:5000/base:1", "10.0.0.1:5000/base:1", "https://10.0.0.1:5000"),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, whole: str, host_api: str) -> None:
    reference = Reference.of(text)
    assert str(reference) == whole
    assert Reference.of(whole) == reference
    assert api(reference.host) == host_api
    assert loopback(reference.host) == host_api.startswith("http:")


@pytest.mark.parametrize("text", ["", "Upper/case", "a b", "http://x/y", "a/b@sha256:1", "a/b:", "a/../b", "a//b"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no image"):
        Reference.of(text)


def test_a_name_is_known_before_the_image_is_made_and_says_what_is_in_it() -> None:
    turned = Software(name=ONE.name, packages=ONE.packages[::-1])
    more = Software(name=ONE.name, packages=(*ONE.packages, "six==1.17.0"))
    assert tag_of(ONE) == tag_of(turned)
    assert len({tag_of(ONE), tag_of(more), tag_of(Software(name=ONE.name, packages=ONE.packages, python="3.12"))}) == 3
    assert image_of("registry.example.org/mesh/", ONE) == f"registry.example.org/mesh/orders-load:{tag_of(ONE)}"
    assert image_of("registry.example.org", ONE, DIGEST) == f"registry.example.org/orders-load@{DIGEST}"
    assert key_of(ONE, "base:1") != key_of(ONE, "base:2")
    assert key_of(ONE, "base:1").startswith("orders--load:")


def test_every_lock_has_a_name_that_each_registry_takes() -> None:
    for file in LOCKS.glob("*.txt"):
        assert repository(locked(file.stem)) == file.stem
        Reference.of(image_of("registry.example.org/mesh", locked(file.stem)))


# What was pushed


def test_digests_are_added_to_a_file_that_people_commit(tmp_path: Path) -> None:
    assert read_images(tmp_path) == {}
    write_images(tmp_path, {"b:1": DIGEST})
    file = write_images(tmp_path, {"a:1": DIGEST})
    assert read_images(tmp_path) == {"a:1": DIGEST, "b:1": DIGEST}
    assert file.read_text().splitlines()[1:] == [f"a:1: {DIGEST}", f"b:1: {DIGEST}"]
    assert [path.name for path in tmp_path.iterdir()] == ["images.yaml"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a:1: latest\n", "stacks/images.yaml:1: `latest` is no digest"),
        ("- a\n", "the file holds no mapping of images to digests"),
        (f"a:1: {DIGEST}\na:1: {DIGEST}\n", "stacks/images.yaml:2"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(little: LittleMesh, text: str, what: str) -> None:
    little.write("stacks/images.yaml", text)
    with pytest.raises((UserError, Refused), match=what):
        read_images(Path("stacks"))


@pytest.mark.parametrize(
    "values",
    [
        {"target": "kubernetes", "registry": "registry.example.org"},
        {"target": "aws", "region": "eu-west-1", "registry": "registry.example.org"},
    ],
    ids=lambda values: values["target"],
)
def test_a_real_up_waits_until_every_image_is_pushed(little: LittleMesh, values: dict[str, Any]) -> None:
    little.table("sales/orders")
    program = Program(little.domain("sales-dev"), values)
    software = program.software()
    assert {"ingest", "postgres-client"} <= {one.name for one in software}
    with pytest.raises(UserError) as caught:
        program.checked()
    assert "postgres-client" in caught.value.what
    assert caught.value.what.endswith("of stack sales-dev are not pushed yet")
    assert "mesh images push -s sales-dev" in caught.value.hint

    write_images(little.stacks, {key_of(one, BASE_IMAGE): DIGEST for one in software[1:]})
    with pytest.raises(UserError, match=f"image {software[0].name} of stack sales-dev is not pushed yet"):
        Program(little.domain("sales-dev"), values).checked()

    write_images(little.stacks, {key_of(software[0], BASE_IMAGE): DIGEST})
    graph = Program(little.domain("sales-dev"), values).checked()
    written = json.dumps([resource.inputs for resource in graph])
    assert f"registry.example.org/postgres-client@{DIGEST}" in written

    # On another base nothing was pushed yet.
    with pytest.raises(UserError, match="not pushed yet"):
        Program(little.domain("sales-dev"), {**values, "baseImage": "base:2"}).checked()


def test_a_target_without_containers_has_no_images(little: LittleMesh) -> None:
    little.table("sales/orders")
    assert Program(little.domain("sales-dev"), {"target": "local"}).software() == ()


def test_a_software_with_a_products_own_packages_is_an_image_of_its_own() -> None:
    settings = StackSettings(
        stack="sales-dev",
        domain="sales",
        environment="dev",
        tenant="acme",
        owner="p@example.org",
        values={"registry": "registry.example.org"},
    )
    target = Containers(settings)
    other = locked("dask").also("score--work", ("lightgbm==4.6.0",))
    assert target.image_of(locked("dask")) != target.image_of(other)
    target.image_of(other)
    assert [one.name for one in target.software()] == ["dask", "score--work"]


# Logins


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("auths", "host", "wanted"),
    [
        ({"r.example.org": {"auth": encoded("ann:se:cret")}}, "r.example.org", Login("ann", "se:cret")),
        ({"https://r.example.org": {"auth": encoded("ann:x")}}, "r.example.org", Login("ann", "x")),
        ({"https://index.docker.io/v1/": {"auth": encoded("ann:x")}}, "docker.io", Login("ann", "x")),
        ({"r.example.org": {"username": "ann", "password": "x"}}, "r.example.org", Login("ann", "x")),
        (
            {"r.example.org": {"auth": encoded("00000000-0000:"), "identitytoken": "t"}},
            "r.example.org",
            Login("00000000-0000", "", "t"),
        ),
        ({"r.example.org": {}}, "r.example.org", None),
        ({"other.example.org": {"auth": encoded("ann:x")}}, "r.example.org", None),
    ],
)
def test_logins_of_dockers_configuration(docker: Path, auths: Any, host: str, wanted: Login | None) -> None:
    docker.write_text(json.dumps({"auths": auths}))
    assert login_for(host) == wanted


def test_without_a_configuration_nobody_is_logged_in(docker: Path) -> None:
    assert login_for("r.example.org") is None


@pytest.mark.parametrize("text", ["{", '{"auths": {"r.example.org": {"auth": "%"}}}'])
def test_a_damaged_configuration_is_named(docker: Path, text: str) -> None:
    docker.write_text(text)
    with pytest.raises(UserError) as caught:
        login_for("r.example.org")
    assert caught.value.file == docker


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_credential_helper_is_asked(docker: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    helper = docker.with_name("docker-credential-vault")
    helper.write_text(
        '#!/bin/sh\nread key\n[ "$key" = r.example.org ] || { echo "credentials not found"; exit 1; }\n'
        'echo \'{"ServerURL": "r.example.org", "Username": "<token>", "Secret": "t"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}{os.pathsep}{os.environ['PATH']}")
    docker.write_text(json.dumps({key: "vault" if key == "credsStore" else {"r.example.org": "vault"}}))
    assert login_for("r.example.org") == Login(identity_token="t")
    assert login_for("other.example.org") is None


def test_a_helper_that_is_not_there_is_named(docker: Path) -> None:
    docker.write_text(json.dumps({"credsStore": "nowhere"}))
    with pytest.raises(UserError, match="docker-credential-nowhere, which Docker's configuration names, fails"):
        login_for("r.example.org")


def test_no_secret_shows_in_a_login() -> None:
    assert "canary" not in repr(Login("ann", "canary", "canary"))


# Layers


def installed(folder: Path, *, python: str, names: list[str]) -> Path:
    """What uv leaves in a prefix, as far as a layer cares; `names` in the order of their making."""
    lib = folder / "lib/python3.11/site-packages"
    (lib / "thing-1.0.dist-info").mkdir(parents=True)
    (folder / "bin").mkdir()
    for name in names:
        (lib / name).write_text(f"NAME = {name!r}\n")
    record = ["thing-1.0.dist-info/RECORD,,", *(f"{name},sha256=x,9" for name in names)]
    record.append(f"../../../bin/thing,sha256={len(python)},{len(python)}")
    (lib / "thing-1.0.dist-info/RECORD").write_text("\n".join(record) + "\n")
    long = f"#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\nimport thing\n"
    for name, text in (("thing", f"#!{python}\nimport thing\n"), ("long", long), ("plain", "#!/bin/sh\necho python\n")):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "bin" / "same").symlink_to("thing")
    return folder


def contents(store: Store, digest: str) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(store.path(digest)) as tar:
        return {m.name: (m, file.read() if m.isreg() and (file := tar.extractfile(m)) else b"") for m in tar}


def test_a_layer_is_the_same_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one = installed(tmp_path / "one", python="/home/ann/.venv/bin/python", names=["b.py", "a.py", "c" * 120])
    two = installed(tmp_path / "two/far/away", python="/srv/ci/python3.11", names=["c" * 120, "a.py", "b.py"])
    os.utime(two / "bin/thing", (1, 1))
    (two / "lib/python3.11/site-packages/a.py").chmod(0o600)
    first, second = (pack(ingredients(), folder, store) for folder in (one, two))
    assert first == second
    assert store.path(first[0]).stat().st_size == first[2]
    for text in (b"/home/ann", str(tmp_path).encode()):
        assert all(text not in content for _, content in contents(store, first[0]).values())


def test_a_layer_is_an_environment_on_the_bases_python(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folder = installed(tmp_path / "one", python="/home/ann/python", names=["a.py"])
    files = contents(store, pack(ingredients(), folder, store)[0])
    assert files["opt/mesh/bin/python"][0].linkname == "/usr/bin/python3.11"
    assert b"home = /usr/bin\n" in files["opt/mesh/pyvenv.cfg"][1]
    for script in ("thing", "long"):
        assert files[f"opt/mesh/bin/{script}"][1] == b"#!/opt/mesh/bin/python\nimport thing\n"
    assert files["opt/mesh/bin/plain"][1] == b"#!/bin/sh\necho python\n"
    assert files["opt/mesh/bin/same"][0].linkname == "thing"
    assert files["etc/passwd"][1].splitlines() == [
        b"root:x:0:0:root:/root:/bin/sh",
        b"mesh:x:10001:10001:Meshwright:/data:/usr/sbin/nologin",
    ]
    for name, (member, _) in files.items():
        assert (member.uid, member.gid, member.mtime) == ((10001, 10001, 0) if name == "data" else (0, 0, 0)), name
        assert member.issym() or not member.mode & (stat.S_IWGRP | stat.S_IWOTH)
    assert files["opt/mesh/bin/thing"][0].mode == 0o755
    assert files["opt/mesh/lib/python3.11/site-packages/a.py"][0].mode == 0o644


def test_bytecode_is_the_same_in_each_run_and_is_used(tmp_path: Path) -> None:
    text = "SET = {'b', 'a', 'c'}\ndef f(x):\n    return x in {'one', 'two', 'three', (1, 2)} or 'shared'\n"
    made = []
    for seed in ("1", "2"):
        folder = tmp_path / seed / "lib"
        (folder / "package").mkdir(parents=True)
        (folder / "package/__init__.py").write_text(text)
        (folder / "package/template.py").write_text("class {{ name }}:\n")
        if seed == "2":  # another file before it must not matter
            (folder / "a.py").write_text("shared = 'shared'\n")
        command = [sys.executable, "-I", bytecode.__file__, str(folder), "/opt/mesh/lib"]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        (compiled,) = (folder / "package").glob("__pycache__/*.pyc")
        made.append(compiled.read_bytes())
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]
    # Unchecked: the source may say what it likes.
    (folder / "package/__init__.py").write_text("raise ImportError")
    code = "import package; print(package.f('two'), package.f.__code__.co_filename)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "True"


def test_a_layers_recipe_names_all_that_it_is_made_from() -> None:
    others = [
        ingredients(),
        ingredients(software=ONE.also("x", ("six==1.17.0",))),
        ingredients(python="/usr/local/bin/python3.11"),
        ingredients(glibc="2.28"),
        ingredients(passwd=b""),
        ingredients(group=b""),
    ]
    assert len({recipe(each) for each in others}) == len(others)
    # Its name is none of it: two products with the same packages share a layer.
    assert recipe(ingredients(software=Software(name="x", packages=ONE.packages))) == recipe(ingredients())


@pytest.mark.parametrize(
    ("glibc", "platform"), [("2.36", "2_36"), ("2.30", "2_28"), ("2.41", "2_40"), ("2.17", "2_17")]
)
def test_packages_are_those_that_the_bases_glibc_runs(glibc: str, platform: str) -> None:
    assert ingredients(glibc=glibc).platform == f"x86_64-manylinux_{platform}"


def test_a_base_that_is_too_old_is_refused() -> None:
    with pytest.raises(UserError, match=r"the base image has glibc 2\.12"):
        _ = ingredients(glibc="2.12").platform


def test_what_was_compiled_on_this_machine_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "lib/python3.11/site-packages/thing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    _refuse_local_builds(ONE, tmp_path, "x86_64-manylinux_2_36")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")
    with pytest.raises(UserError, match=r"`thing==1\.0` has no wheel for x86_64-manylinux_2_36"):
        _refuse_local_builds(ONE, tmp_path, "x86_64-manylinux_2_36")


def test_packages_that_nobody_pinned_are_told(tmp_path: Path) -> None:
    for name in ("dlt-1.31.0", "py_arrow-26.0.1", "six-1.17.0"):
        (tmp_path / f"lib/python3.11/site-packages/{name}.dist-info").mkdir(parents=True)
    software = Software(name="x", packages=("DLT[postgres]==1.31.0 ; python_version > '3'", "py.arrow==26.0.1"))
    assert unpinned(software, tmp_path) == ("six==1.17.0",)


# The cache


def test_a_blob_that_came_wrong_or_half_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="not as"):
        store.take([b"other"], DIGEST)
    with pytest.raises(KeyError), store.writing() as (file, _):
        file.write(b"half")
        raise KeyError
    assert not list((tmp_path / "work").iterdir())
    digest = store.add(b"whole")
    assert store.has(digest, 5)
    assert not store.has(digest, 6)


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_note("x", {"digest": DIGEST})
    assert store.note("x") == {"digest": DIGEST}
    (tmp_path / "notes/x.json").write_text("{")
    assert store.note("x") is None
