"""Rules on personal data."""

from __future__ import annotations

from typing import Any

from policies.governance import PRODUCT
from policies.regions import in_eea
from policies.rule import Resource, Rule, example

_TRIAL = ("sandbox", "dev")
_DECLARED = {"purpose": "billing", "lawfulBasis": "contract", "retentionDays": 365}


def _way(*places: str) -> dict[str, Any]:
    steps = [{"product": f"domain-{number}/product", "place": place} for number, place in enumerate(places)]
    return {**_DECLARED, "ways": [steps]}


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


def _way_out(resource: Resource) -> str | None:
    """The first way that leads from the EEA to where the product stands, outside of it."""
    personal = _personal(resource)
    for way in personal.get("ways") or () if isinstance(personal, dict) else ():
        places = [str(step.get("place") or "") for step in way]
        if places and places[-1] and not in_eea(places[-1]) and any(map(in_eea, places)):
            return " -> ".join(f"{step['product']} ({step.get('place') or 'no region'})" for step in way)
    return None


def _unlimited(resource: Resource) -> bool:
    personal = _personal(resource)
    return bool(personal) and not (isinstance(personal, dict) and (personal.get("retentionDays") or 0) > 0)


def _unclassified(resource: Resource) -> bool:
    return bool(_personal(resource)) and resource.props.get("classification") not in ("confidential", "restricted")


OUT_OF_EEA = Rule(
    id="PII-01",
    name="personal-data-leaves-eea",
    severity="critical",
    what="Personal data of the EEA reaches a place outside of it",
    why="It goes along with every product that reads it, however many, until a port says how it was removed.",
    fix="Run it in the EEA, or let the port that it reads say `personalData: aggregated`, masked or dropped.",
    refs=("GDPR Art. 44",),
    reads=("mesh:data:Product",),
    violated=_way_out,
    passes=(
        example("mesh:data:Product", PRODUCT),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("eu-west-1", "westeurope")}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("us-east-1", "us-west-2")}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("us-east-1", "eu-west-1")}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("eu-west-1", "")}),
    ),
    fails=(
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("eu-west-1", "us-east-1")}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("us-east-1", "westeurope", "eastus")}),
        example("mesh:data:Product", {**PRODUCT, "personalData": _way("eu-west-1", "", "eu-west-2")}),
    ),
    misses=("a stack of one's own machines that names no `region`", "personal data that nobody declared"),
)

UNLIMITED = Rule(
    id="PII-02",
    name="unlimited-retention",
    severity="high",
    what="Personal data is kept without a limit",
    fix="Declare `personalData.retentionDays` in the manifest.",
    refs=("GDPR Art. 5(1)(e)",),
    reads=("mesh:data:Product",),
    violated=_unlimited,
    passes=(
        example("mesh:data:Product", PRODUCT),
        example("mesh:data:Product", {**PRODUCT, "personalData": _DECLARED}),
    ),
    fails=(
        example("mesh:data:Product", {**PRODUCT, "personalData": True}),
        example("mesh:data:Product", {**PRODUCT, "personalData": {"purpose": "billing"}}),
    ),
    misses=("whether the product's own work deletes what is older",),
)

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
