"""External: a database, a bucket or an HTTP service that is there already, offered as ports of a product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from components.base import Component
from components.port import ADDRESS, Credentials, Port, Protocol
from components.primitives import Secret, SecretArgs


@dataclass(frozen=True, kw_only=True)
class ExternalDatabase:
    """A PostgreSQL database. `password` names a secret of the stack's configuration (`pulumi config set --secret`)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    host: str
    port: int = 5432
    database: str
    schema: str = "public"
    tables: tuple[str, ...] = ()
    user: str
    password: str

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ValueError(f"`port` is between 1 and 65535, not {self.port}")


@dataclass(frozen=True, kw_only=True)
class ExternalBucket:
    """An S3-compatible bucket. `password` names the secret of the stack's configuration that holds the secret key."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    endpoint: str
    bucket: str
    prefix: str = ""
    user: str
    """The access key."""
    password: str

    def __post_init__(self) -> None:
        _plain(self.endpoint, "endpoint")


@dataclass(frozen=True, kw_only=True)
class ExternalService:
    """An HTTP service that asks for a login. `password` names a secret of the stack's configuration."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    url: str
    user: str
    password: str

    def __post_init__(self) -> None:
        _plain(self.url, "url")


@dataclass(frozen=True, kw_only=True)
class ExternalPage:
    """An HTTP service that asks nobody who they are."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    url: str

    def __post_init__(self) -> None:
        _plain(self.url, "url")


@dataclass(frozen=True, kw_only=True)
class ExternalArgs:
    """What there is, each at most once."""

    database: ExternalDatabase | None = None
    bucket: ExternalBucket | None = None
    service: ExternalService | None = None
    page: ExternalPage | None = None


@dataclass(frozen=True, kw_only=True)
class ExternalOutputs:
    """A port for each that was given; the others have no address. All readers share the one login that was given."""

    tables: Port
    objects: Port
    service: Port
    page: Port


class External(Component[ExternalArgs, ExternalOutputs]):
    """Something outside the mesh: nothing is made but the secrets that open it."""

    type_token = "mesh:data:External"
    Args, Outputs = ExternalArgs, ExternalOutputs
    composed_of = (Secret,)

    def compose(self) -> ExternalOutputs:
        args = self.args
        tables = objects = login = Port(protocol="sql", address={})
        if args.database is not None:
            tables = self._port("sql", args.database)
        if args.bucket is not None:
            objects = self._port("s3", args.bucket)
        if args.service is not None:
            login = self._port("http", args.service)
        page = Port(protocol="http", address={"url": args.page.url} if args.page is not None else {})
        return ExternalOutputs(tables=tables, objects=objects, service=login, page=page)

    def _port(self, protocol: Protocol, there: ExternalDatabase | ExternalBucket | ExternalService) -> Port:
        value = self.context.target.settings.secret(there.password)
        secret = Secret(self.child(f"{protocol}-password"), SecretArgs(value=value), self.below())
        address = {name: getattr(there, name) for name in ADDRESS[protocol] if hasattr(there, name)}
        return Port(protocol=protocol, address=address, credentials=Credentials(user=there.user, secret=secret))


def _plain(url: str, field: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"`{field}` is an address like https://host, not {url!r}")
    if parts.username or parts.password:
        raise ValueError(f"`{field}` holds a login, which has no place in a file")
