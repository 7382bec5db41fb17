"""Rules on data that must not be lost."""

from __future__ import annotations

from policies.rule import Resource, Rule, example


def _unprotected(resource: Resource) -> bool:
    return resource.environment == "prod" and not resource.options.protect


UNPROTECTED_STORE = Rule(
    id="BAK-04",
    name="unprotected-store",
    severity="high",
    what="A database or bucket in prod can be deleted by one wrong line",
    fix="Protect it (`protect=True`); the Database and Bucket components do so in prod.",
    refs=("CKV_AWS_293",),
    reads=("mesh:index:PostgresServer", "mesh:index:ObjectStore"),
    violated=_unprotected,
    passes=(
        example("mesh:index:PostgresServer", {}, environment="prod", protect=True),
        example("mesh:index:ObjectStore", {}, environment="dev"),
    ),
    fails=(
        example("mesh:index:PostgresServer", {}, environment="prod"),
        example("mesh:index:ObjectStore", {}, environment="prod"),
    ),
    misses=("deletion past Pulumi", "the stores of clouds, until rules of their own read them"),
)
