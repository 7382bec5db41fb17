"""Rules on where software comes from: registries, tags, charts, and versions that nobody mends any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from policies.levels import Allowed, Allowing, allowed
from policies.pods import DEPLOYMENT, MAIN, MISSES, PODS, RUN, a_container, a_pod, a_run, a_task, an_app, containers
from policies.rule import Resource, Rule, example
from policies.shapes import at, by_type, must
from policies.unknown import UndeterminedError

_PULLED = "docker:index/remoteImage:RemoteImage"
_FUNCTION = "aws:lambda/function:Function"
_REPOSITORY = "aws:ecr/repository:Repository"
_CHARTS = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart")
_MOVING = re.compile(r"latest|stable|main|master|edge|nightly|rolling|dev|prod|current|lts")
_ID = re.compile(r"sha256:[0-9a-f]{64}")
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][\w.+\-]+)?")
_BY_ID = f"sha256:{'0' * 64}"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ELSEWHERE = (*MISSES, "an image given by id or reference: docker's RemoteImage is looked at in its place")


def _images(resource: Resource) -> Iterator[tuple[str, str]]:
    """(where it stands, image) of what a resource runs, without ids and references to another resource."""
    found: list[tuple[str, Any]] = []
    undetermined: UndeterminedError | None = None
    if resource.type in (_PULLED, _FUNCTION):
        key = "name" if resource.type == _PULLED else "imageUri"
        found = [(f"`{key}`", resource.props.get(key))]
    else:
        try:
            for container in containers(resource):
                try:
                    found.append((f"container `{container.name}`", container.props.get("image")))
                except UndeterminedError as error:
                    undetermined = error
        except UndeterminedError as error:
            undetermined = error
    for place, image in found:
        if isinstance(image, str) and image and "${" not in image and not _ID.fullmatch(image):
            yield place, image
    if undetermined is not None:
        raise undetermined


def _full(image: str) -> str:
    """`docker.io/library/nginx` of `nginx:1.29`."""
    name = image.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return f"docker.io/{rest}" if first == "index.docker.io" else name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def _matches(name: str, pattern: str) -> bool:
    """Whether a name lies below a pattern, compared part by part: `*` never crosses a slash."""
    parts, wanted = name.split("/"), pattern.rstrip("/").split("/")
    return len(parts) >= len(wanted) and all(map(fnmatchcase, parts, wanted))


def _foreign(resource: Resource) -> str | None:
    registries = allowed(resource).registries
    if registries is None:
        return None
    for place, image in _images(resource):
        if not any(_matches(_full(image), pattern) for pattern in registries):
            return f"{place} comes from `{_full(image).split('/')[0]}`"
    return None


def _moving(resource: Resource) -> str | None:
    for place, image in _images(resource):
        if "@sha256:" in image:
            continue
        last = image.rpartition("/")[2]
        tag = last.partition(":")[2]
        if not tag or _MOVING.fullmatch(tag.lower()) or not re.search(r"\d", tag):
            return f"{place} has {'no tag' if not tag else 'a tag that moves'}"
    return None


def _floating_chart(resource: Resource) -> str | None:
    chart = str(resource.props.get("chart") or "")
    if chart.startswith((".", "/")):
        return None
    exact = _EXACT.fullmatch(str(resource.props.get("version") or ""))
    return None if exact else "`version` is not exact"


def _changeable(resource: Resource) -> str | None:
    said = must("imageTagMutability", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")(resource)
    return said or must("imageScanningConfiguration.scanOnPush", True)(resource)


_DEAD: dict[str, tuple[str, str | dict[str, str]]] = {
    "aws:rds/instance:Instance": ("engineVersion", {"postgres": "13", "mysql": "8.0", "mariadb": "10.6"}),
    "aws:rds/cluster:Cluster": ("engineVersion", {"aurora-postgresql": "13", "aurora-mysql": "5.7"}),
    "azure-native:dbforpostgresql:Server": ("version", "13"),
    "aws:eks/cluster:Cluster": ("version", "1.32"),
    "azure-native:containerservice:ManagedCluster": ("kubernetesVersion", "1.32"),
    "mesh:index:PostgresServer": ("version", "14"),
    "mesh:data:Database": ("args.version", "14"),
    "mesh:index:Environment": ("python", "3.10"),
}
"""The newest version that its makers no longer mend, on 2026-11-25: postgresql.org/support/versioning, endoflife.date
(MySQL, MariaDB, Python), AWS and Azure release calendars for what they manage."""
_RUNTIMES = re.compile(
    r"python(?:2\.7|3\.[6-9]|3\.10)|nodejs(?:(?:4|6|8|10|12|14|16|18|20)\.(?:x|3|10))?|ruby(?:2\.\d|3\.2)|java8|"
    r"go1\.x|dotnetcore.*|dotnet[5-8]|provided(?:\.al2)?"
)
"""Lambda runtimes past their deprecation date on the same day (AWS: "Lambda runtimes")."""


def _ordered(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def _dead(resource: Resource) -> str | None:
    if resource.type == _FUNCTION:
        runtime = resource.props.get("runtime")
        return "`runtime` is no longer mended" if runtime and _RUNTIMES.fullmatch(str(runtime)) else None
    path, newest = _DEAD[resource.type]
    if isinstance(newest, dict):
        newest = newest.get(str(resource.props.get("engine")), "")
    number = _NUMBER.match(str(at(resource.props, path) or ""))
    if number is None or not newest:
        return None
    last = _ordered(newest)
    return f"`{path}` is no longer mended" if _ordered(number[0])[: len(last)] <= last else None


def _listed(props: dict[str, Any], *registries: str, kind: str = _PULLED) -> Resource:
    return Allowing(type=kind, props=props, allowed=Allowed(registries=registries or None), environment="dev")


FOREIGN_REGISTRY = Rule(
    id="CTR-11",
    name="foreign-registry",
    severity="high",
    what="An image comes from a registry that this environment does not allow",
    why="Whoever can push to the registry runs programs beside our data.",
    fix="Copy the image into the stack's registry, or add its registry to `allowed` in policies/levels.yaml.",
    refs=("Gatekeeper:k8sallowedrepos", "CIS-K8S 5.5.1"),
    reads=(*PODS, _PULLED, _FUNCTION),
    violated=_foreign,
    passes=(
        _listed({"name": "evil.example.com/x:1"}),
        _listed({"name": "registry.example.org/mesh/x:1"}, "registry.example.org"),
        _listed({"name": "nginx@sha256:0"}, "docker.io/library"),
        _listed({"name": "1.dkr.ecr.eu-west-1.amazonaws.com/a/b"}, "*.dkr.ecr.eu-west-1.amazonaws.com"),
        _listed(dict(a_container(image=_BY_ID).props), "registry.example.org", kind=a_container().type),
        _listed(dict(a_pod().props), "registry.example.org", kind=DEPLOYMENT),
        _listed({"executor": "process"}, "registry.example.org", kind=RUN),
    ),
    fails=(
        _listed({"name": "evil.example.com/x:1"}, "registry.example.org"),
        _listed({"name": "registry.example.org.evil.com/x:1"}, "registry.example.org"),
        _listed({"name": "evil.com/registry.example.org/x"}, "*.example.org", "registry.example.org"),
        _listed({"name": "nginx:1.29"}, "docker.io/acme"),
        _listed({"name": "docker.io/acme-evil/nginx:1.29"}, "docker.io/acme"),
        _listed(dict(a_pod().props), "ghcr.io", kind=DEPLOYMENT),
        _listed({"executor": "docker", "image": "nginx:1.29"}, "ghcr.io", kind=RUN),
    ),
    misses=(*_ELSEWHERE, "images that a node has already"),
)

MOVING_IMAGE = Rule(
    id="CTR-12",
    name="moving-image-tag",
    severity="high",
    what="An image is named so that it may be another one tomorrow",
    fix="Name a digest (`@sha256:...`) or a tag with a version.",
    refs=("CKV_K8S_14", "CKV_K8S_43", "CWE-1357"),
    reads=(*PODS, _PULLED, _FUNCTION),
    violated=_moving,
    passes=(
        a_pod(),
        a_run(),
        a_task({"image": "registry.example.org:5000/app@sha256:0123"}),
        a_task({"image": "${docker:index/image:Image::app#repoDigest}"}),
        an_app(),
        a_container(image=_BY_ID),
        example(_PULLED, {"name": "registry.example.org/postgres:2d74e45618bab8f7"}),
        example(RUN, {"executor": "process"}),
        example(_FUNCTION, {"runtime": "python3.13"}),
    ),
    fails=(
        a_pod(containers=[{**MAIN, "image": "registry.example.org:5000/app"}]),
        a_pod(initContainers=[{"name": "init", "image": "busybox:stable"}]),
        a_run(containers=[{**MAIN, "image": "app:latest"}]),
        a_task({"image": "app:main"}),
        an_app({"image": "app"}),
        a_container(image="nginx"),
        a_container(image="sha256:latest"),
        example(_PULLED, {"name": "postgres:alpine"}),
        example(RUN, {"executor": "docker", "image": "postgres:latest"}),
        example(_FUNCTION, {"imageUri": "1.dkr.ecr.eu-west-1.amazonaws.com/x:latest"}),
    ),
    misses=(*_ELSEWHERE, "a tag with a number that somebody pushes anew: only a digest can't move"),
)

FLOATING_CHART = Rule(
    id="CTR-14",
    name="floating-chart-version",
    severity="high",
    what="A Helm chart is installed in whichever version is the newest",
    fix="Give an exact `version` (1.2.3).",
    refs=("CWE-1357",),
    reads=_CHARTS,
    violated=_floating_chart,
    passes=(
        example(_CHARTS[0], {"chart": "superset", "version": "0.15.1"}),
        example(_CHARTS[2], {"chart": "oci://registry.example.org/x", "version": "v1.2.3-rc.1"}),
        example(_CHARTS[0], {"chart": "./charts/x"}),
    ),
    fails=(
        example(_CHARTS[0], {"chart": "superset"}),
        example(_CHARTS[1], {"chart": "superset", "version": "^0.15.0"}),
        example(_CHARTS[2], {"chart": "superset", "version": "1.x"}),
    ),
    misses=("the images inside the chart", "a chart's repository whose files change"),
)

CHANGEABLE_REGISTRY = Rule(
    id="CTR-15",
    name="changeable-unscanned-registry",
    severity="medium",
    what="A registry lets a tag move, or looks at no image for known faults",
    fix='Set `imageTagMutability: "IMMUTABLE"` and `imageScanningConfiguration: {scanOnPush: true}`.',
    refs=("CKV_AWS_51", "CKV_AWS_163", "FSBP:ECR.1", "FSBP:ECR.2"),
    reads=(_REPOSITORY,),
    violated=by_type({_REPOSITORY: _changeable}),
    passes=(
        example(_REPOSITORY, {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True}}),
    ),
    fails=(
        example(_REPOSITORY, {}),
        example(_REPOSITORY, {"imageTagMutability": "MUTABLE", "imageScanningConfiguration": {"scanOnPush": True}}),
        example(_REPOSITORY, {"imageTagMutability": "IMMUTABLE"}),
    ),
    misses=("scanning that is set for a whole registry", "Azure registries, where Defender scans for a subscription"),
)

DEAD_VERSION = Rule(
    id="CTR-16",
    name="end-of-life-version",
    severity="medium",
    what="A version runs whose makers mend no more faults in it",
    fix="Name a version that is still supported.",
    refs=("CKV_AWS_363", "CKV_AWS_339", "FSBP:Lambda.2", "CWE-1104"),
    reads=(*_DEAD, _FUNCTION),
    violated=_dead,
    passes=(
        example("aws:rds/instance:Instance", {"engine": "postgres", "engineVersion": "17.5"}),
        example("aws:rds/instance:Instance", {"engine": "mysql", "engineVersion": "8.4.6"}),
        example("aws:rds/instance:Instance", {"engine": "sqlserver-se", "engineVersion": "15.00"}),
        example("azure-native:dbforpostgresql:Server", {"version": "17"}),
        example("aws:eks/cluster:Cluster", {"version": "1.34"}),
        example("mesh:index:PostgresServer", {"version": "17"}),
        example("mesh:data:Database", {"args": {"version": "17"}}),
        example("mesh:index:Environment", {"python": "3.11"}),
        example("mesh:index:Environment", {}),
        example(_FUNCTION, {"runtime": "python3.13"}),
    ),
    fails=(
        example("aws:rds/instance:Instance", {"engine": "postgres", "engineVersion": "13.4"}),
        example("aws:rds/instance:Instance", {"engine": "mysql", "engineVersion": "8.0.36"}),
        example("azure-native:dbforpostgresql:Server", {"version": "12"}),
        example("aws:eks/cluster:Cluster", {"version": "1.28"}),
        example("mesh:index:PostgresServer", {"version": "11"}),
        example("mesh:data:Database", {"args": {"version": "9.6"}}),
        example("mesh:index:Environment", {"python": "3.8"}),
        example(_FUNCTION, {"runtime": "nodejs16.x"}),
    ),
    misses=("versions inside images", "a version left to the cloud", "what ended after this rule was written"),
)
