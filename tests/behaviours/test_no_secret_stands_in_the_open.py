"""No secret is in a container's variables or arguments: it comes by reference, or as a file laid beside it."""

from __future__ import annotations

import re

from stacks.recording import SECRET
from tests.behaviours.containers import containers
from tests.behaviours.graphs import example

VALUE = re.compile(r"\$\{mesh:index:SecretValue::[^}]*#value\}|\$\{aws:iam/accessKey:AccessKey::[^}]*#secret\}")
"""The outputs that are secrets."""


def test_it(target: str) -> None:
    found = containers(example(target).made)
    assert len(found) > 15
    for container in found:
        for text in map(str, [*container.argv, *container.variables.values()]):
            assert SECRET not in text, container.owner
            assert not VALUE.search(text), container.owner
