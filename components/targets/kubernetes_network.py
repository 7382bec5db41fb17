"""Who may talk to whom on Kubernetes: a NetworkPolicy for each component's pods, written from `uses`.

A pod carries a label for each component that it uses, and a component lets in the pods with its label. So each policy
is whole when its component is made, though those who use it come later, and its pods wait for it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes import meta
from pulumi_kubernetes.networking import v1

from components.base import Component
from components.names import shortened
from components.port import Port
from components.primitives import Endpoint
from components.targets.kubernetes_objects import TENANT, YES, Objects, physical, reading, selected
from components.targets.kubernetes_pod import label

Uses = Sequence[Component[Any, Any] | Port]
CLUSTERS = ("dask", "spark")
"""Their members call each other, and the client back, on ports that they choose as they go; tasks run on any."""
PRODUCT = "mesh:data:Product"
NAME_SERVICE = 53
NODE_LOCAL = "169.254.20.10/32"
"""Where NodeLocal DNSCache listens, on clusters that have it (kubernetes.io, "Using NodeLocal DNSCache")."""
PRIVATE = {
    "0.0.0.0/0": ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    "::/0": ("fc00::/7", "fe80::/10"),
}
"""All addresses, and those of them that are no internet: RFC 1918, 6598, 3927, 4193, 4291."""
STANDARD = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Pods that others use: what selects them, and where they listen."""

    pods: Mapping[str, str]
    endpoints: Mapping[str, Endpoint]
    hub: bool = False
    """Whether those who use it form a cluster with it."""


