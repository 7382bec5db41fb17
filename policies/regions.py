"""Which places lie in the European Economic Area."""

from __future__ import annotations

_AWS = "eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3 eusc-de-east-1"
"""docs.aws.amazon.com/global-infrastructure, "AWS Regions"; eu-west-2 is London, eu-central-2 Zurich."""

_AZURE = """
austriaeast belgiumcentral denmarkeast francecentral francesouth germanynorth germanywestcentral italynorth northeurope
norwayeast norwaywest polandcentral spaincentral swedencentral swedensouth westeurope
"""
"""learn.microsoft.com, "Azure regions list"."""

EEA = frozenset(["eea", *_AWS.split(), *_AZURE.split()])
"""Region names; a place of one's own is named `eea`, or by one of the others (`meshwright:region`)."""


def in_eea(place: str) -> bool:
    """Whether a place lies in the EEA."""
    return place.lower() in EEA
