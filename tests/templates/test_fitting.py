"""What may stand where: the table that templates are checked by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pytest

from components.base import Component
from components.contract import Table
from components.ingest import Source
from components.port import Port
from components.primitives import Bucket, Database, Endpoint, JobArgs, Schedule, Secret
from templates.fitting import dataclass_of, fits, hints, item_type, literal, literal_error, plain, shown, value_type

Size = Literal["small", "large"]


@dataclass(frozen=True)
class Numbers:
    """A component's arguments may be like these."""

    numbers: Mapping[str, pulumi.Input[int]]


TEXT: Any = value_type(hints(JobArgs)["environment"])
"""`pulumi.Input[str]`, as it is found among the arguments of a component."""
NUMBER: Any = value_type(hints(Numbers)["numbers"])

FITTING = [
    (str, str),
    (int, float),
    (int, int | None),
    (Any, Database),
    (Database, Any),
    (Database, Database | Bucket),
    (Database | Bucket, Component[Any, Any]),
    (Schedule | None, Schedule | None),
    (Literal["small"], Size),
    (Size, str),
    (Size, Size | None),
    (str, TEXT),
    (pulumi.Output[str], TEXT),
    (pulumi.Output[str], pulumi.Output[str] | None),
    (tuple[Source, ...], tuple[Source, ...]),
    (list[str], tuple[str, ...]),
    (tuple[int, ...], tuple[float, ...]),
    (list, tuple[str, ...]),
    (Mapping[str, Port], dict[str, Port]),
    (dict[str, Port], Mapping[str, Port]),
    (dict, Mapping[str, Port]),
]
NOT_FITTING = [
    (str, int),
    (float, int),
    (bool, int),
    (bool, float),
    (int, bool),
    (int, str),
    (str, Size),
    (Literal["huge"], Size),
    (Literal["small", "huge"], Size),
    (Size, int),
    (int | None, int),
    (Database, Bucket),
    (Database | Bucket, Database),
    (Component[Any, Any], Database),
    (Port, str),
    (Port, Database),
    (Secret, TEXT),
    (pulumi.Output[str], str),
    (pulumi.Output[str], NUMBER),
    (tuple[Source, ...], tuple[Table, ...]),
    (tuple[str, ...], str),
    (str, tuple[str, ...]),
    (tuple[str, ...], Mapping[str, str]),
    (Mapping[str, str], Mapping[str, Port]),
]


@pytest.mark.parametrize(("have", "want"), FITTING, ids=str)
def test_fits(have: Any, want: Any) -> None:
    assert fits(have, want)


@pytest.mark.parametrize(("have", "want"), NOT_FITTING, ids=str)
def test_does_not_fit(have: Any, want: Any) -> None:
    assert not fits(have, want)


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("small", Size, ""),
        ("huge", Size, "'huge' stands where one of small, large is needed"),
        (2, int, ""),
        (2, float, ""),
        ("2", int, "'2' stands where a whole number is needed"),
        (True, int, "True stands where a whole number is needed"),
        (1, bool, "1 stands where true or false is needed"),
        (2.5, int, "2.5 stands where a whole number is needed"),
        (5, str, "5 stands where a text is needed"),
        ("a", TEXT, ""),
        (None, Schedule | None, ""),
        ({"cron": "0 5 * * *"}, Schedule | None, ""),
        ({"corn": "0 5 * * *"}, Schedule, "Schedule has no `corn`; did you mean `cron`?"),
        (["a"], tuple[str, ...], ""),
        ({}, Mapping[str, Port], ""),
        ([], tuple[Port, ...] | None, ""),
        ({"a": "b"}, Mapping[str, Port], "'b' stands where Port is needed"),
        ({"protocol": "http", "port": 80}, Endpoint, ""),
        (
            {"protocol": "http", "prot": 80},
            Endpoint,
            "Endpoint lacks `port`",
        ),
        ("a", tuple[str, ...], "'a' stands where a list of a text is needed"),
        ("warehouse", Database | Bucket, "'warehouse' stands where Database or Bucket is needed"),
        ([{"name": "a"}], tuple[Source, ...], "a source has exactly one of file, url, package and port, not none"),
    ],
)
def test_a_literal_is_of_its_type(value: Any, kind: Any, why: str) -> None:
    assert literal_error(value, kind) == why


def test_a_literal_becomes_what_the_component_takes() -> None:
    assert literal(["a", "b"], tuple[str, ...]) == ("a", "b")
    assert literal({"cron": "0 5 * * *"}, Schedule | None) == Schedule(cron="0 5 * * *")


def test_the_parts_of_a_type() -> None:
    assert item_type(tuple[Source, ...] | None) is Source
    assert item_type(str) is None
    assert value_type(Mapping[str, Port]) is Port
    assert value_type(Port) is Any
    assert dataclass_of(Schedule | None) is Schedule
    assert dataclass_of(Database) is None
    assert plain(TEXT) is str
    assert plain(Mapping[str, NUMBER]) == Mapping[str, int]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (str, "a text"),
        (TEXT, "a text"),
        (pulumi.Output[int], "a whole number"),
        (Size, "one of small, large"),
        (tuple[Source, ...], "a list of Source"),
        (Mapping[str, Port], "a mapping to Port"),
        (Database | Bucket, "Database or Bucket"),
        (Schedule | None, "Schedule or nothing"),
        (bool, "true or false"),
    ],
    ids=str,
)
def test_a_type_as_a_person_reads_it(kind: Any, text: str) -> None:
    assert shown(kind) == text
