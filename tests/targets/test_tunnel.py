"""By which command a private port of each target answers on a laptop, or what is missing for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.tunnel import moved, place
from components.errors import UserError
from components.targets import Target, load
from tests.conftest import LittleMesh
from tests.stacks.test_snapshots import VALUES


def target(little: LittleMesh, name: str, **more: Any) -> Target:
    little.table("sales/orders")
    return load(name)(little.domain("sales-dev").settings({"target": name, **VALUES[name], **more}))


def test_kubernetes_forwards_to_the_service(little: LittleMesh) -> None:
    words = target(little, "kubernetes", context="prod").tunnel("orders--warehouse.sales-dev.svc", 5432, 40000)
    assert words[:5] == ["kubectl", "--context", "prod", "--namespace", "sales-dev"]
    assert words[5:] == ["port-forward", "service/orders--warehouse", "40000:5432"]


def test_what_answers_outside_the_cluster_needs_none(little: LittleMesh) -> None:
    with pytest.raises(UserError, match="answers outside the cluster already"):
        target(little, "kubernetes").tunnel("orders-bi.example.org", 443, 40000)


def test_aws_goes_through_an_instance_of_the_operators(little: LittleMesh) -> None:
    words = target(little, "aws", bastion="i-0123").tunnel("db.example.rds.amazonaws.com", 5432, 40000)
    assert words[:3] == ["aws", "ssm", "start-session"]
    assert (words[words.index("--target") + 1], words[words.index("--region") + 1]) == ("i-0123", "eu-west-1")
    assert json.loads(words[-1]) == {
        "host": ["db.example.rds.amazonaws.com"],
        "portNumber": ["5432"],
        "localPortNumber": ["40000"],
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("aws", "stack sales-dev names none"),
        ("azure", "there is no tunnel into target azure yet"),
        ("local", "need no tunnel"),
    ],
)
def test_what_is_missing_is_said(little: LittleMesh, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        target(little, name).tunnel("host", 5432, 40000)


@pytest.mark.parametrize(
    ("port", "where", "there"),
    [
        ({"host": "db", "port": 5432.0, "schema": "s"}, ("db", 5432), {"host": "127.0.0.1", "port": 7, "schema": "s"}),
        ({"url": "http://bi:8088/x"}, ("bi", 8088), {"url": "http://127.0.0.1:7/x"}),
        ({"url": "https://bi.example.org"}, ("bi.example.org", 443), {"url": "https://127.0.0.1:7"}),
        (
            {"endpoint": "http://s3:8333", "bucket": "b"},
            ("s3", 8333),
            {"endpoint": "http://127.0.0.1:7", "bucket": "b"},
        ),
        ({"address": "tls://dask:8786"}, ("dask", 8786), {"address": "tls://127.0.0.1:7"}),
    ],
)
def test_a_port_at_another_place(port: dict[str, Any], where: tuple[str, int], there: dict[str, Any]) -> None:
    assert place(port) == where
    assert moved(port, "127.0.0.1", 7) == there
