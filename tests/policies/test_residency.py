"""Places are compared by their names; without a list nothing is asked."""

from __future__ import annotations

import pytest

from policies.levels import Allowed, Allowing
from policies.residency import _PAIRS
from policies.rule import UNKNOWN, all_rules, example
from policies.unknown import guarded

SERVER = "azure-native:dbforpostgresql:Server"
RULES = {rule.id: rule for rule in all_rules()}


def test_pairs_are_mutual_but_for_three() -> None:
    odd = {one for one, other in _PAIRS.items() if _PAIRS.get(other) != one}
    assert odd == {"westus3", "brazilsouth", "brazilsoutheast"}


@pytest.mark.parametrize("rule_id", ["GOV-03", "GOV-04", "BAK-07"])
def test_without_a_list_nothing_is_asked(rule_id: str) -> None:
    rule = RULES[rule_id]
    for kind in (token for token in rule.reads if "*" not in token):
        assert rule.judge(example(kind, {"region": UNKNOWN, "location": UNKNOWN, "backup": UNKNOWN})) is None


@pytest.mark.parametrize(
    ("location", "outcome"), [("West Europe", ""), ("westeurope", ""), ("global", ""), ("eastus", "fail")]
)
def test_a_location_by_name_or_in_words(location: str, outcome: str) -> None:
    resource = Allowing(type=SERVER, props={"location": location}, allowed=Allowed(regions=("westeurope",)))
    finding = RULES["GOV-03"].judge(resource)
    assert (finding.outcome if finding else "") == outcome


def test_a_region_that_is_not_known_waits() -> None:
    props = guarded({"region": UNKNOWN})
    finding = RULES["GOV-03"].judge(
        Allowing(type="pulumi:providers:aws", props=props, allowed=Allowed(regions=("eu-*",)))
    )
    assert finding is not None
    assert finding.outcome == "unknown"
