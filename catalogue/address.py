"""The one address of a product or port: `urn:dp:<tenant>:<domain>:<product>[:<port>]`, or short."""

import re
import uuid
from typing import NamedTuple

# Together with the separators these lengths fit the 63 characters of a Backstage name and of a DNS label.
LENGTHS = {"tenant": 24, "domain": 24, "product": 38, "port": 38}
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Namespace of our identities; a constant, so that the same urn gives the same uid on every machine.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dp")


class AddressError(ValueError):
    """A name or address that can't be used, in one sentence."""


class Address(NamedTuple):
    """The parts of an address; `port` is None for a product."""

    tenant: str
    domain: str
    product: str
    port: str | None = None

    @property
    def urn(self) -> str:
        return ":".join(("urn:dp", self.tenant, self.domain, self.product, *([self.port] if self.port else [])))

    @property
    def product_urn(self) -> str:
        return self._replace(port=None).urn

    @property
    def short(self) -> str:
        return "/".join((self.domain, self.product, *([self.port] if self.port else [])))


def check_name(kind: str, name: str) -> str:
    """`name`, if it may name a tenant, domain, product or port."""
    shown = f"{name[:40]}…" if len(name) > 40 else name
    if len(name) > LENGTHS[kind]:
        raise AddressError(f"{kind} `{shown}` has {len(name)} characters, at most {LENGTHS[kind]} are allowed")
    if not NAME.fullmatch(name):
        raise AddressError(
            f"{kind} `{shown}` is no legal name: lower-case letters, digits and single hyphens, a letter first"
        )
    return name


def address(tenant: str, domain: str, product: str, port: str | None = None) -> Address:
    """The checked address of these parts."""
    check_name("tenant", tenant)
    check_name("domain", domain)
    check_name("product", product)
    if port is not None:
        check_name("port", port)
    return Address(tenant, domain, product, port)


def urn(tenant: str, domain: str, product: str, port: str | None = None) -> str:
    """The urn of a product, or of one of its ports."""
    return address(tenant, domain, product, port).urn


def parse_urn(text: str, tenant: str = "") -> Address:
    """The address that `text` holds: a urn, or the short form, which takes its tenant from `tenant`."""
    shown = f"{text[:100]}…" if len(text) > 100 else text
    parts = text.split(":")
    if parts[:2] == ["urn", "dp"] and len(parts) in (5, 6):
        return address(*parts[2:])
    short = text.split("/")
    if not text.startswith("urn:") and len(short) in (2, 3):
        if not tenant:
            raise AddressError(f"`{shown}` is a short address and names no tenant: write `urn:dp:<tenant>:...`")
        return address(tenant, *short)
    raise AddressError(
        f"`{shown}` is no address: expected `urn:dp:<tenant>:<domain>:<product>[:<port>]`, "
        "or short `<domain>/<product>[/<port>]`"
    )


def mint_uid(product_urn: str) -> str:
    """The uid of a product: UUIDv5 of the urn it was born with. Pin it: it outlives a rename."""
    return str(uuid.uuid5(NAMESPACE, product_urn))
