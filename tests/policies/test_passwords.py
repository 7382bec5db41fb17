"""A generated password is told from a chosen one, and a variable's name from a secret's."""

from __future__ import annotations

import random
import string

import pytest

from policies.passwords import _generated
from policies.rule import UNKNOWN, all_rules, example

RULES = {rule.id: rule for rule in all_rules()}
ALPHABET = string.ascii_letters + string.digits
"""Of providers/mesh: SecretValue."""


def test_each_password_that_we_make_counts_as_generated() -> None:
    made = random.Random(7)
    assert all(_generated("".join(made.choice(ALPHABET) for _ in range(32))) for _ in range(5000))


@pytest.mark.parametrize(
    "chosen",
    [
        "",
        "changeme",
        "Summer2026!",
        "correct horse battery staple",
        "correct-horse-battery-staple",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "flights-dev-departures-warehouse-pw",
        "passwordpasswordpassword1",
    ],
)
def test_what_somebody_chose_does_not(chosen: str) -> None:
    assert not _generated(chosen)


def test_a_password_that_is_handed_over_is_found_though_it_is_not_known() -> None:
    finding = RULES["SEC-01"].judge(example("aws:rds/instance:Instance", {"password": UNKNOWN}))
    assert finding is not None
    assert finding.outcome == "fail"
    finding = RULES["SEC-01"].judge(example("mesh:index:PostgresServer", {"password": UNKNOWN}))
    assert finding is not None
    assert finding.outcome == "unknown"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"name": "KEY", "value": "orders--reader"}, False),
        ({"name": "KEY", "value": "f00Ba7Qz19LmXv42"}, True),
        ({"name": "API_KEY", "value": "short"}, True),
        ({"name": "PASSWORD", "value": "$(OTHER)"}, False),
        ({"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x"}}}, False),
        ({"name": "PASSWORD", "value": ""}, False),
    ],
)
def test_a_variable_of_a_container(entry: dict[str, object], found: bool) -> None:
    pod = example("kubernetes:core/v1:Pod", {"spec": {"containers": [{"name": "main", "env": [entry]}]}})
    assert (RULES["SEC-02"].judge(pod) is not None) is found


@pytest.mark.parametrize(("path", "found"), [("/run/secrets/x", False), ("/run/secrets", True), ("/files/x", True)])
def test_only_dockers_directory_of_secrets_may_hold_one(path: str, found: bool) -> None:
    upload = {"file": path, "content": "password = 'f00Ba7Qz19LmXv42'"}
    container = example("docker:index/container:Container", {"image": "x", "uploads": [upload]})
    assert (RULES["SEC-07"].judge(container) is not None) is found
