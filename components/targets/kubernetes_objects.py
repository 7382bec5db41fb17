"""The objects that everything on Kubernetes is built from, and the namespace they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import apps, core, meta

from components.base import Component
from components.names import shortened
from components.primitives import Endpoint
from components.targets.kubernetes_namespace import bounded
from components.targets.kubernetes_pod import claim_spec, file_key, label, port_name
from components.targets.seaweedfs import SeaweedFS

NAME_LIMIT = 52
"""A StatefulSet's pods carry its name and a hash of 11 characters in a label of 63; a CronJob's name is no longer."""
STACK = "app.kubernetes.io/part-of"
"""The label that tells the objects of a stack."""
TENANT = "mesh/tenant"
"""The label of a namespace that belongs to a mesh."""
YES = "true"
"""The value of a label whose name says it all."""


class Objects(SeaweedFS):
    """Makes objects of one cluster, in the stack's namespace, with the tags of the component they belong to."""

    @cached_property
    def provider(self) -> k8s.Provider:
        context = self.settings.values.get("context")
        return k8s.Provider("kubernetes", context=str(context) if context else None)

    @cached_property
    def namespace(self) -> pulumi.Input[str]:
        given, settings = self.settings.values.get("namespace"), self.settings
        if given:
            return str(given)
        labels = {
            **self.shared_labels(),
            "pod-security.kubernetes.io/enforce": "restricted",
            TENANT: label(settings.tenant),
            # The mesh has checked that each of them has granted something to this stack.
            **{reading(stack): YES for stack in sorted(settings.neighbours)},
        }
        made = core.v1.Namespace(
            "namespace",
            metadata=meta.v1.ObjectMetaArgs(name=settings.stack, labels=labels),
            opts=pulumi.ResourceOptions(provider=self.provider),
        )
        return made.metadata.name

    def of_the_stack(self) -> dict[str, str]:
        """The label that finds all pods of the stack, and nobody else's in a namespace that was there."""
        return {STACK: shortened(self.settings.stack, 63)}

    def shared_labels(self) -> dict[str, str]:
        """The labels of what belongs to the whole stack."""
        tags = self.settings.shared_tags().as_map()
        return {key: label(value) for key, value in tags.items()} | self.of_the_stack()

    def finish(self) -> None:
        """The bounds of a namespace of our own."""
        super().finish()
        bounded(self.settings, self.namespace, self.shared_labels(), pulumi.ResourceOptions(provider=self.provider))

    def under(self, component: Component[Any, Any], **options: Any) -> pulumi.ResourceOptions:
        """Options that place a resource of this cluster under a component."""
        return component.below(provider=self.provider, **options)

    def meta(self, component: Component[Any, Any], name: str | None = None) -> meta.v1.ObjectMetaArgs:
        """Where an object stands and whose it is; without a name the provider makes a new one for each content."""
        return meta.v1.ObjectMetaArgs(name=name, namespace=self.namespace, labels=self.labels(component))

    def labels(self, component: Component[Any, Any]) -> dict[str, str]:
        """The component's tags, its stack, and what selects its pods."""
        return {**self.tag_labels(component), **self.of_the_stack(), **selected(physical(component))}

    @staticmethod
    def tag_labels(component: Component[Any, Any]) -> dict[str, str]:
        """The component's tags, made legal."""
        return {key: label(value) for key, value in component.context.tags.as_map().items()}

    def stateful_set(
        self,
        owner: Component[Any, Any],
        pod: core.v1.PodTemplateSpecArgs,
        host: pulumi.Output[str],
        storage: int,
        after: list[pulumi.Resource],
    ) -> pulumi.Output[str]:
        """One pod with a volume that outlives it; `host` again, known once the pod is ready."""
        name = physical(owner)
        claim = core.v1.PersistentVolumeClaimArgs(
            metadata=meta.v1.ObjectMetaArgs(name="data", labels=self.labels(owner)), spec=claim_spec(storage)
        )
        made = apps.v1.StatefulSet(
            owner.name,
            metadata=self.meta(owner, name),
            spec=apps.v1.StatefulSetSpecArgs(
                selector=meta.v1.LabelSelectorArgs(match_labels=selected(name)),
                service_name=name,
                replicas=1,
                template=pod,
                volume_claim_templates=[claim],
            ),
            opts=self.under(
                owner,
                protect=self.settings.protected,
                depends_on=after,
                # They can't be changed: a product's new owner must not cost its pod.
                ignore_changes=["spec.volumeClaimTemplates[0].metadata.labels"],
            ),
        )
        return pulumi.Output.all(made.id, host).apply(lambda known: str(known[1]))

    def service(
        self, owner: Component[Any, Any], endpoints: Mapping[str, Endpoint], *, headless: bool
    ) -> pulumi.Output[str]:
        """The name under which other pods find this one, and the ports they may use."""
        ports = [
            core.v1.ServicePortArgs(name=port_name(key), port=endpoint.port, target_port=endpoint.port)
            for key, endpoint in endpoints.items()
        ]
        made = core.v1.Service(
            owner.name,
            metadata=meta.v1.ObjectMetaArgs(
                name=physical(owner),
                namespace=self.namespace,
                labels=self.labels(owner),
                # Its pods may need its name to start, and whoever reads it waits for them anyway.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.v1.ServiceSpecArgs(
                type="ClusterIP",
                cluster_ip="None" if headless else None,
                # A store's parts find each other under this name before they are ready.
                publish_not_ready_addresses=headless,
                selector=selected(physical(owner)),
                ports=ports,
            ),
            opts=self.under(owner),
        )
        return pulumi.Output.concat(made.metadata.name, ".", self.namespace, ".svc")

    def files(self, owner: Component[Any, Any], files: Mapping[str, pulumi.Input[str]]) -> core.v1.ConfigMap | None:
        if not files:
            return None
        content = {file_key(path): text for path, text in files.items()}
        return core.v1.ConfigMap(owner.name, metadata=self.meta(owner), data=content, opts=self.under(owner))

    def kept(self, owner: Component[Any, Any], gibibytes: int) -> pulumi.Input[str]:
        """The name of a claim for a volume that outlives its pod."""
        claim = core.v1.PersistentVolumeClaim(
            owner.name,
            metadata=self.meta(owner, physical(owner)),
            spec=claim_spec(gibibytes),
            opts=self.under(owner, protect=self.settings.protected),
        )
        return claim.metadata.name


def physical(component: Component[Any, Any]) -> str:
    """A component's name inside the namespace."""
    return shortened(component.origin, NAME_LIMIT)


def selected(name: str) -> dict[str, str]:
    """The label that finds the pods of a name."""
    return {"app.kubernetes.io/name": name}


def reading(stack: str) -> str:
    """The label of a namespace whose stack reads ports of another."""
    return f"reads.mesh/{shortened(stack, 63)}"
