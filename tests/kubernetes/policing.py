"""Policing: the cluster's network keeps NetworkPolicies, as an engine for them would.

No engine is to be had from a registry here. The evaluator of the unit tests says which pods talk to each other, and
nftables in the node's network let through that alone.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client

from tests.targets.network_policies import Pod, Rules

LOOK = 0.5
"""Seconds between two looks at what there is."""
TABLE = """\
table inet policies {{}}
delete table inet policies
table inet policies {{
  set allowed {{ type ipv4_addr . ipv4_addr . inet_service; flags interval; {allowed} }}
  set closed_in {{ type ipv4_addr; {closed_in} }}
  set closed_out {{ type ipv4_addr; {closed_out} }}
  chain forward {{
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    ip saddr {{ {nodes} }} accept
    meta l4proto tcp ip saddr . ip daddr . tcp dport @allowed accept
    ip daddr @closed_in counter drop
    ip saddr @closed_out counter drop
  }}
}}
"""


@contextmanager
def policed(api: Any, network: Path, nodes: tuple[str, ...]) -> Iterator[None]:
    """Keep the policies of a cluster in the network of its node; what comes from `nodes` is let through."""
    _run(network, ["sh", "-c", "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables"])
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(api, network, nodes, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


def _keep(api: Any, network: Path, nodes: tuple[str, ...], ended: threading.Event) -> None:
    before = None
    while not ended.wait(LOOK):
        try:
            now = seen(api)
        except Exception:  # the API server is busy, or ends with the tests
            continue
        if now != before:
            _run(network, ["nft", "-f", "-"], table(*now, nodes))
            before = now


def _run(network: Path, words: list[str], text: str = "") -> None:
    subprocess.run(["nsenter", f"--net={network}", *words], input=text, text=True, check=True)


def seen(api: Any) -> tuple[Rules, dict[str, Pod]]:
    """All policies, and the pods by their addresses."""
    core: Any = client.CoreV1Api(api)
    networking: Any = client.NetworkingV1Api(api)
    listed = networking.list_network_policy_for_all_namespaces().items
    policies = tuple(api.sanitize_for_serialization(one) for one in listed)
    spaces = {one.metadata.name: one.metadata.labels or {} for one in core.list_namespace().items}
    pods = {
        one.status.pod_ip: Pod(one.metadata.name, one.metadata.namespace, one.metadata.labels or {})
        for one in core.list_pod_for_all_namespaces().items
        if one.status.pod_ip and one.status.phase in ("Pending", "Running")
    }
    return Rules(policies, spaces), pods


def table(rules: Rules, pods: dict[str, Pod], nodes: tuple[str, ...]) -> str:
    """What there is, in the words of nftables."""
    closed = {address: rules.isolated(pod) for address, pod in pods.items()}
    ways = sorted(_ways(rules.policies))
    allowed = [
        f"{source} . {target} . {first}-{last}"
        for source, one in pods.items()
        for target, other in pods.items()
        if source != target and (closed[source] | closed[target])
        for first, last in _widest([way for way in ways if rules.allow(one, other, way[0])])
    ]
    return TABLE.format(
        allowed=_elements(allowed),
        closed_in=_elements([address for address, kinds in closed.items() if "Ingress" in kinds]),
        closed_out=_elements([address for address, kinds in closed.items() if "Egress" in kinds]),
        nodes=", ".join(nodes),
    )


def _ways(policies: tuple[Any, ...]) -> set[tuple[int, int]]:
    """All ranges of ports that a rule names."""
    rules = [rule for one in policies for kind in ("ingress", "egress") for rule in one["spec"].get(kind) or ()]
    found = [at for rule in rules for at in rule.get("ports") or () if at.get("protocol", "TCP") == "TCP"]
    return {(at["port"], at.get("endPort", at["port"])) for at in found}


def _widest(ways: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without those that lie inside another."""
    return [one for one in ways if not any(o != one and o[0] <= one[0] and one[1] <= o[1] for o in ways)]


def _elements(found: list[str]) -> str:
    return f"elements = {{ {', '.join(sorted(found))} }}" if found else ""
