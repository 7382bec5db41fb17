"""What NetworkPolicies allow between pods (kubernetes.io, "Network Policies"), evaluated from their plain form.

Addresses are not looked at: a block of addresses is the outside, no pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pod:
    """A pod, as policies see it."""

    name: str
    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Rules:
    """All policies of a cluster, and the labels of its namespaces."""

    policies: tuple[Mapping[str, Any], ...]
    namespaces: Mapping[str, Mapping[str, str]]

    def allow(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        """Whether a pod gets through to another one's port."""
        if source == target:
            return True
        out = self._ways(source, "Egress", "egress")
        into = self._ways(target, "Ingress", "ingress")
        return all(
            ways is None or any(self._fits(rule, peers, home, pod, port, protocol) for rule, home in ways)
            for ways, peers, pod in ((out, "to", target), (into, "from", source))
        )

    def isolated(self, pod: Pod) -> set[str]:
        """In which directions somebody decides for a pod."""
        return {
            kind
            for kind, key in (("Egress", "egress"), ("Ingress", "ingress"))
            if self._ways(pod, kind, key) is not None
        }

    def outward(self, pod: Pod) -> list[Mapping[str, Any]]:
        """The rules by which a pod gets to addresses, and to everybody."""
        rules = [rule for rule, _ in self._ways(pod, "Egress", "egress") or ()]
        return [rule for rule in rules if not rule.get("to") or any("ipBlock" in peer for peer in rule["to"])]

    def _ways(self, pod: Pod, kind: str, key: str) -> list[tuple[Mapping[str, Any], str]] | None:
        """The rules for a pod in one direction, each with its policy's namespace; None where nothing is closed."""
        chosen = [
            one
            for one in self.policies
            if one["metadata"]["namespace"] == pod.namespace
            and kind in one["spec"]["policyTypes"]
            and fits(one["spec"].get("podSelector"), pod.labels)
        ]
        if not chosen:
            return None
        return [(rule, one["metadata"]["namespace"]) for one in chosen for rule in one["spec"].get(key) or ()]

    def _fits(self, rule: Mapping[str, Any], peers: str, home: str, pod: Pod, port: int, protocol: str) -> bool:
        at = rule.get("ports")
        if at and not any(within(one, port, protocol) for one in at):
            return False
        if not rule.get(peers):
            return True
        return any(self._is(peer, home, pod) for peer in rule[peers])

    def _is(self, peer: Mapping[str, Any], home: str, pod: Pod) -> bool:
        if "ipBlock" in peer:
            return False
        if "namespaceSelector" not in peer:
            return pod.namespace == home and fits(peer["podSelector"], pod.labels)
        there = {**self.namespaces[pod.namespace], "kubernetes.io/metadata.name": pod.namespace}
        return fits(peer["namespaceSelector"], there) and fits(peer.get("podSelector"), pod.labels)


def within(at: Mapping[str, Any], port: int, protocol: str) -> bool:
    """Whether a port is one of a rule's."""
    first: int = at["port"]
    return at.get("protocol", "TCP") == protocol and first <= port <= int(at.get("endPort", first))


def fits(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether labels are chosen; an empty selector chooses all."""
    assert not set(selector or {}) - {"matchLabels"}, "only labels are understood here"
    return labels.items() >= ((selector or {}).get("matchLabels") or {}).items()


def numbers(rules: Iterable[Mapping[str, Any]]) -> set[int]:
    """The ports of rules."""
    return {at["port"] for rule in rules for at in rule.get("ports") or ()}
