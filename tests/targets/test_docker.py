"""Target docker: hardened containers, secrets as files, one network a stack, volumes that nothing replaces."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components import dask
from components.errors import Refused
from components.primitives import SIZES, ServiceArgs
from components.targets.containers import FILES
from components.targets.docker_container import OPEN, SECRETS, go_duration
from stacks.program import Program
from stacks.recording import Recorded
from tests.conftest import LittleMesh
from tests.targets.recorded import NAME, Graph, tagged, texts

VALUES = {"target": "docker", "registry": "registry.example.org", "dataDirectory": "/data/sales-dev"}
DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SECRET_VALUE = "SecretValue::"
INPUT = "inputPorts: [{name: weather, from: weather/observations/tables}]\nparameters: {script: score.py}\n"


@pytest.fixture
def graph(little: LittleMesh) -> Graph:
    return Graph(little, VALUES)


def running(graph: Graph) -> list[Recorded]:
    """Containers that start."""
    return [made for made in graph.of("Container") if made.inputs.get("start") is not False]


def laid(graph: Graph) -> list[Recorded]:
    """Containers that hold the files of others."""
    return [made for made in graph.of("Container") if made.inputs.get("start") is False]


def label_map(resource: Recorded) -> dict[str, str]:
    return {entry["label"]: entry["value"] for entry in resource.inputs["labels"]}


def test_every_container_is_hardened(graph: Graph) -> None:
    assert len(running(graph)) == 5
    for made in (container.inputs for container in running(graph)):
        assert made["user"] == "10001:10001"
        assert made["readOnly"] is True
        assert made["capabilities"] == {"drops": ["ALL"]}
        assert made["securityOpts"] == ["no-new-privileges:true"]
        assert made["restart"] == "unless-stopped"
        assert made["init"] is True
        assert list(made["tmpfs"]) == ["/tmp"]
        assert not made.keys() & {"privileged", "devices", "mounts", "pidMode", "ipcMode", "hosts"}
        assert not [volume for volume in made["volumes"] if "hostPath" in volume]


def test_sizes_are_limits_and_nothing_is_swapped(graph: Graph) -> None:
    sizes = {(f"{c.cpu:g}", c.memory) for c in SIZES.values()}
    for made in (container.inputs for container in running(graph)):
        assert (made["cpus"], made["memory"]) in sizes
        assert made["memorySwap"] == made["memory"]


def test_images_are_pulled_once_and_containers_name_them_by_id(graph: Graph) -> None:
    references = [image.inputs["name"] for image in graph.of("RemoteImage")]
    assert len(set(references)) == len(references)
    assert all(reference.startswith("registry.example.org/") for reference in references)
    assert all(image.inputs["keepLocally"] is True for image in graph.of("RemoteImage"))
    for container in graph.of("Container"):
        # A name would be a change for the plugin, whose state holds the id.
        assert re.fullmatch(r"\$\{.*RemoteImage::.*#imageId\}", container.inputs["image"])
    assert {run.inputs["image"] for run in graph.of("JobRun")} <= set(references)


def test_everything_is_tagged(graph: Graph) -> None:
    for kind in ("Container", "Network", "Volume"):
        assert graph.of(kind)
        for resource in graph.of(kind):
            assert tagged(label_map(resource)), resource.name


def test_names_are_dns_labels_and_no_other_stacks(graph: Graph) -> None:
    names = [container.inputs["name"] for container in running(graph)]
    assert all(DNS_LABEL.fullmatch(name) and name.startswith("sales-dev--") for name in names)
    assert len(set(names)) == len(names)
    assert [container.inputs["hostname"] for container in running(graph)] == names


def test_a_health_check_asks_every_endpoint_under_the_containers_own_name(graph: Graph) -> None:
    for container in running(graph):
        assert container.inputs["wait"] is True
        command = container.inputs["healthcheck"]["tests"]
        assert command[:2] == ["CMD", "python"]
        assert command[6] == container.inputs["name"]
    scheduler = graph.named("Container", "--cluster--scheduler").inputs
    assert scheduler["healthcheck"]["tests"][7:] == ["8786", "8787/health"]
    assert scheduler["healthcheck"]["startPeriod"] == "1m30s"
    assert scheduler["waitTimeout"] == 90
    assert graph.named("Container", "--files").inputs["healthcheck"]["tests"][7:] == ["8333/healthz"]


def test_secrets_are_files_of_our_user_alone(graph: Graph) -> None:
    found = [upload for made in laid(graph) for upload in made.inputs["uploads"] if SECRETS in upload["file"]]
    assert len(found) > 5
    for upload in found:
        assert (upload["owner"], upload["group"], upload["permissions"]) == ("10001", "10001", "0400")
        assert SECRET_VALUE in upload["content"]
    for container in running(graph):
        shown = {key: value for key, value in container.inputs.items() if key != "image"}
        assert not [text for text in texts(shown) if SECRET_VALUE in text]


def test_a_program_finds_its_secrets_as_variables_and_the_database_its_password_as_a_file(graph: Graph) -> None:
    scheduler = graph.named("Container", "--cluster--scheduler").inputs["command"]
    assert scheduler[:5] == ["sh", "-c", OPEN, "sh", "python"]
    database = graph.named("Container", "--results").inputs
    assert database["command"][:2] == ["sh", f"{FILES}/database.sh"]
    assert f"PASSWORD_FILE={SECRETS}/PASSWORD" in database["envs"]
    assert database["stopSignal"] == "SIGINT"


def test_files_lie_in_a_container_that_never_starts(graph: Graph) -> None:
    for holder in laid(graph):
        assert (holder.inputs["start"], holder.inputs["mustRun"]) == (False, False)
        assert holder.inputs["networkMode"] == "none"
        folders = [volume["containerPath"] for volume in holder.inputs["volumes"]]
        for upload in holder.inputs["uploads"]:
            assert [folder for folder in folders if upload["file"].startswith(f"{folder}/")], upload["file"]
    holders = {f"${{docker:index/container:Container::{holder.name}#id}}:ro" for holder in laid(graph)}
    taken = {v["fromContainer"] for made in running(graph) for v in made.inputs["volumes"] if "fromContainer" in v}
    assert taken == holders


def test_data_outlives_its_container_and_is_protected_in_prod(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "dataDirectory": "/data/sales-prod"}, "prod")
    for owner in ("--results", "--files", "--other"):
        volume = graph.named("Volume", owner)
        assert volume.protect
        mounted = [v for v in graph.named("Container", owner).inputs["volumes"] if v.get("containerPath") == "/data"]
        assert mounted == [{"containerPath": "/data", "volumeName": volume.inputs["name"]}]
    assert label_map(graph.named("Volume", "--results"))["storage-gib"] == "30"
    assert not any(container.protect for container in graph.of("Container"))


def test_only_a_service_that_names_its_data_directory_keeps_it(graph: Graph) -> None:
    def data(end: str) -> list[dict[str, Any]]:
        return [v for v in graph.named("Container", end).inputs["volumes"] if v.get("containerPath") == "/data"]

    assert [v for made in graph.kept() for v in made.inputs.get("volumes", ()) if "volumeName" in v]
    assert data("--cluster--scheduler") == [{"containerPath": "/data"}]


def test_a_program_listens_under_its_own_name_and_placeholders_are_filled(graph: Graph) -> None:
    scheduler = graph.named("Container", "--cluster--scheduler").inputs
    assert f"{scheduler['name']}:8787" in scheduler["command"]
    assert not [text for made in graph.resources if made.custom for text in texts(made.inputs) if "{{files" in text]
    script = graph.named("JobRun", "--work--run").inputs["files"]["fit.py"]
    assert script == "print('{{not a placeholder}}')\n"


def test_a_job_is_what_the_executor_takes(graph: Graph) -> None:
    run = graph.named("JobRun", "--work--run").inputs
    assert (run["executor"], run["home"], run["name"]) == ("docker", "/data/sales-dev", f"{NAME}--work--run")
    assert run["command"][:2] == ["python", "/files/dask_node.py"]
    assert (run["cpu"], run["memoryMiB"]) == (0.5, 1024)
    assert run["networks"] == ["mesh-sales-dev"]
    assert run["schedule"] == {"cron": "5 4 * * *", "timezone": "UTC"}
    assert "dockerHost" not in run
    assert set(run["secrets"]) == {"TARGET_PASSWORD", "BUCKET_SECRET_KEY", "CLUSTER_PASSWORD"}
    assert run["variables"]["TARGET_HOST"] == graph.named("Container", "--results").inputs["name"]


def test_jobs_that_repeat_have_a_scheduler_on_this_machine(graph: Graph, little: LittleMesh) -> None:
    (scheduler,) = graph.of("Process")
    assert scheduler.inputs["command"][2] == "/data/sales-dev"
    little.table("quiet/orders")
    kinds = {made.type for made in Program(little.domain("quiet-dev"), VALUES).recorded()}
    assert "mesh:index:Process" not in kinds


def test_a_stack_has_one_network_and_all_of_it_is_there(graph: Graph) -> None:
    (network,) = graph.of("Network")
    assert network.inputs["name"] == "mesh-sales-dev"
    assert {str(made.inputs["networksAdvanced"]) for made in running(graph)} == {"[{'name': 'mesh-sales-dev'}]"}


def test_a_network_and_a_daemon_can_be_brought_along(little: LittleMesh) -> None:
    graph = Graph(little, {**VALUES, "network": "analytics", "dockerHost": "ssh://build.example.org"})
    assert not graph.of("Network")
    assert {made.inputs["networksAdvanced"][0]["name"] for made in running(graph)} == {"analytics"}
    assert {str(run.inputs["networks"]) for run in graph.of("JobRun")} == {"['analytics']"}
    assert {run.inputs["dockerHost"] for run in graph.of("JobRun")} == {"ssh://build.example.org"}
    made = [resource for resource in graph.resources if resource.type.startswith("docker:")]
    assert {resource.provider for resource in made} == {"pulumi:providers:docker::docker"}


@pytest.mark.parametrize(
    ("settings", "networks"),
    [
        ("{meshwright:target: docker}", ["mesh-sales-dev", "mesh-weather-dev"]),
        ("{meshwright:target: docker, meshwright:network: outside}", ["mesh-sales-dev", "outside"]),
        ("{meshwright:target: local}", ["mesh-sales-dev"]),
        ("", ["mesh-sales-dev", "mesh-weather-dev"]),
    ],
)
def test_who_reads_another_stack_joins_its_network_and_nobody_else(
    little: LittleMesh, settings: str, networks: list[str]
) -> None:
    little.table("weather/observations", "grants: [{to: sales/score, port: tables, until: 2027-01-01}]\n")
    little.write("stacks/sales/score/score.py", "print(1)\n")
    little.product("sales/score", INPUT, template="script")
    if settings:
        little.write("stacks/Pulumi.weather-dev.yaml", f"config: {settings}\n")
    graph = Program(little.domain("sales-dev"), VALUES).recorded()
    joined = {made.name: made.inputs["networks"] for made in graph if made.type == "mesh:index:JobRun"}
    assert joined.pop("score--work--run") == networks
    assert {str(found) for found in joined.values()} == {"['mesh-sales-dev']"}
    for container in (made for made in graph if made.type == "docker:index/container:Container"):
        names = [network["name"] for network in container.inputs.get("networksAdvanced", [])]
        assert set(names) <= {"mesh-sales-dev"}


def test_nothing_is_published_unless_the_stack_says_so(little: LittleMesh, graph: Graph) -> None:
    assert not [made for made in graph.of("Container") if made.inputs.get("ports")]
    opened = Graph(little, {**VALUES, "publish": True})
    ports = [port for made in running(opened) for port in made.inputs["ports"]]
    assert len(ports) == 6
    assert {port["ip"] for port in ports} == {"127.0.0.1"}
    assert not [made for made in laid(opened) if made.inputs.get("ports")]


def test_what_asks_nobody_is_not_opened_to_other_machines(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ServiceArgs", lambda **given: ServiceArgs(**{**given, "authentication": "none"}))
    with pytest.raises(Refused, match=r"`bind: 0.0.0.0` opens `.*--cluster--scheduler` to other machines"):
        Graph(little, {**VALUES, "publish": True, "bind": "0.0.0.0"})


def test_an_empty_file_is_one_empty_line(little: LittleMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin refuses an upload without content."""
    monkeypatch.setattr(dask, "program", lambda _: "")
    contents = Graph(little, VALUES).named("Container", "--cluster--scheduler--contents").inputs["uploads"]
    assert [upload["content"] for upload in contents if FILES in upload["file"]] == ["\n", "\n"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5s"), (60, "1m0s"), (90, "1m30s"), (180, "3m0s"), (3661, "1h1m1s"), (0, "0s")]
)
def test_times_are_written_as_go_gives_them_back(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text
