"""Rules on what a program consists of and how much of a machine it may take."""

from __future__ import annotations

import re

from policies.rule import Resource, Rule, example

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?(?:\[[\w,.\- ]*\])?"
_PIN = re.compile(rf"{_NAME}\s*===?\s*[0-9][A-Za-z0-9.!+_\-]*\s*(?:;[^;]*?)?(?:\\?\s+--hash[= ]\S+)*\s*\\?")
_DIRECT = re.compile(rf"{_NAME}\s*@\s*\S+#sha256=[0-9a-f]{{64}}\s*(?:;.*)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
LIMITED = ("mesh:index:Process", "mesh:index:PostgresServer", "mesh:index:ObjectStore", "mesh:index:JobRun")
HASH = "0123456789abcdef" * 4


def _unlimited(resource: Resource) -> str | None:
    for key in ("cpu", "memoryMiB"):
        value = resource.props.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            return f"`{key}` is missing or not above zero"
    return None


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
    reads=LIMITED,
    violated=_unlimited,
    passes=(example("mesh:index:Process", {"cpu": 0.5, "memoryMiB": 1024.0}),),
    fails=(
        example("mesh:index:Process", {"cpu": 1.0}),
        example("mesh:index:JobRun", {"memoryMiB": 1024.0}),
        example("mesh:index:PostgresServer", {"cpu": 0.0, "memoryMiB": 1024.0}),
    ),
    misses=("whether the limit is kept: on the local target it is a statement, not a cgroup",),
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
