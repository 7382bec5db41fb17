"""Stores for the catalogue's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogue.register import register
from catalogue.store import Store
from tests.catalogue.example_mesh import mesh, up


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "catalogue.db") as opened:
        yield opened


@pytest.fixture
def filled(store: Store) -> Store:
    for stack, records in mesh().items():
        assert not register(store, stack, up(*records)).refused
    return store
