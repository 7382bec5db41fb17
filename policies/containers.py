"""Rules on what a program of our own consists of and how much of a machine any program may take."""

from __future__ import annotations

import re
from collections.abc import Callable

from policies.pods import MAIN, MISSES, PODS, Container, a_container, a_pod, a_run, a_task, an_app, each_container
from policies.rule import Resource, Rule, example
from policies.shapes import at

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?(?:\[[\w,.\- ]*\])?"
_PIN = re.compile(rf"{_NAME}\s*===?\s*[0-9][A-Za-z0-9.!+_\-]*\s*(?:;[^;]*?)?(?:\\?\s+--hash[= ]\S+)*\s*\\?")
_DIRECT = re.compile(rf"{_NAME}\s*@\s*\S+#sha256=[0-9a-f]{{64}}\s*(?:;.*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
LIMITED = ("mesh:index:Process", "mesh:index:PostgresServer", "mesh:index:ObjectStore", "mesh:index:JobRun")
HASH = "0123456789abcdef" * 4


def _unlimited(resource: Resource) -> str | None:
    for key in ("cpu", "memoryMiB") if resource.type in LIMITED else ():
        value = resource.props.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            return f"`{key}` is missing or not above zero"
    return _CONTAINERS(resource)


def _boundless(*paths: str) -> Callable[[Container], str | None]:
    def check(container: Container) -> str | None:
        missing = next((path for path in paths if at(container.props, path) in (None, "", 0, "0")), None)
        return f"`{missing}` is missing" if missing else None

    return check


def _boundless_task(container: Container) -> str | None:
    """A bound of the whole task is one for its containers."""
    whole = all(container.pod.get(key) for key in ("cpu", "memory"))
    return None if whole else _boundless("cpu", "memory")(container)


_CONTAINERS = each_container(
    kubernetes=_boundless(*(f"resources.{kind}.{key}" for kind in ("requests", "limits") for key in ("cpu", "memory"))),
    ecs=_boundless_task,
    azure=_boundless("resources.cpu", "resources.memory"),
    docker=_boundless("cpus", "memory"),
)


def _unpinned(resource: Resource) -> str | None:
    for line in resource.props.get("requirements") or ():
        requirement = str(line).strip()
        if requirement.startswith("-"):
            return f"option `{requirement.split()[0].split('=')[0]}`"  # its value may be an address with a password
        if not _PIN.fullmatch(requirement) and not _DIRECT.fullmatch(requirement):
            name = re.match(r"[\w.\-]+", requirement)
            return f"`{name[0] if name else '?'}` has no exact version"
    return None


def _unhashed(resource: Resource) -> str | None:
    for number, artifact in enumerate(resource.props.get("artifacts") or (), start=1):
        if not _SHA256.fullmatch(str(artifact.get("sha256") or "")):
            return f"artifact {number}"
    return None


MISSING_LIMITS = Rule(
    id="CTR-09",
    name="missing-limits",
    severity="high",
    what="A program may take the whole machine",
    why="Without `cpu` and `memoryMiB` neither a neighbour nor a budget is safe.",
    fix="Give `cpu` and `memoryMiB` (in a manifest: `size`).",
    refs=("CKV_K8S_10", "CKV_K8S_11", "CKV_K8S_12", "CKV_K8S_13"),
    reads=(*LIMITED, *(kind for kind in PODS if kind not in LIMITED)),
    violated=_unlimited,
    passes=(
        example("mesh:index:Process", {"cpu": 0.5, "memoryMiB": 1024.0}),
        a_pod(),
        a_run(),
        a_task(),
        a_task({"cpu": 256.0, "memory": 512.0}, cpu=None, memory=None),
        an_app(),
        a_container(),
        a_container(cpus=None, start=False),
    ),
    fails=(
        example("mesh:index:Process", {"cpu": 1.0}),
        example("mesh:index:JobRun", {"memoryMiB": 1024.0}),
        example("mesh:index:PostgresServer", {"cpu": 0.0, "memoryMiB": 1024.0}),
        a_pod(containers=[{**MAIN, "resources": {"limits": {"cpu": "1"}}}]),
        a_run(containers=[{"name": "main"}]),
        a_task(memory=None),
        an_app({"resources": None}),
        a_container(memory=None),
    ),
    misses=("whether the limit is kept: on the local target it is a statement, not a cgroup", *MISSES),
)

UNPINNED_REQUIREMENT = Rule(
    id="CTR-17",
    name="unpinned-requirement",
    severity="high",
    what="Software is installed without an exact version",
    fix="Write `name==version`; `uv pip compile` makes such a list.",
    refs=("CKV_K8S_14", "CWE-1357"),
    reads=("mesh:index:Environment",),
    violated=_unpinned,
    passes=(
        example(
            "mesh:index:Environment",
            {"requirements": ["dask[complete]==2026.1.0", "numpy==2.1.0 ; python_version >= '3.11'"]},
        ),
        example("mesh:index:Environment", {"requirements": [f"six==1.16.0 --hash=sha256:{HASH}"]}),
        example("mesh:index:Environment", {"requirements": []}),
    ),
    fails=(
        example("mesh:index:Environment", {"requirements": ["six==1.16.0", "numpy"]}),
        example("mesh:index:Environment", {"requirements": ["numpy>=2"]}),
        example("mesh:index:Environment", {"requirements": ["numpy==2.*"]}),
        example("mesh:index:Environment", {"requirements": ["--extra-index-url https://u:canary-7f3a@example.org"]}),
        example("mesh:index:Environment", {"requirements": ["x @ git+https://example.org/x.git"]}),
    ),
)

UNHASHED_ARTIFACT = Rule(
    id="CTR-18",
    name="artifact-without-hash",
    severity="high",
    what="An artifact is downloaded without a SHA-256 to compare it with",
    fix="Give the artifact's `sha256` (64 hexadecimal digits).",
    refs=("CWE-494",),
    reads=("mesh:index:Environment",),
    violated=_unhashed,
    passes=(example("mesh:index:Environment", {"artifacts": [{"package": "x==1", "sha256": HASH}]}),),
    fails=(
        example("mesh:index:Environment", {"artifacts": [{"url": "https://example.org/x.tgz"}]}),
        example("mesh:index:Environment", {"artifacts": [{"url": "https://example.org/x.tgz", "sha256": "1"}]}),
    ),
)
