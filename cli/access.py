"""`mesh open` and `mesh credentials`: how a port is opened, with credentials by reference."""

from __future__ import annotations

import contextlib
import shlex
import sys
from typing import Any

from cli import output, project
from cli.engine import query
from components.errors import UserError, near
from stacks.domain import domains
from stacks.manifest import read_mesh


class Opening:
    """One port of a running stack."""

    def __init__(self, urn: str, environment: str) -> None:
        self.project = project.here()
        domain, product, port = split(urn, read_mesh(self.project.stacks).tenant)
        known = domains(self.project.stacks)
        if domain not in known:
            raise UserError(f"there is no domain `{domain}`", hint=near(domain, known))
        self.domain, self.stack = domain, f"{domain}-{environment}"
        self.outputs = query(self.project, "stack", "output", "--json", "-s", self.stack) or {}
        ports: dict[str, Any] = self.outputs.get("ports") or {}
        if not ports:
            raise UserError(f"stack {self.stack} isn't up", hint=f"mesh up {domain}")
        own = [name.split("/")[1] for name in ports if name.split("/")[0] == product]
        if not own:
            raise UserError(
                f"{self.stack} runs no product `{product}`", hint=near(product, {n.split("/")[0] for n in ports})
            )
        if not port:
            if len(own) > 1:
                raise UserError(
                    f"`{domain}/{product}` has several ports",
                    hint="name one: " + ", ".join(f"{domain}/{product}/{p}" for p in own),
                )
            port = own[0]
        if port not in own:
            raise UserError(f"{domain}/{product} has no port `{port}`", hint=near(port, own))
        self.key = f"{product}/{port}"
        self.port: dict[str, Any] = ports[self.key]

    @property
    def short(self) -> str:
        """`flights/departures/tables`."""
        return f"{self.domain}/{self.key}"

    def credentials(self) -> dict[str, dict[str, str]]:
        """User and password by consumer; empty for a port that asks nobody who they are."""
        secret = (
            query(self.project, "stack", "output", "credentials", "--json", "--show-secrets", "-s", self.stack) or {}
        )
        return secret.get(self.key) or {}

    def granted(self, consumer: str) -> dict[str, str]:
        """User and password of a consumer; the domain's own by default."""
        readers = self.credentials()
        if not readers:
            raise UserError(f"{self.short} is opened without credentials")
        wanted = consumer or self.domain
        if wanted not in readers:
            raise UserError(f"{self.short} is not granted to `{wanted}`", hint=near(wanted, readers))
        return readers[wanted]


def split(urn: str, tenant: str) -> tuple[str, str, str]:
    """Domain, product, port (perhaps empty) of an address in either form."""
    if urn.startswith("urn:dp:"):
        parts = urn.split(":")[2:]
        if parts[:1] != [tenant]:
            raise UserError(f"`{urn}` belongs to tenant {parts[0] if parts else '?'}, not {tenant}")
        parts = parts[1:]
    else:
        parts = urn.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UserError(
            f"`{urn}` is no address",
            hint="write <domain>/<product>/<port>, or urn:dp:<tenant>:<domain>:<product>:<port>",
        )
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def open_port(urn: str, environment: str, *, consumer: str, as_json: bool, tunnelled: bool, local: int) -> None:
    """Ready lines for a shell; the password is fetched when the line runs."""
    opening = Opening(urn, environment)
    if not tunnelled:
        _show(opening, opening.port, environment, consumer, as_json)
        return
    from cli import tunnel
    from components.targets import load
    from stacks.domain import Domain, stack_config

    domain = Domain(opening.stack, stacks=opening.project.stacks, templates=opening.project.templates)
    values = stack_config(opening.stack, opening.project.stacks)
    target = load(str(opening.outputs["target"]))(domain.settings(values))
    host, number = tunnel.place(opening.port)
    here = local or tunnel.free_port()
    with tunnel.tunnel(target, host, number, here) as running:
        _show(opening, tunnel.moved(opening.port, tunnel.LOOPBACK, here), environment, consumer, as_json)
        sys.stdout.flush()
        output.err.print(f"{host}:{number} answers at {tunnel.LOOPBACK}:{here}; Ctrl-C ends it", markup=False)
        with contextlib.suppress(KeyboardInterrupt):
            if running.wait():
                raise UserError(f"the tunnel to {host}:{number} ended by itself")


def _show(opening: Opening, port: dict[str, Any], environment: str, consumer: str, as_json: bool) -> None:
    protocol = port["protocol"]
    fetch = f"mesh credentials {opening.short} -e {environment}" + (f" --as {consumer}" if consumer else "")
    lines: dict[str, str] = {}
    if protocol == "sql":
        user = opening.granted(consumer)["user"]
        host, number, database = port["host"], int(port["port"]), port["database"]
        lines["psql"] = f'PGPASSWORD="$({fetch} --password)" psql -h {host} -p {number} -U {user} -d {database}'
        lines["sqlalchemy"] = f"postgresql+psycopg://{user}@{host}:{number}/{database}  (password: {fetch} --password)"
        lines["tables"] = ", ".join(f"{port['schema']}.{table}" for table in port.get("tables") or [])
    elif protocol == "s3":
        user = opening.granted(consumer)["user"]
        lines["uri"] = f"s3://{port['bucket']}/{port.get('prefix') or ''}"
        lines["aws"] = (
            f'AWS_ACCESS_KEY_ID={shlex.quote(user)} AWS_SECRET_ACCESS_KEY="$({fetch} --password)" '
            f"aws --endpoint-url {port['endpoint']} s3 ls s3://{port['bucket']}/{port.get('prefix') or ''}"
        )
    elif protocol == "http":
        lines["url"] = str(port["url"])
        if opening.credentials():
            lines["login"] = fetch
    else:
        lines["address"] = str(port["address"])
    if as_json:
        output.document({"urn": opening.short, "protocol": protocol, "address": port, "lines": lines})
        return
    for name, line in lines.items():
        output.out.print(f"{name:<11}{line}", markup=False)


def credentials(urn: str, environment: str, *, consumer: str, only_password: bool, as_json: bool) -> None:
    """The credentials themselves, on stdout, for whoever asked for them."""
    found = Opening(urn, environment).granted(consumer)
    if only_password:
        sys.stdout.write(found["password"] + "\n")
    elif as_json:
        output.document(found)
    else:
        sys.stdout.write(f"user      {found['user']}\npassword  {found['password']}\n")
