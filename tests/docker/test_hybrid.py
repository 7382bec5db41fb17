"""Products in containers that read a stack of this machine: by a grant, and as a database outside the mesh."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from docker.models.networks import Network

from tests.docker.conftest import Place, stands_on
from tests.example.running import Running
from tests.example.sales import copy_without_products, product, stack

PARTS = """\
template: table@1
sources: [{name: parts, file: parts.csv}]
grants:
  - {to: sales/copy, port: tables, until: 2099-01-01}
  - {to: 'team:outside', port: tables, until: 2099-01-01}
"""
COPY = """\
template: table@1
inputPorts: [{name: stock, from: stock/parts/tables}]
sources: [{name: parts, port: stock, table: parts}]
"""
ERP = """\
template: external@1
parameters:
  database: {host: %(host)s, port: %(port)s, database: %(database)s, schema: parts, tables: [parts], user: %(user)s, password: erp}
outputPorts: [{name: parts, from: tables}]
"""  # noqa: E501 - a manifest
REPORT = """\
template: table@1
inputPorts: [{name: erp, from: sales/erp/parts}]
sources: [{name: parts, port: erp, table: parts}]
"""
ASK = "select count(*), sum(weight) from {}.parts"


@dataclass
class Hybrid:
    """`stock` on this machine, bound to the gateway of the network on which the containers of `sales` are."""

    running: Running
    gateway: str

    def read(self, urn: str, schema: str) -> Any:
        """What a consumer reads of a port."""
        with self.running.connected(urn) as connection:
            return connection.execute(ASK.format(schema)).fetchone()


@pytest.fixture(scope="module")
def network(place: Place) -> Iterator[Network]:
    """A network that was there before the stack."""
    made = place.daemon.networks.create("brought-along", driver="bridge")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def hybrid(place: Place, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hybrid]:
    """Both stacks, up."""
    running = copy_without_products(tmp_path_factory.mktemp("hybrid"))
    stands_on(place, running)
    gateway = str(network.attrs["IPAM"]["Config"][0]["Gateway"])
    stack(running, "stock", "target: local", f"bind: {gateway}")
    product(running, "stock/parts", PARTS, parts_csv="id,weight\n1,2.5\n2,4\n3,0.25\n")
    settings = (f"registry: {place.registry}", f"baseImage: {place.base}", f"network: {network.name}")
    stack(running, "sales", "target: docker", *settings)
    product(running, "sales/copy", COPY)
    try:
        running.mesh("up", "stock")
        outside = running.data("open", "stock/parts/tables")["address"]
        login = running.data("credentials", "stock/parts/tables", "--as", "team:outside")
        product(running, "sales/erp", ERP % {**outside, "user": login["user"]})
        product(running, "sales/report", REPORT)
        running.pulumi("stack", "init", "sales-dev")
        running.pulumi("config", "set", "--secret", "meshwright:erp", login["password"], "-s", "sales-dev")
        running.mesh("images", "push", "-s", "sales-dev")
        running.mesh("up", "sales")
        yield Hybrid(running, gateway)
    finally:
        for domain in ("sales", "stock"):
            running.mesh("destroy", domain, "--yes", "--force", check=False)


def test_a_container_reads_a_granted_port_of_this_machine(hybrid: Hybrid) -> None:
    assert hybrid.running.data("open", "stock/parts/tables")["address"]["host"] == hybrid.gateway
    assert hybrid.read("sales/copy/tables", "copy") == (3, 6.75)


def test_a_database_outside_the_mesh_is_read_like_any_other(hybrid: Hybrid) -> None:
    assert hybrid.read("sales/report/tables", "report") == (3, 6.75)
    record = json.loads(hybrid.running.pulumi("stack", "output", "records", "--json", "-s", "sales-dev").stdout)
    assert [port["protocol"] for port in record["erp"]["ports"]] == ["sql"]
    assert [item["urn"].rpartition(":dp:")[2].split(":", 1)[1] for item in record["report"]["inputs"]] == [
        "sales:erp:parts"
    ]


def test_its_login_is_in_no_state_and_no_output(hybrid: Hybrid) -> None:
    password = hybrid.running.data("credentials", "stock/parts/tables", "--as", "team:outside")["password"]
    texts = [file.read_text() for file in hybrid.running.root.glob(".state/**/*.json")]
    texts.append(hybrid.running.pulumi("stack", "output", "--json", "-s", "sales-dev").stdout)
    assert len(texts) > 2
    assert not [text for text in texts if password in text]


def test_beyond_loopback_nobody_is_let_in_without_a_password(hybrid: Hybrid) -> None:
    port = hybrid.running.data("open", "stock/parts/tables")["address"]
    user = hybrid.running.data("credentials", "stock/parts/tables")["user"]
    where = {"host": port["host"], "port": port["port"], "dbname": port["database"], "user": user}
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(**where, password=password).close()


def test_a_missing_secret_is_named_before_anything_is_made(hybrid: Hybrid) -> None:
    running = hybrid.running
    running.edit("stacks/sales/erp.yaml", "password: erp}", "password: epr}")
    try:
        done = running.mesh("up", "sales", check=False)
    finally:
        running.edit("stacks/sales/erp.yaml", "password: epr}", "password: erp}")
    assert done.returncode == 2
    assert "the secret `epr` is missing in the configuration of stack sales-dev" in done.stderr
    assert "pulumi config set --secret meshwright:epr -s sales-dev" in done.stderr


def test_a_local_port_that_is_taken_is_told(hybrid: Hybrid, network: Network) -> None:
    with subprocess.Popen(
        ["python", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        stdout=subprocess.PIPE,
        env={**hybrid.running.environment, "PYTHONUNBUFFERED": "1"},
        text=True,
    ) as other:
        assert other.stdout is not None
        number = other.stdout.readline().split("port ")[1].split()[0]
        done = hybrid.running.mesh("open", "sales/copy/tables", "--tunnel", "--local-port", number, check=False)
        other.terminate()
    assert (done.returncode, network.name) == (2, "brought-along")
    assert f"port {number} of this machine is taken" in done.stderr
