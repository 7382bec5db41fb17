"""Rules on personal data."""

from __future__ import annotations

from typing import Any

from policies.governance import PRODUCT
from policies.rule import Resource, Rule, example

_TRIAL = ("sandbox", "dev")
_DECLARED = {"purpose": "billing", "lawfulBasis": "contract", "retentionDays": 365}


def _personal(resource: Resource) -> Any:
    """What the product declares: a map, True, or nothing."""
    return resource.props.get("personalData")


def _on_trial(resource: Resource) -> str | None:
    personal = _personal(resource)
    masked = isinstance(personal, dict) and personal.get("masked") is True
    return f"in {resource.environment}" if personal and not masked and resource.environment in _TRIAL else None


def _undeclared(resource: Resource) -> str | None:
    personal = _personal(resource)
    if not personal:
        return None
    given = personal if isinstance(personal, dict) else {}
    missing = [key for key in ("purpose", "lawfulBasis") if not given.get(key)]
    return f"missing: {', '.join(missing)}" if missing else None


def _unclassified(resource: Resource) -> bool:
    return bool(_personal(resource)) and resource.props.get("classification") not in ("confidential", "restricted")


PERSONAL_ON_TRIAL = Rule(
    id="PII-04",
    name="personal-data-on-trial",
    severity="critical",
    what="Personal data stands in an environment that is made for trying things",
    fix="Use masked data there (`personalData.masked: true`), or run the product in test or prod.",
    refs=("GDPR Art. 25",),
    reads=("mesh:data:Product",),
    violated=_on_trial,
    passes=(
        example("mesh:data:Product", PRODUCT),
        example("mesh:data:Product", {**PRODUCT, "personalData": {"masked": True}}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED}, environment="prod"),
    ),
    fails=(
        example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED}),
        example("mesh:data:Product", {**PRODUCT, "personalData": True}, environment="sandbox"),
    ),
    misses=("personal data that nobody declared",),
)

UNDECLARED_PURPOSE = Rule(
    id="PII-06",
    name="undeclared-purpose",
    severity="high",
    what="Personal data is kept without a purpose and a lawful basis",
    fix="Declare `personalData.purpose` and `personalData.lawfulBasis` in the manifest.",
    refs=("GDPR Art. 5", "GDPR Art. 6"),
    reads=("mesh:data:Product",),
    violated=_undeclared,
    passes=(
        example("mesh:data:Product", PRODUCT),
        example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED}),
    ),
    fails=(
        example("mesh:data:Product", {**PRODUCT, "personalData": True}),
        example("mesh:data:Product", {**PRODUCT, "personalData": {"purpose": "billing"}}),
    ),
)

UNDERCLASSIFIED = Rule(
    id="PII-07",
    name="underclassified-personal-data",
    severity="high",
    what="A product with personal data is classified as public or internal",
    fix="Classify it as confidential or restricted.",
    reads=("mesh:data:Product",),
    violated=_unclassified,
    passes=(
        example("mesh:data:Product", PRODUCT),
        example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED, "classification": "restricted"}),
    ),
    fails=(example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED}),),
)
