"""In prod what holds data is protected; nowhere is it deleted to make room for another."""

from __future__ import annotations

from tests.behaviours.graphs import example

HOLDERS = (
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "azure-native:dbforpostgresql:Server",
    "azure-native:dbforpostgresql:Database",
    "azure-native:storage:StorageAccount",
    "azure-native:storage:BlobContainer",
    "docker:index/volume:Volume",
    "kubernetes:apps/v1:StatefulSet",
    "mesh:index:PostgresServer",
    "mesh:index:ObjectStore",
)


def test_it(target: str) -> None:
    for environment in ("dev", "prod"):
        found = example(target, environment)
        holders = {
            name: [each for each in found.below(name) if each.type in HOLDERS] for name in stateful(target, environment)
        }
        assert holders and all(holders.values())
        for each in (each for some in holders.values() for each in some):
            assert each.protect is (environment == "prod"), each.name
            assert not found.options[f"{each.type}::{each.name}"].delete_before_replace, each.name


def stateful(target: str, environment: str) -> set[str]:
    """The names of what holds data."""
    return set(example(target, environment).components("Database", "Bucket"))
