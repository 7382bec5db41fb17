"""A service or a job is given the secrets that it names, and none beside them."""

from __future__ import annotations

from tests.behaviours.containers import containers
from tests.behaviours.graphs import Example, example


def test_it(target: str) -> None:
    found = example(target)
    wanted = {name: set(each.inputs["args"]["secrets"]) for name, each in found.components("Service", "Job").items()}
    assert {name: given(found, name) for name in wanted} == wanted


def given(found: Example, name: str) -> set[str]:
    """The secrets that its own container has, those that lie beside it, and those that mask its lines."""
    secrets: set[str] = set()
    for each in found.below(name):
        if each.name in (name, f"{name}--contents"):
            uploads = each.inputs.get("uploads", [])
            files = [upload["file"] for upload in uploads if upload["file"].startswith("/run/secrets/")]
            secrets |= {file.rpartition("/")[2] for file in files}
            secrets |= {key for container in containers([each]) for key in container.secrets}
            secrets |= set(
                each.inputs["secrets"] if each.type == "mesh:index:JobRun" and "secrets" in each.inputs else ()
            )
    return secrets
