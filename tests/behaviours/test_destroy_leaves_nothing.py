"""Nothing is kept back from a destroy in dev; the tests of the engine, of docker and of kubernetes see it happen."""

from __future__ import annotations

from typing import Any

from tests.behaviours.graphs import example

IN_DEV: dict[str, dict[str, Any]] = {
    "aws:rds/instance:Instance": {"skipFinalSnapshot": True, "deletionProtection": False},
    "aws:s3/bucket:Bucket": {"forceDestroy": True},
}
"""What a cloud would keep by itself, unless it is told."""


def test_it(target: str) -> None:
    found = example(target)
    assert not [key for key, options in found.options.items() if options.retain_on_delete]
    for each in found.made:
        wanted = IN_DEV.get(each.type, {})
        assert each.inputs | wanted == each.inputs, each.name
    if any(each.type.endswith(":StatefulSet") for each in found.made):
        # Its volumes outlive it; they go with the namespace, which is the stack's own.
        assert [each for each in found.made if each.type.endswith(":Namespace")]
