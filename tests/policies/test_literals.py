"""What is taken for a secret, and how long texts are read."""

from __future__ import annotations

import base64

import pytest

from policies.literals import by_form, in_text

LONG = 2_000_000
"""Characters; a pattern that goes back over what it has read would take hours for them."""


@pytest.mark.parametrize(
    "text", ["x" * LONG, "a." * (LONG // 2), base64.b64encode(bytes(range(256)) * (LONG // 400)).decode(), "-" * LONG]
)
def test_a_long_unbroken_text_is_read_once(text: str) -> None:
    assert in_text(text) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('DB_PASSWORD = "canary-7f3a"', "a literal for `DB_PASSWORD` in line 1"),
        ("x\n  api-key: 'canary-7f3a'", "a literal for `api-key` in line 2"),
        ("postgresql://reader:canary-7f3a@db/x", "a URL with user:password@"),
        ("see postgresql+psycopg://reader:canary-7f3a@db/x", "a URL with user:password@"),
        ("postgresql://reader@db/x", ""),
        ("PASSWORD = os.environ['PASSWORD']", ""),
    ],
)
def test_a_secret_is_found_by_its_name_or_form(text: str, found: str) -> None:
    assert in_text(text) == found
    assert "canary" not in by_form(text)
