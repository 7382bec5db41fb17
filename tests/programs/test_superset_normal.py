"""What belongs to one installation of Superset never reaches a file, and is put back by the import."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from superset_files import BrokenFile, Files, charts_in, only, parse, texts_of
from superset_normal import Connection, adapted, digest, mark_of, normalise

DELAYS = Path(__file__).resolve().parents[2] / "stacks/flights/departures/dashboards/delays"
PORT = Connection(port="tables", name="flights/departures/tables", schema="departures")
TABLES = {"tables": ["flights", "airlines", "planes"]}


@pytest.fixture
def files() -> Files:
    return parse(texts_of(DELAYS))


def exported(files: Files) -> Files:
    """The files as a running Superset gives them out: with its numbers, its address, and its defaults."""
    content = copy.deepcopy(adapted(files, [PORT], TABLES, "0" * 64))
    content["databases/x.yaml"] = {
        "database_name": PORT.name,
        "uuid": PORT.uuid,
        "sqlalchemy_uri": "postgresql+psycopg2://reader:XXXXXXXXXX@10.0.0.7:5432/warehouse",
        "extra": {"allows_virtual_table_explore": True},
    }
    dashboard = next(iter(only(content, "dashboards").values()))
    for number, (_, meta) in enumerate(charts_in(dashboard), 400):
        meta["chartId"] = number
    dashboard["metadata"]["shared_label_colors"] = ["Newark"]
    dashboard["metadata"]["chart_configuration"] = {
        "400": {"id": 400, "crossFilters": {"scope": "global", "chartsInScope": [401, 402]}}
    }
    for item in dashboard["metadata"]["native_filter_configuration"]:
        item["chartsInScope"] = [400, 401]
    for chart in only(content, "charts").values():
        chart["params"] |= {"datasource": "12__table", "slice_id": 7, "dashboards": [3]}
        chart["query_context"] = json.dumps({"datasource": {"id": 12}})
    return content


def by_uuid(files: Files) -> dict[str, Any]:
    return {content["uuid"]: content for content in files.values()}


def test_committed_files_are_normal(files: Files) -> None:
    assert normalise(files) == files


def test_export_normalises_to_the_committed_files(files: Files) -> None:
    assert by_uuid(normalise(exported(files))) == by_uuid(files)


def test_normalising_changes_no_argument(files: Files) -> None:
    before = copy.deepcopy(files)
    normalise(files)
    assert files == before


def test_excluded_charts_keep_their_meaning(files: Files) -> None:
    """A filter that leaves a chart out refers to it by number: the number becomes ours, the chart stays."""
    content = exported(files)
    dashboard = next(iter(only(content, "dashboards").values()))
    _, meta = charts_in(dashboard)[3]
    dashboard["metadata"]["native_filter_configuration"][0]["scope"]["excluded"] = [meta["chartId"]]
    normal = next(iter(only(normalise(content), "dashboards").values()))
    numbers = {meta["uuid"]: meta["chartId"] for _, meta in charts_in(normal)}
    assert normal["metadata"]["native_filter_configuration"][0]["scope"]["excluded"] == [numbers[meta["uuid"]]]


def test_import_sends_no_connection(files: Files) -> None:
    assert not only(adapted(files, [PORT], TABLES, ""), "databases")


def test_import_moves_datasets_to_the_port(files: Files) -> None:
    elsewhere = Connection(port="tables", name="flights/arrivals/tables", schema="other")
    for dataset in only(adapted(files, [elsewhere], TABLES, ""), "datasets").values():
        assert (dataset["database_uuid"], dataset["schema"]) == (elsewhere.uuid, "other")


def test_import_puts_defaults_back_so_that_they_reset(files: Files) -> None:
    chart = next(iter(only(adapted(files, [PORT], TABLES, ""), "charts").values()))
    assert chart["description"] is None and chart["query_context"] is None


def plain_table(files: Files, table: str) -> str:
    """Turns the dashboard's query into a table, and gives its file."""
    path, dataset = next(iter(only(files, "datasets").items()))
    del dataset["sql"]
    dataset["table_name"] = table
    return path


def test_a_table_is_one_dataset_for_all_dashboards(files: Files) -> None:
    path = plain_table(files, "flights")
    result = adapted(files, [PORT], TABLES, "")
    assert result[path]["uuid"] == PORT.dataset("flights")
    assert {chart["dataset_uuid"] for chart in only(result, "charts").values()} == {PORT.dataset("flights")}


def test_missing_table_is_refused(files: Files) -> None:
    path = plain_table(files, "flightz")
    with pytest.raises(BrokenFile) as error:
        adapted(files, [PORT], TABLES, "")
    assert str(error.value) == (
        f"{path}: the port `tables` has no table `flightz` (it has `flights`, `airlines`, `planes`)"
    )


def test_unknown_connection_is_refused(files: Files) -> None:
    ports = [Connection(port=name, name=f"other/{name}", schema="public") for name in ("east", "west")]
    with pytest.raises(BrokenFile, match=r"none of the ports that this dashboard reads \(`east`, `west`\)"):
        adapted(files, ports, {"east": [], "west": []}, "")


def test_digest_ignores_what_an_installation_adds(files: Files) -> None:
    renamed = {path: content for path, content in exported(files).items() if not path.startswith("databases/")}
    renamed["databases/tables.yaml"] = files["databases/tables.yaml"]
    assert digest(renamed, [PORT]) == digest(files, [PORT])


@pytest.mark.parametrize("change", ["title", "schema"])
def test_digest_knows_a_change(files: Files, change: str) -> None:
    before, port = digest(files, [PORT]), PORT
    if change == "title":
        next(iter(only(files, "charts").values()))["slice_name"] = "Another title"
    else:
        port = Connection(port="tables", name=PORT.name, schema="other")
    assert digest(files, [port]) != before


def test_mark_travels_in_the_dashboard(files: Files) -> None:
    mark = digest(files, [PORT])
    dashboard = next(iter(only(adapted(files, [PORT], TABLES, mark), "dashboards").values()))
    assert mark_of(dashboard["css"]) == mark
    assert mark_of(None) is None and mark_of(".x {}") is None