class Network(Objects):
    """Closes the stack's pods, and opens what `uses` says."""

    @cached_property
    def listeners(self) -> dict[str, Listener]:
        """By the name of their component."""
        return {}

    @cached_property
    def closed(self) -> v1.NetworkPolicy:
        """No pod of this stack talks to anybody; names are found all the same."""
        names = [
            v1.NetworkPolicyPeerArgs(namespace_selector=_match({"kubernetes.io/metadata.name": "kube-system"})),
            v1.NetworkPolicyPeerArgs(ip_block=v1.IPBlockArgs(cidr=NODE_LOCAL)),
        ]
        ports = [v1.NetworkPolicyPortArgs(port=NAME_SERVICE, protocol=kind) for kind in ("UDP", "TCP")]
        return v1.NetworkPolicy(
            "closed",
            metadata=meta.v1.ObjectMetaArgs(
                name=f"{self.settings.stack}--closed", namespace=self.namespace, labels=self.shared_labels()
            ),
            spec=v1.NetworkPolicySpecArgs(
                pod_selector=_match(self.of_the_stack()),
                policy_types=["Ingress", "Egress"],
                egress=[v1.NetworkPolicyEgressRuleArgs(to=names, ports=ports)],
            ),
            opts=pulumi.ResourceOptions(provider=self.provider),
        )

    def users(self, uses: Uses) -> dict[str, str]:
        """The labels of a pod that uses these."""
        return {using(used): YES for used in self._used(uses)}

    def opened(
        self,
        owner: Component[Any, Any],
        uses: Uses = (),
        endpoints: Mapping[str, Endpoint] | None = None,
        internet: Iterable[int] = (),
        name: str = "",
    ) -> list[pulumi.Resource]:
        """The policies that the pods of a component wait for. Who uses it comes in, and it gets to what it uses.

        `name` tells pods that run what others run as well, whose tasks are let through already.
        """
        listens, used, hubs = endpoints or {}, self._used(uses), self._hubs(uses)
        clients = [] if listens or name else hubs
        name = name or physical(owner)
        hub = not hubs and any(endpoint.protocol in CLUSTERS for endpoint in listens.values())
        if listens:
            self.listeners[owner.name] = Listener(pods=selected(name), endpoints=listens, hub=hub)
        fellows = [owner] if hub else []
        ingress = [_in([_pods({using(owner): YES})], ports(listens))] if listens and not hub else []
        ingress += [_in(self._members(of), ANY) for of in [*fellows, *hubs]]
        ingress += self._public(listens)
        egress: list[pulumi.Input[v1.NetworkPolicyEgressRuleArgs]] = []
        egress += [self._out(part) for part in used if part not in hubs]
        egress += [_to(self._members(of), ANY) for of in [*fellows, *hubs]]
        egress += self._outside(uses, internet)
        made = self._policy(owner, name, selected(name), ingress, egress)
        return [self.closed, made, *(policy for of in clients for policy in self._tasks(owner, of, uses, internet))]

    def run_by_operator(
        self, owner: Component[Any, Any], endpoints: Mapping[str, Endpoint], pods: Mapping[str, str], status: Endpoint
    ) -> list[pulumi.Resource]:
        """The policy of pods that are an operator's: it asks their `status`, and they ask the Kubernetes API.

        So where they go stays open; who comes in is as for all others.
        """
        self.listeners[owner.name] = Listener(pods=pods, endpoints=endpoints)
        ingress = [_in([_pods({using(owner): YES})], ports(endpoints)), _in([_pods(pods)], ANY)]
        anywhere = v1.NetworkPolicyPeerArgs(namespace_selector=meta.v1.LabelSelectorArgs())
        ingress.append(_in([anywhere], ports({"status": status})))
        return [self._policy(owner, physical(owner), pods, ingress, None)]

    def offered(self, port: Port) -> None:
        """Let in who reads a port from another stack: pods of namespaces that say so, which takes a grant."""
        owner = port.behind
        listener = self.listeners.get(owner.name) if owner is not None else None
        if owner is None or listener is None:
            return
        serves = {key: each for key, each in listener.endpoints.items() if each.protocol == port.protocol}
        name = f"{physical(owner)}--readers-{port.protocol}"
        if name in self._readers:
            return
        self._readers.add(name)
        there = _match({TENANT: label(self.settings.tenant), reading(self.settings.stack): YES})
        peer = v1.NetworkPolicyPeerArgs(namespace_selector=there)
        self._policy(owner, name, listener.pods, [_in([peer], ports(serves))], None)

    @cached_property
    def _readers(self) -> set[str]:
        return set()

    def build(self, component: Component[Any, Any]) -> Any:
        made = super().build(component)
        if component.type_token == PRODUCT:
            for port in made.ports.values():
                self.offered(port)
        return made

    def _used(self, uses: Uses) -> list[Component[Any, Any]]:
        """The components of this stack that have pods which listen."""
        found = [used.behind if isinstance(used, Port) else used for used in uses]
        return list(dict.fromkeys(used for used in found if used is not None and used.name in self.listeners))

    def _hubs(self, uses: Uses) -> list[Component[Any, Any]]:
        return [used for used in self._used(uses) if self.listeners[used.name].hub]

    def _members(self, hub: Component[Any, Any]) -> list[v1.NetworkPolicyPeerArgs]:
        """A cluster: what is used, and who uses it."""
        return [_pods(selected(physical(hub))), _pods({using(hub): YES})]

    def _out(self, used: Component[Any, Any]) -> v1.NetworkPolicyEgressRuleArgs:
        listener = self.listeners[used.name]
        return _to([_pods(listener.pods)], ports(listener.endpoints))

    def _public(self, endpoints: Mapping[str, Endpoint]) -> list[v1.NetworkPolicyIngressRuleArgs]:
        """The Ingress controller's way to what is public."""
        public = {key: endpoint for key, endpoint in endpoints.items() if endpoint.public}
        given = self.settings.values.get("ingressNamespace")
        there = _match({"kubernetes.io/metadata.name": str(given)}) if given else meta.v1.LabelSelectorArgs()
        return [_in([v1.NetworkPolicyPeerArgs(namespace_selector=there)], ports(public))] if public else []

    def _outside(self, uses: Uses, internet: Iterable[int]) -> list[pulumi.Input[v1.NetworkPolicyEgressRuleArgs]]:
        """Ports of other stacks and of what is no part of the mesh, and the internet where a source is there."""
        elsewhere = [used for used in uses if isinstance(used, Port) and used.behind is None and used.address]
        found: list[pulumi.Input[v1.NetworkPolicyEgressRuleArgs]] = [foreign(port) for port in elsewhere]
        numbers = [v1.NetworkPolicyPortArgs(port=number, protocol="TCP") for number in internet]
        blocks = [
            v1.NetworkPolicyPeerArgs(ip_block=v1.IPBlockArgs(cidr=all_of_them, except_=list(private)))
            for all_of_them, private in PRIVATE.items()
        ]
        return [*found, _to(blocks, numbers)] if numbers else found

    def _tasks(
        self, owner: Component[Any, Any], hub: Component[Any, Any], uses: Uses, internet: Iterable[int]
    ) -> list[v1.NetworkPolicy]:
        """What a client's tasks need where they run: a cluster's members get to what the client uses."""
        used, name = [part for part in self._used(uses) if part is not hub], physical(owner)
        egress = [*(self._out(part) for part in used), *self._outside(uses, internet)]
        if not egress:
            return []
        members, made = {using(hub): YES}, []
        made.append(self._policy(owner, f"{name}--tasks", members, None, egress))
        for part in used:
            listener = self.listeners[part.name]
            ingress = [_in([_pods(members)], ports(listener.endpoints))]
            made.append(self._policy(owner, f"{name}--tasks-{physical(part)}", listener.pods, ingress, None))
        return made

    def _policy(
        self,
        owner: Component[Any, Any],
        name: str,
        pods: Mapping[str, str],
        ingress: list[v1.NetworkPolicyIngressRuleArgs] | None,
        egress: Sequence[pulumi.Input[v1.NetworkPolicyEgressRuleArgs]] | None,
    ) -> v1.NetworkPolicy:
        kinds = {"Ingress": ingress is not None, "Egress": egress is not None}
        suffix = name.removeprefix(physical(owner))
        return v1.NetworkPolicy(
            f"{owner.name}{suffix}",
            metadata=self.meta(owner, shortened(name, 63)),
            spec=v1.NetworkPolicySpecArgs(
                pod_selector=_match(pods),
                policy_types=[kind for kind, meant in kinds.items() if meant],
                ingress=ingress or None,
                egress=list(egress) if egress else None,
            ),
            opts=self.under(owner),
        )


