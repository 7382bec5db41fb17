"""What the internet may open on Kubernetes: an Ingress for each public endpoint, over TLS."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from pulumi_kubernetes import meta
from pulumi_kubernetes.networking import v1

from components.errors import UserError
from components.names import shortened
from components.primitives import Endpoint, Service
from components.targets.containers import Places
from components.targets.kubernetes_network import Network
from components.targets.kubernetes_objects import physical
from components.targets.kubernetes_pod import port_name

HOST_LIMIT = 63
"""A label of a domain name (RFC 1035)."""
ISSUER = "cert-manager.io/cluster-issuer"
"""cert-manager.io, "Annotated Ingress resource"."""


class Public(Network):
    """Publishes endpoints under the stack's `meshwright:ingressDomain`."""

    @cached_property
    def hosts(self) -> dict[str, str]:
        """Published host -> the address by which the pods of this stack reach the same.

        They don't take the way out and back in: it needs a name and a certificate that may not be there yet.
        """
        return {}

    def places(self, endpoints: Mapping[str, Endpoint] | None = None) -> Places:
        """Placeholders of a pod, and the inner addresses of what is published."""
        places = Places(endpoints)
        places.values |= self.hosts
        return places

    def check_public(self, service: Service) -> None:
        """Refuse what can't be published."""
        for key, endpoint in service.args.endpoints.items():
            if not endpoint.public:
                continue
            if endpoint.protocol != "http":
                raise UserError(
                    f"endpoint `{key}` of `{service.name}` speaks {endpoint.protocol}; on {self.name} only http can be"
                    " public"
                )
            if not self.settings.values.get("ingressDomain"):
                raise UserError(
                    f"`{service.name}` is public, and `meshwright:ingressDomain` names no domain for it",
                    hint=f"pulumi config set meshwright:ingressDomain data.example.org -s {self.settings.stack}",
                )

    def published(self, service: Service) -> dict[str, str]:
        """The https address of each public endpoint, by its name."""
        public = {key: endpoint for key, endpoint in service.args.endpoints.items() if endpoint.public}
        found = {}
        for number, (key, endpoint) in enumerate(public.items()):
            name = physical(service) if number == 0 else shortened(f"{physical(service)}--{key}", HOST_LIMIT)
            # Two dashes in the third place mean something else (RFC 5891, 4.2.3.1).
            host = f"{name.replace('--', '-')}.{self.settings.values['ingressDomain']}"
            found[key] = f"https://{host}"
            if found[key] in self.hosts:
                raise UserError(f"two services of stack {self.settings.stack} would be {host}", hint="rename one")
            namespace = self.settings.values.get("namespace") or self.settings.stack
            self.hosts[found[key]] = f"http://{physical(service)}.{namespace}.svc:{endpoint.port}"
            self._ingress(service, name, key, host)
        return found

    def _ingress(self, service: Service, name: str, key: str, host: str) -> None:
        values = self.settings.values
        secret, issuer = values.get("ingressTls"), values.get("ingressIssuer")
        backend = v1.IngressBackendArgs(
            service=v1.IngressServiceBackendArgs(
                name=physical(service), port=v1.ServiceBackendPortArgs(name=port_name(key))
            )
        )
        path = v1.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
        # The controller fills in its address late or never: nobody waits for that.
        annotations = {"pulumi.com/skipAwait": "true"} | ({ISSUER: str(issuer)} if issuer else {})
        v1.Ingress(
            f"{service.name}{name.removeprefix(physical(service))}",
            metadata=meta.v1.ObjectMetaArgs(
                name=name, namespace=self.namespace, labels=self.labels(service), annotations=annotations
            ),
            spec=v1.IngressSpecArgs(
                ingress_class_name=str(values["ingressClass"]) if values.get("ingressClass") else None,
                rules=[v1.IngressRuleArgs(host=host, http=v1.HTTPIngressRuleValueArgs(paths=[path]))],
                # Without a secret the controller shows a certificate of its own.
                tls=[
                    v1.IngressTLSArgs(
                        hosts=[host], secret_name=str(secret) if secret else f"{name}-tls" if issuer else None
                    )
                ],
            ),
            opts=self.under(service),
        )
