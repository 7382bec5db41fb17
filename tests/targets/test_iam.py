"""The judge of policies: what it must get right for the tests that ask it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.targets.iam import Request, allowed, denied_explicitly

BUCKET = "arn:aws:s3:::sales"


def policy(**parts: Any) -> list[dict[str, Any]]:
    return [{"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": f"{BUCKET}/in/*"} | parts]}]


@pytest.mark.parametrize(
    ("parts", "request_", "answer"),
    [
        ({}, Request("s3:GetObject", f"{BUCKET}/in/a"), True),
        ({}, Request("S3:getobject", f"{BUCKET}/in/a"), True),
        ({}, Request("s3:GetObject", f"{BUCKET}/IN/a"), False),
        ({}, Request("s3:GetObject", f"{BUCKET}/out/a"), False),
        ({}, Request("s3:PutObject", f"{BUCKET}/in/a"), False),
        ({"Resource": "${a:b/c:D::e[0]#arn}?"}, Request("s3:GetObject", "${a:b/c:D::e[0]#arn}x"), True),
        ({"Condition": {"StringLike": {"s3:prefix": "in/*"}}}, Request("s3:GetObject", f"{BUCKET}/in/a"), False),
        (
            {"Condition": {"StringEquals": {"kms:ViaService": ["x", "y"]}}},
            Request("s3:GetObject", f"{BUCKET}/in/a", {"kms:viaservice": "y"}),
            True,
        ),
        (
            {"Condition": {"StringEquals": {"one": "1", "two": "2"}}},
            Request("s3:GetObject", f"{BUCKET}/in/a", {"one": "1"}),
            False,
        ),
        ({"Principal": {"Service": "logs"}}, Request("s3:GetObject", f"{BUCKET}/in/a", principal="ec2"), False),
    ],
)
def test_one_statement(parts: dict[str, Any], request_: Request, answer: bool) -> None:
    assert allowed(policy(**parts), request_) is answer


@pytest.mark.parametrize(
    ("now", "answer"),
    [("2027-06-30T23:59:58Z", True), ("2027-06-30T23:59:59Z", False), ("2028-01-01T00:00:00Z", False)],
)
def test_a_date_ends(now: str, answer: bool) -> None:
    until = policy(Condition={"DateLessThan": {"aws:CurrentTime": "2027-06-30T23:59:59Z"}})
    assert allowed(until, Request("s3:GetObject", f"{BUCKET}/in/a", {"aws:CurrentTime": now})) is answer


def test_a_deny_goes_before_every_allow() -> None:
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    both = policy() + policy(Effect="Deny", Action="s3:*", Condition=plain)
    request = Request("s3:GetObject", f"{BUCKET}/in/a")
    assert allowed(both, request)
    request = Request("s3:GetObject", f"{BUCKET}/in/a", {"aws:SecureTransport": "false"})
    assert not allowed(both, request)
    assert denied_explicitly(both, request)


def test_it_does_not_guess() -> None:
    with pytest.raises(NotImplementedError, match="NotAction"):
        allowed(policy(NotAction="s3:*"), Request("s3:GetObject", "x"))
    with pytest.raises(KeyError, match="NumericLessThan"):
        allowed(
            policy(Condition={"NumericLessThan": {"a": "1"}}), Request("s3:GetObject", f"{BUCKET}/in/a", {"a": "0"})
        )
