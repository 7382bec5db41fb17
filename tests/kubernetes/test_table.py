"""A small product of the template `table` in pods: its numbers, its rights, and nothing left behind."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.example.running import Running
from tests.kubernetes.conftest import Place

STACK, URN, READER = "metering-dev", "metering/readings/daily", "flights/delay-model"
DATABASE = "readings--warehouse"
ENDED = 20
"""Seconds within which a pod must have ended: after 30 it would have been killed."""
LINES = [["meter", "day", "kwh"]] + [[f"m{n % 7}", f"2026-0{n % 9 + 1}-11", f"{n * 0.25}"] for n in range(500)]
MANIFEST = """\
apiVersion: meshwright/v1
kind: DataProduct
name: readings
version: 1.0.0
description: What meters have counted
owner: metering@example.org
costCentre: metering-1
classification: internal
template: table@1
sources:
  - {name: readings, file: readings.csv}
outputPorts:
  - {name: daily, from: tables, description: One row a meter and day}
grants:
  - {to: flights/delay-model, port: daily, until: 2027-06-30}
"""


@pytest.fixture(scope="module")
def table(place: Place, checkout: Running) -> Iterator[Running]:
    """The product, up; removed at the end."""
    folder = checkout.root / "stacks" / "metering"
    (folder / "readings").mkdir(parents=True)
    (folder / "readings.yaml").write_text(MANIFEST)
    with (folder / "readings" / "readings.csv").open("w", newline="") as file:
        csv.writer(file).writerows(LINES)
    place.place(checkout, STACK)
    try:
        place.up(checkout, "metering")
        yield checkout
    finally:
        checkout.mesh("destroy", "metering", "--yes", "--force", check=False)


def pods(place: Place) -> dict[str, Any]:
    """The stack's pods by name."""
    return {pod.metadata.name: pod for pod in place.cluster.core.list_namespaced_pod(STACK).items}


def asked(table: Running, question: LiteralString, consumer: str = "") -> list[tuple[Any, ...]]:
    """What the database answers to a holder of rights."""
    with table.connected(URN, consumer) as connection:
        return connection.execute(question).fetchall()


def test_the_numbers_are_those_of_the_file(table: Running) -> None:
    expected = [(len(LINES) - 1, round(sum(float(line[2]) for line in LINES[1:]), 6))]
    question: LiteralString = "select count(*), round(sum(kwh)::numeric, 6)::float from readings.readings"
    assert asked(table, question) == expected
    assert asked(table, question, READER) == expected, "a consumer reads the same with a role of its own"


def test_a_consumer_can_read_and_nothing_else(table: Running) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(table, "delete from readings.readings returning 1", READER)


def test_a_second_up_changes_nothing(place: Place, table: Running) -> None:
    before = {name: (pod.metadata.uid, pod.status.phase) for name, pod in pods(place).items()}
    assert "no changes" in table.mesh("up", "metering").stderr
    assert {name: (pod.metadata.uid, pod.status.phase) for name, pod in pods(place).items()} == before


def test_the_namespace_lets_in_restricted_pods_alone(place: Place, table: Running) -> None:
    labels = place.cluster.core.read_namespace(STACK).metadata.labels
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    plain = {"metadata": {"name": "plain"}, "spec": {"containers": [{"name": "main", "image": place.base}]}}
    with pytest.raises(Exception, match="violates PodSecurity"):
        place.cluster.core.create_namespaced_pod(STACK, plain)


def test_no_secret_is_in_the_state_or_in_a_pod(place: Place, table: Running) -> None:
    kept = [found.data["value"] for found in place.cluster.core.list_namespaced_secret(STACK).items]
    secrets = [base64.b64decode(value).decode() for value in kept]
    assert len(secrets) >= 2
    shown = json.dumps([pod.to_dict() for pod in pods(place).values()], default=str)
    states = [file.read_text() for file in table.root.glob(".state/**/*.json")]
    assert states
    for secret in [*secrets, *kept]:
        assert secret not in shown
        assert not [text for text in states if secret in text]


def test_nobody_in_the_namespace_may_ask_the_kubernetes_api(place: Place, table: Running) -> None:
    for pod in pods(place).values():
        mounted = [mount.mount_path for container in pod.spec.containers for mount in container.volume_mounts]
        assert not [path for path in mounted if path.startswith("/var/run/secrets")], "no pod has a token"
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    token = place.cluster.core.create_namespaced_service_account_token("default", STACK, request).status.token
    asking = client.Configuration()
    asking.host = place.cluster.api.configuration.host
    asking.ssl_ca_cert = place.cluster.api.configuration.ssl_ca_cert
    asking.api_key = {"authorization": f"Bearer {token}"}
    with pytest.raises(ApiException) as caught:
        client.CoreV1Api(client.ApiClient(asking)).list_namespaced_secret(STACK)
    assert caught.value.status == 403


def test_pods_of_others_get_limits(place: Place, table: Running) -> None:
    limited = {
        "metadata": {"name": "foreign"},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "main",
                    "image": place.base,
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
    made = place.cluster.core.create_namespaced_pod(STACK, limited, dry_run="All")
    assert made.spec.containers[0].resources.limits == {"cpu": "500m", "memory": "1Gi"}


def test_data_outlives_a_pod_that_somebody_removed(place: Place, table: Running) -> None:
    before = pods(place)[f"{DATABASE}-0"].metadata.uid
    with table.connected(URN):  # who does not leave
        place.cluster.core.delete_namespaced_pod(f"{DATABASE}-0", STACK)
        place.eventually(lambda: f"{DATABASE}-0" not in uids(place, before), ENDED)
    place.eventually(lambda: ready(pods(place).get(f"{DATABASE}-0"), before))
    assert asked(table, "select count(*) from readings.readings") == [(len(LINES) - 1,)]


def test_a_new_owner_costs_no_data(place: Place, table: Running) -> None:
    claims = place.cluster.core.list_namespaced_persistent_volume_claim
    before = [claim.metadata.uid for claim in claims(STACK).items]
    table.edit("stacks/metering/readings.yaml", "owner: metering@example.org", "owner: others@example.org")
    table.mesh("up", "metering")
    assert [claim.metadata.uid for claim in claims(STACK).items] == before
    assert pods(place)[f"{DATABASE}-0"].metadata.labels["owner"] == "others_example.org"
    assert asked(table, "select count(*) from readings.readings") == [(len(LINES) - 1,)]


def uids(place: Place, uid: str) -> list[str]:
    """The names of pods of this identity."""
    return [name for name, pod in pods(place).items() if pod.metadata.uid == uid]


def ready(pod: Any, other_than: str) -> bool:
    """Whether a pod is there anew, and ready."""
    if pod is None or pod.metadata.uid == other_than:
        return False
    return any(state.type == "Ready" and state.status == "True" for state in pod.status.conditions or [])


def test_destroy_leaves_nothing(place: Place, table: Running) -> None:
    table.mesh("destroy", "metering", "--yes", "--force")
    place.gone(STACK)
    assert [path.name for path in table.home(STACK).iterdir()] == ["logs"]
