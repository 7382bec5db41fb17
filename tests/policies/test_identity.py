"""Policies are read in each of the ways in which they may be written; a wildcard means all that it fits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.rule import UNKNOWN, all_rules, example

POLICY, ROLE = "aws:iam/rolePolicy:RolePolicy", "aws:iam/role:Role"
ISSUER = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
SUBJECT = "token.actions.githubusercontent.com:sub"


def outcome(rule_id: str, kind: str, props: dict[str, Any]) -> str:
    (rule,) = [rule for rule in all_rules() if rule.id == rule_id]
    finding = rule.judge(example(kind, props))
    return finding.outcome if finding else ""


def document(action: Any, where: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": where}]}


@pytest.mark.parametrize("action", ["*", "*:*", "?*", "**", ["s3:GetObject", "*"]])
def test_everything_however_it_is_written(action: Any) -> None:
    for written in (document(action, "*"), json.dumps(document(action, ["*"]))):
        assert outcome("IAM-01", POLICY, {"policy": written}) == "fail"
    one = {"Statement": document(action, "*")["Statement"][0]}
    assert outcome("IAM-01", POLICY, {"policy": one}) == "fail"
    assert outcome("IAM-01", ROLE, {"inlinePolicies": [{"policy": json.dumps(one)}]}) == "fail"


@pytest.mark.parametrize(
    ("action", "where", "fails"),
    [
        ("s3:PutObject", "*", True),
        ("s3:PutObject", "arn:aws:s3:::*", True),
        ("s3:PutObject", ["arn:aws:s3:::*/*"], True),
        ("s3:PutObject", "arn:aws:s3:::orders/*", False),
        ("S3:GetObject", "*", False),
        ("s3:*", "*", True),
        ("ec2:Describe*", "*", False),
    ],
)
def test_writes_on_every_resource(action: str, where: Any, fails: bool) -> None:
    assert (outcome("IAM-02", POLICY, {"policy": document(action, where)}) == "fail") is fails


@pytest.mark.parametrize(
    ("action", "where", "fails"),
    [
        ("iam:PassRole", "arn:aws:iam::123456789012:role/load", False),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/*", True),
        ("iam:P*Role", "*", True),
        ("iam:Attach*", "arn:aws:iam::123456789012:role/load", True),
        ("iam:Get*", "*", False),
        ("sts:Assume*", "*", True),
    ],
)
def test_ways_to_more_rights(action: str, where: Any, fails: bool) -> None:
    assert (outcome("IAM-05", POLICY, {"policy": document(action, where)}) == "fail") is fails


def test_a_resource_that_is_not_known_matters_only_to_what_writes() -> None:
    assert outcome("IAM-02", POLICY, {"policy": document("s3:GetObject", [UNKNOWN])}) == ""
    assert outcome("IAM-02", POLICY, {"policy": document("s3:PutObject", [UNKNOWN])}) == "unknown"
    assert outcome("IAM-02", POLICY, {"policy": document("s3:PutObject", [UNKNOWN, "*"])}) == "fail"
    assert outcome("IAM-02", POLICY, {"policy": UNKNOWN}) == "unknown"


@pytest.mark.parametrize(
    ("operator", "subject", "fails"),
    [
        ("StringLike", "repo:acme/mesh:*", False),
        ("StringEquals", "system:serviceaccount:sales:load", False),
        ("StringLike", "system:serviceaccount:sales:*", False),
        ("StringLike", "system:serviceaccount:*", True),
        ("StringLike", "repo:*/mesh:ref:refs/heads/main", True),
        ("StringLike", ["repo:acme/mesh:*", "*"], True),
        ("StringLikeIfExists", "repo:acme/mesh:*", True),
        ("StringNotLike", "repo:evil/*", True),
    ],
)
def test_a_tokens_subject_is_pinned(operator: str, subject: Any, fails: bool) -> None:
    statement = {"Effect": "Allow", "Principal": ISSUER, "Condition": {operator: {SUBJECT: subject}}}
    statement["Action"] = "sts:AssumeRoleWithWebIdentity"
    assert (outcome("IAM-04", ROLE, {"assumeRolePolicy": json.dumps({"Statement": statement})}) == "fail") is fails
