"""The product `weather/observations` in containers: the same numbers, nothing in the open, nothing left behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.docker.conftest import Place
from tests.example.running import DATA, Running

URN, STACK = "weather/observations/hourly", "weather-dev"
DATABASE = "weather-dev--observations--warehouse"
ASK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 5432), timeout=3)
except OSError as error:
    sys.exit(f"no way: {error}")
"""


@pytest.fixture(scope="module")
def table(place: Place, checkout: Running) -> Iterator[Running]:
    """The product, up; removed at the end."""
    checkout.mesh("images", "push", "-s", STACK)
    try:
        checkout.mesh("up", "weather")
        yield checkout
    finally:
        checkout.mesh("destroy", "weather", "--yes", "--force", check=False)


def rows(place: Place, table: Running) -> tuple[int, float]:
    """How many, and the mean temperature, as the domain's own people read them."""
    login = table.data("credentials", URN)
    address = {"host": place.address(DATABASE), "port": 5432, "dbname": "warehouse"}
    with psycopg.connect(**address, user=login["user"], password=login["password"]) as connection:  # type: ignore[arg-type]
        found = connection.execute("select count(*), avg(temp) from observations.weather").fetchone()
    assert found is not None
    return int(found[0]), round(float(found[1]), 6)


def expected() -> tuple[int, float]:
    """The same from the raw file, by nothing of ours."""
    head, *lines = (DATA / "weather.csv").read_text().splitlines()
    column = head.replace('"', "").split(",").index("temp")
    temps = [float(cell) for line in lines if (cell := line.split(",")[column]) not in ("NA", "")]
    return len(lines), round(sum(temps) / len(temps), 6)


def test_the_numbers_are_those_of_the_raw_file(place: Place, table: Running) -> None:
    assert rows(place, table) == expected()


def test_a_second_up_changes_nothing(place: Place, table: Running) -> None:
    before = {container.id for container in place.daemon.containers.list(all=True)}
    assert "no changes" in table.mesh("up", "weather").stderr
    assert {container.id for container in place.daemon.containers.list(all=True)} == before


def test_no_secret_is_in_the_state_or_shown_by_docker(place: Place, table: Running) -> None:
    kept: Any = place.daemon.containers.get(DATABASE).exec_run(["cat", "/run/secrets/PASSWORD"]).output
    hidden = [bytes(kept).decode(), table.data("credentials", URN)["password"]]
    assert all(len(secret) == 32 for secret in hidden)
    shown = json.dumps([container.attrs for container in place.daemon.containers.list(all=True)])
    states = [file.read_text() for file in table.root.glob(".state/**/*.json")]
    assert states
    for secret in hidden:
        assert secret not in shown
        assert not [text for text in states if secret in text]


def test_a_tunnel_makes_it_answer_here_until_it_is_interrupted(table: Running) -> None:
    with subprocess.Popen(
        ["mesh", "open", URN, "--tunnel", "--json"],
        cwd=table.root,
        env=table.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as opened:
        assert opened.stdout is not None and opened.stderr is not None
        assert "answers at 127.0.0.1" in opened.stderr.readline()
        opened_at = opened.stdout
        port = json.loads("".join(iter(opened_at.readline, "}\n")) + "}")["address"]
        login = table.data("credentials", URN)
        address = {"host": port["host"], "port": port["port"], "dbname": port["database"]}
        with psycopg.connect(**address, user=login["user"], password=login["password"]) as connection:
            found = connection.execute("select count(*) from observations.weather").fetchone()
        opened.send_signal(signal.SIGINT)
        assert opened.wait(20) == 0
    assert found == (expected()[0],)
    with socket.socket() as caller:
        assert caller.connect_ex((port["host"], port["port"])) != 0


def test_it_is_reachable_on_its_own_network_and_on_no_other(place: Place, table: Running) -> None:
    image = str(place.daemon.containers.get(DATABASE).attrs["Image"])

    def asks(network: str, host: str) -> int:
        asking = place.daemon.containers.create(image, ["python", "-c", ASK, host], network=network)
        try:
            asking.start()
            return int(asking.wait()["StatusCode"])
        finally:
            asking.remove(force=True, v=True)

    other = place.daemon.networks.create("other")
    try:
        assert asks("mesh-weather-dev", DATABASE) == 0
        assert asks("other", DATABASE) == 1
        assert asks("other", place.address(DATABASE)) == 1
    finally:
        other.remove()


def test_nothing_is_published_and_nothing_can_be_written_but_data(place: Place, table: Running) -> None:
    database = place.daemon.containers.get(DATABASE)
    assert not [bound for bound in database.attrs["NetworkSettings"]["Ports"].values() if bound]
    for path in ("/x", "/opt/mesh/x", "/files/x", "/run/secrets/x"):
        assert database.exec_run(["touch", path]).exit_code != 0
    assert database.exec_run(["touch", "/tmp/x"]).exit_code == 0


def test_data_outlives_a_container_that_somebody_removed(place: Place, table: Running) -> None:
    place.daemon.containers.get(DATABASE).remove(force=True)
    table.pulumi("refresh", "--yes", "--skip-preview", "-s", STACK)
    table.mesh("up", "weather")
    assert rows(place, table) == expected()


def test_destroy_leaves_nothing(place: Place, table: Running) -> None:
    table.mesh("destroy", "weather", "--yes", "--force")
    assert place.left() == {"containers": [], "volumes": [], "networks": []}
    assert [path.name for path in table.home(STACK).iterdir()] == ["logs"]
