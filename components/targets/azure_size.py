"""Sizes on Azure: what Container Apps and PostgreSQL sell that is at least as large."""

from __future__ import annotations

from collections.abc import Mapping

from components.errors import UserError
from components.primitives import Capacity, Size

CONSUMPTION = "Consumption"
CONSUMPTION_CPU = 4
"""The largest on demand; 2 GiB go with each vCPU (learn.microsoft.com, "Containers in Azure Container Apps")."""
DEDICATED: Mapping[str, Capacity] = {"D4": Capacity(4, 16384)}
"""Machines of one's own (the same, "Workload profiles"); they are there while something runs on them."""

INSTANCES: Mapping[Size, tuple[str, str]] = {
    "small": ("Burstable", "Standard_B1ms"),
    "medium": ("Burstable", "Standard_B2s"),
    "large": ("GeneralPurpose", "Standard_D4ds_v5"),
}
"""Tier and machine with the memory of SIZES, vCPU at least ("Compute options in Azure Database for PostgreSQL")."""
SMALLEST_WITH_STANDBY = ("GeneralPurpose", "Standard_D2ds_v5")
"""Burstable machines have no standby ("High availability", limitations)."""
DISKS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767)
"""GiB that a server's disk may have ("Storage options")."""


def placed(capacity: Capacity) -> tuple[str, float, str]:
    """Workload profile, vCPU and memory of a container: on demand where that is enough, else on a machine."""
    cpu = max(capacity.cpu, capacity.memory / 2048)
    if cpu <= CONSUMPTION_CPU:
        return CONSUMPTION, cpu, f"{cpu * 2:g}Gi"
    for name, machine in DEDICATED.items():
        if capacity.cpu <= machine.cpu and capacity.memory <= machine.memory:
            return name, capacity.cpu, f"{capacity.memory / 1024:g}Gi"
    wanted = f"{capacity.cpu:g} vCPU and {capacity.memory} MiB"
    raise UserError(f"no workload profile of target azure has {wanted}", hint=f"the largest is {[*DEDICATED][-1]}")


def instance(size: Size, *, standby: bool) -> tuple[str, str]:
    """Tier and machine of a database."""
    tier, machine = INSTANCES[size]
    return SMALLEST_WITH_STANDBY if standby and tier == "Burstable" else (tier, machine)


def disk(gibibytes: int) -> int:
    """The smallest disk that holds as much."""
    for size in DISKS:
        if gibibytes <= size:
            return size
    raise UserError(f"a database on azure has at most {DISKS[-1]} GiB, not {gibibytes}", hint="ask for less `storage`")
