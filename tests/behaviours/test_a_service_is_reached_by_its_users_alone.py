"""What talks to a service names it in `uses`; the network lets nobody else through."""

from __future__ import annotations

from tests.behaviours.graphs import example

GUARDS = ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "aws:ec2/securityGroup:SecurityGroup")


def test_it(target: str) -> None:
    found = example(target)
    guarded = {each.name for each in found.made if each.type in GUARDS}
    listening = found.components("Service", "Database")
    assert listening
    assert not listening.keys() - guarded
