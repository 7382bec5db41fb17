"""Registries are compared part by part, tags by what they say, versions as numbers."""

from __future__ import annotations

import pytest

from policies.images import _full, _matches, _ordered
from policies.levels import Allowed, Allowing
from policies.rule import UNKNOWN, all_rules, example
from policies.unknown import guarded

PULLED = "docker:index/remoteImage:RemoteImage"


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.29", "docker.io/library/nginx"),
        ("acme/nginx:1@sha256:00", "docker.io/acme/nginx"),
        ("index.docker.io/acme/nginx", "docker.io/acme/nginx"),
        ("localhost/x", "localhost/x"),
        ("registry:5000/a/b:1", "registry:5000/a/b"),
        ("ghcr.io/a/b@sha256:00", "ghcr.io/a/b"),
    ],
)
def test_a_whole_name(image: str, full: str) -> None:
    assert _full(image) == full


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("ghcr.io/acme/x", "ghcr.io", True),
        ("ghcr.io/acme/x", "ghcr.io/acme/", True),
        ("ghcr.io/acme-evil/x", "ghcr.io/acme", False),
        ("ghcr.io.evil.com/acme/x", "ghcr.io", False),
        ("evil.com/x.azurecr.io/y", "*.azurecr.io", False),
        ("mesh.azurecr.io/y", "*.azurecr.io", True),
        ("ghcr.io", "ghcr.io/acme", False),
    ],
)
def test_a_pattern_never_crosses_a_slash(name: str, pattern: str, fits: bool) -> None:
    assert _matches(name, pattern) is fits


@pytest.mark.parametrize("name", ["evil.example.com/x:1", UNKNOWN])
def test_without_a_list_every_registry_is_allowed_and_nothing_is_asked(name: object) -> None:
    (rule,) = [rule for rule in all_rules() if rule.id == "CTR-11"]
    assert rule.judge(example(PULLED, {"name": name})) is None


def test_an_unknown_image_waits_where_there_is_a_list() -> None:
    (rule,) = [rule for rule in all_rules() if rule.id == "CTR-11"]
    props = guarded({"name": UNKNOWN})
    finding = rule.judge(Allowing(type=PULLED, props=props, allowed=Allowed(registries=("ghcr.io",))))
    assert finding is not None
    assert finding.outcome == "unknown"


def test_versions_are_numbers() -> None:
    assert _ordered("3.9") < _ordered("3.10") < _ordered("3.11")
    assert _ordered("9.6") < _ordered("14") < _ordered("17")
