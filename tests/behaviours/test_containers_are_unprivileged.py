"""Every container runs as nobody in particular, and writes to its volumes alone."""

from __future__ import annotations

from tests.behaviours.containers import containers
from tests.behaviours.graphs import example


def test_it(target: str) -> None:
    # Docker's scheduler is no container: it runs where `pulumi up` did.
    found = containers(each for each in example(target).made if each.type != "mesh:index:Process")
    assert found
    privileged = {f"{each.owner} {each.name}" for each in found if (each.user or "0").split(":")[0] in ("0", "root")}
    assert not privileged
    assert not [f"{each.owner} {each.name}" for each in found if not each.read_only]
