"""How much of a machine each kind takes on targets of one's own: processes, containers, pods, and jobs anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from policies.cron import runs_per_month
from policies.prices_units import DEFAULT_STORAGE, HOURS, Amounts, Quantities, number

DEFAULT_TIMEOUT = Decimal(1800)
"""Seconds a job may take where it says nothing."""

USUAL_SHARE = Decimal("0.1")
"""A run is expected to take a tenth of its timeout: timeouts are set with that much room."""

RUNS_WITHOUT_SCHEDULE = Decimal(4)
"""Runs a month of a job that runs when its inputs change: one change a week."""

RUNS_AFTER_OTHERS = Decimal("30.4167")
"""Runs a month of a job that follows another: daily, as its inputs don't tell how often that one runs."""

GIB_OF_A_VCPU = 2
"""Container Apps sells these together ("Containers in Azure Container Apps"): more memory comes with more CPU."""

GIB = Decimal(2**30)
UNITS = {"": Decimal(1), "m": Decimal("0.001")} | {f"{c}i": Decimal(1024 ** (n + 1)) for n, c in enumerate("KMGT")}


def running(props: Mapping[str, Any]) -> Amounts:
    """CPU and memory, all the month."""
    return _hours(props, HOURS)


def _hours(props: Mapping[str, Any], hours: Decimal) -> Amounts:
    cpu, memory = number(props.get("cpu")), number(props.get("memoryMiB")) / 1024
    return {"cpu": cpu * hours, "memory": memory * hours}


def _store(props: Mapping[str, Any]) -> Amounts:
    return {**running(props), "storage": number(props.get("storageGiB", float(DEFAULT_STORAGE)))}


def _job(props: Mapping[str, Any]) -> Amounts:
    schedule = props.get("schedule")
    if schedule:
        runs = Decimal(str(runs_per_month(str(schedule["cron"]))))
    else:
        runs = RUNS_AFTER_OTHERS if props.get("after") else RUNS_WITHOUT_SCHEDULE
    seconds = number(props.get("timeoutSeconds", float(DEFAULT_TIMEOUT))) * USUAL_SHARE
    hours = min(HOURS, runs * seconds / 3600).quantize(Decimal("0.0001"))  # a job never runs beside itself
    amounts = _hours(props, hours)
    if props.get("executor") == "emr":
        return {f"emr-{sku}": quantity for sku, quantity in amounts.items()}
    if props.get("executor") == "containerapps":
        return amounts | {"cpu": max(amounts["cpu"], amounts["memory"] / GIB_OF_A_VCPU)}
    return amounts


def _container(props: Mapping[str, Any]) -> Amounts:
    """One that never starts only holds the files of another."""
    if props.get("start") is False:
        return {}
    return running({"cpu": float(props.get("cpus") or 0), "memoryMiB": props.get("memory")})


def _volume(props: Mapping[str, Any]) -> Amounts:
    """What its label says was reserved."""
    said = (str(entry.get("value")) for entry in props.get("labels") or () if entry.get("label") == "storage-gib")
    return {"storage": number(float(next(said, DEFAULT_STORAGE)))}


def _pods(props: Mapping[str, Any]) -> Amounts:
    """The limits of all containers of all pods, and the volume that each pod gets."""
    spec = props.get("spec") or {}
    replicas = number(spec.get("replicas", 1.0))
    amounts = dict.fromkeys(("cpu", "memory"), Decimal(0))
    for container in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ():
        limits = (container.get("resources") or {}).get("limits") or {}
        amounts["cpu"] += amount(limits.get("cpu")) * replicas * HOURS
        amounts["memory"] += amount(limits.get("memory")) / GIB * replicas * HOURS
    if not amounts["cpu"]:
        raise ValueError("no container")
    claims = [_claim(claim)["storage"] * replicas for claim in spec.get("volumeClaimTemplates") or ()]
    return {**amounts, "storage": sum(claims, Decimal(0))} if claims else amounts


def _claim(props: Mapping[str, Any]) -> Amounts:
    requests = ((props.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return {"storage": amount(requests.get("storage")) / GIB}


def _cluster(props: Mapping[str, Any]) -> Amounts:
    """A database of CloudNativePG: the limits and the volume of each instance."""
    spec = props.get("spec") or {}
    instances, limits = number(spec.get("instances", 1)), (spec.get("resources") or {}).get("limits") or {}
    return {
        "cpu": amount(limits.get("cpu")) * instances * HOURS,
        "memory": amount(limits.get("memory")) / GIB * instances * HOURS,
        "storage": amount((spec.get("storage") or {}).get("size")) / GIB * instances,
    }


def amount(text: Any) -> Decimal:
    """A quantity of Kubernetes (kubernetes.io, "Quantity"): `500m` is a half. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[KMGT]i)?", str(text))
    if found is None:
        raise ValueError("no quantity")
    return number(float(found[1])) * UNITS[found[2] or ""]


QUANTITIES: Mapping[str, Quantities] = {
    "mesh:index:Process": running,
    "mesh:index:PostgresServer": _store,
    "mesh:index:ObjectStore": _store,
    "mesh:index:JobRun": _job,
    "docker:index/container:Container": _container,
    "docker:index/volume:Volume": _volume,
    "kubernetes:apps/v1:Deployment": _pods,
    "kubernetes:apps/v1:StatefulSet": _pods,
    "kubernetes:core/v1:PersistentVolumeClaim": _claim,
    "kubernetes:postgresql.cnpg.io/v1:Cluster": _cluster,
}
FREE = frozenset(
    {f"mesh:index:{kind}" for kind in ("Environment", "SecretValue", "Placement", "ObjectStoreKey")}
    | {"docker:index/network:Network", "docker:index/remoteImage:RemoteImage"}
    | {
        f"kubernetes:{kind}"
        for kind in (
            "autoscaling/v2:HorizontalPodAutoscaler",
            "batch/v1:CronJob",  # the runs of a schedule are counted with the job (mesh:index:JobRun)
            "core/v1:ConfigMap",
            "core/v1:LimitRange",
            "core/v1:Namespace",
            "core/v1:ResourceQuota",
            "core/v1:Secret",
            "core/v1:Service",
            "core/v1:ServiceAccount",
            "networking.k8s.io/v1:Ingress",
            "networking.k8s.io/v1:NetworkPolicy",
            "policy/v1:PodDisruptionBudget",
            "rbac.authorization.k8s.io/v1:Role",
            "rbac.authorization.k8s.io/v1:RoleBinding",
        )
    }
)