ANY = [v1.NetworkPolicyPortArgs(port=1024, end_port=65535, protocol="TCP")]
"""All ports on which a program without rights may listen."""


def using(used: Component[Any, Any]) -> str:
    """The label of a pod that uses a component of its stack."""
    return f"uses.mesh/{physical(used)}"


def ports(endpoints: Mapping[str, Endpoint]) -> list[v1.NetworkPolicyPortArgs]:
    """Where something listens."""
    return [v1.NetworkPolicyPortArgs(port=endpoint.port, protocol="TCP") for endpoint in endpoints.values()]


def foreign(port: Port) -> pulumi.Output[v1.NetworkPolicyEgressRuleArgs]:
    """The way to a port that this stack did not make."""
    parts = {"sql": ("host", "port"), "s3": ("endpoint",), "http": ("url",)}.get(port.protocol, ("address",))
    return pulumi.Output.all(*(port.address[part] for part in parts)).apply(lambda found: rule(*found))


def rule(host: str, number: float | None = None) -> v1.NetworkPolicyEgressRuleArgs:
    """The way to an address: into the namespace of a name inside the cluster, else to everybody at this port."""
    if number is None:
        split = urlsplit(host)
        host, number = split.hostname or "", split.port or STANDARD.get(split.scheme, STANDARD["https"])
    at = [v1.NetworkPolicyPortArgs(port=int(number), protocol="TCP")]
    names = host.split(".")
    if "svc" in names[2:]:
        there = _match({"kubernetes.io/metadata.name": names[names.index("svc", 2) - 1]})
        return _to([v1.NetworkPolicyPeerArgs(namespace_selector=there)], at)
    try:
        literal = ipaddress.ip_network(host)
    except ValueError:
        return v1.NetworkPolicyEgressRuleArgs(ports=at)  # a policy takes no names
    return _to([v1.NetworkPolicyPeerArgs(ip_block=v1.IPBlockArgs(cidr=str(literal)))], at)


def internet(files: Mapping[str, Any]) -> list[int]:
    """The ports of the addresses from which a job loads: Ingest lists its sources in a file."""
    sources = files.get("sources.json")
    if not isinstance(sources, str):
        return []
    split = [urlsplit(entry["url"]) for entry in json.loads(sources) if "url" in entry]
    return sorted({each.port or STANDARD.get(each.scheme, STANDARD["https"]) for each in split})


def _match(labels: Mapping[str, str]) -> meta.v1.LabelSelectorArgs:
    return meta.v1.LabelSelectorArgs(match_labels=dict(labels))


def _pods(labels: Mapping[str, str]) -> v1.NetworkPolicyPeerArgs:
    return v1.NetworkPolicyPeerArgs(pod_selector=_match(labels))


def _in(
    peers: Sequence[v1.NetworkPolicyPeerArgs], at: Sequence[v1.NetworkPolicyPortArgs]
) -> v1.NetworkPolicyIngressRuleArgs:
    return v1.NetworkPolicyIngressRuleArgs(from_=list(peers), ports=list(at))


def _to(
    peers: Sequence[v1.NetworkPolicyPeerArgs], at: Sequence[v1.NetworkPolicyPortArgs]
) -> v1.NetworkPolicyEgressRuleArgs:
    return v1.NetworkPolicyEgressRuleArgs(to=list(peers), ports=list(at))
