"""The regions that clouds have."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_AZURE = """
australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral eastasia eastus eastus2 francecentral
francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest koreacentral
koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral
qatarcentral southafricanorth southafricawest southcentralus southeastasia southindia spaincentral swedencentral
switzerlandnorth switzerlandwest uaecentral uaenorth uksouth ukwest westcentralus westeurope westindia westus westus2
westus3
"""
"""learn.microsoft.com, "Azure regions list": the programmatic names of the public cloud."""


@cache
def azure() -> Collection[str]:
    """Those of Azure's public cloud."""
    return _AZURE.split()


@cache
def aws() -> Collection[str]:
    """Of all partitions, as the vendor's own client has them; that is not imported for it."""
    found = find_spec("botocore")
    file = Path(found.origin).parent / "data" / "partitions.json" if found and found.origin else None
    if file is None or not file.is_file():
        return ()
    partitions = json.loads(file.read_text(encoding="utf-8"))["partitions"]
    return [name for partition in partitions for name in partition["regions"] if not name.endswith("-global")]
