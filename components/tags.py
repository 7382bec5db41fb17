"""The six tags that every resource carries, on every target."""

from __future__ import annotations

from dataclasses import dataclass

TAGS = ("owner", "domain", "product", "cost-centre", "classification", "environment")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")

SHARED = "shared"
"""The product named on what a whole stack shares (an environment, a scheduler)."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Who answers for a resource, and for what."""

    owner: str
    domain: str
    product: str
    cost_centre: str
    classification: str
    environment: str

    def as_map(self) -> dict[str, str]:
        """Tag name -> value, names as in TAGS."""
        values = (self.owner, self.domain, self.product, self.cost_centre, self.classification, self.environment)
        return dict(zip(TAGS, values, strict=True))
