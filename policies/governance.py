"""Rules on who answers for a resource, what it is called and what it may be."""

from __future__ import annotations

from components.tags import CLASSIFICATIONS, TAGS
from policies.rule import Resource, Rule, example

_CARRIERS = ("mesh:index:Process", "mesh:index:PostgresServer", "mesh:index:ObjectStore", "mesh:index:JobRun")
_NOBODY = ("", "-", "?", "none", "null", "unknown", "todo", "tbd", "changeme", "owner", "nobody")

TAGGED = {
    "owner": "flights-team@example.org",
    "domain": "flights",
    "product": "departures",
    "cost-centre": "4711",
    "classification": "internal",
    "environment": "dev",
}
PRODUCT = {
    "name": "departures",
    "owner": "flights-team@example.org",
    "costCentre": "4711",
    "classification": "internal",
    "tags": TAGGED,
}


def _untagged(resource: Resource) -> str | None:
    if "tags" not in resource.props and resource.type not in (*_CARRIERS, "mesh:data:Product"):
        return None  # the other kinds need not carry any
    missing = [tag for tag in TAGS if not str(resource.tags.get(tag) or "").strip()]
    return f"missing: {', '.join(missing)}" if missing else None


def _illegal(resource: Resource) -> str | None:
    tags = resource.tags
    if tags.get("classification", CLASSIFICATIONS[0]) not in CLASSIFICATIONS:
        return f"`classification` is none of {', '.join(CLASSIFICATIONS)}"
    if tags and resource.environment and tags.get("environment", resource.environment) != resource.environment:
        return f"`environment` is not the stack's, `{resource.environment}`"
    if str(tags.get("owner", "x")).strip().lower() in _NOBODY:
        return "`owner` names nobody"
    return None


def _unowned(resource: Resource) -> str | None:
    for key in ("owner", "costCentre"):
        if str(resource.props.get(key) or "").strip().lower() in _NOBODY:
            return f"`{key}` names nobody"
    return None


def _uncontracted(resource: Resource) -> str | None:
    if resource.environment != "prod":
        return None
    for name, port in (resource.props.get("ports") or {}).items():
        if not port.get("contract"):
            return f"port `{name}`"
    return None


MISSING_TAGS = Rule(
    id="GOV-01",
    name="missing-tags",
    severity="high",
    what="A resource does not say who owns it, what it is part of or who pays",
    fix=f"Give all of {', '.join(TAGS)}; components hand them down by themselves.",
    reads=("mesh:*",),
    violated=_untagged,
    passes=(
        example("mesh:index:Process", {"tags": TAGGED}),
        example("mesh:data:Product", {"tags": TAGGED}),
        example("mesh:data:Database", {}),
    ),
    fails=(
        example("mesh:index:Process", {}),
        example("mesh:data:Product", {}),
        example("mesh:index:JobRun", {"tags": {**TAGGED, "owner": " "}}),
        example("mesh:data:Database", {"tags": {"owner": "x"}}),
        example("mesh:index:SecretValue", {"tags": {"owner": "x"}}),
    ),
    misses=("a kind that may go without tags and does: Environment, SecretValue, Placement",),
)

ILLEGAL_TAG = Rule(
    id="GOV-02",
    name="illegal-tag-value",
    severity="high",
    what="A tag's value means nothing",
    why="Other rules depend on these values: a wrong environment would lift them.",
    fix=f"Name a real owner, one of {', '.join(CLASSIFICATIONS)}, and the stack's own environment.",
    reads=("mesh:*",),
    violated=_illegal,
    passes=(example("mesh:index:Process", {"tags": TAGGED}), example("mesh:index:Environment", {})),
    fails=(
        example("mesh:index:Process", {"tags": {**TAGGED, "classification": "secretish"}}),
        example("mesh:index:Process", {"tags": TAGGED}, environment="prod"),
        example("mesh:data:Product", {"tags": {**TAGGED, "owner": "TODO"}}),
    ),
    misses=("whether the owner exists",),
)

UNOWNED_PRODUCT = Rule(
    id="GOV-09",
    name="unowned-product",
    severity="high",
    what="Nobody answers or pays for a data product",
    fix="Name `owner` and `costCentre` in the manifest or its domain.",
    reads=("mesh:data:Product",),
    violated=_unowned,
    passes=(example("mesh:data:Product", PRODUCT),),
    fails=(
        example("mesh:data:Product", {**PRODUCT, "owner": "tbd"}),
        example("mesh:data:Product", {**PRODUCT, "costCentre": ""}),
    ),
)

UNCONTRACTED_PORT = Rule(
    id="GOV-10",
    name="port-without-contract",
    severity="medium",
    what="A port is offered in prod without a contract",
    fix="Give the port a `contract` in the manifest.",
    reads=("mesh:data:Product",),
    violated=_uncontracted,
    passes=(
        example(
            "mesh:data:Product", {**PRODUCT, "ports": {"hourly": {"contract": "hourly.odcs.yaml"}}}, environment="prod"
        ),
        example("mesh:data:Product", {**PRODUCT, "ports": {"hourly": {}}}),
        example("mesh:data:Product", PRODUCT, environment="prod"),
    ),
    fails=(example("mesh:data:Product", {**PRODUCT, "ports": {"hourly": {}}}, environment="prod"),),
    misses=("products whose inputs list no `ports`",),
)
