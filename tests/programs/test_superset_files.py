"""A dashboard's files: read, checked, written and named the same way every time."""

import copy
from pathlib import Path

import pytest
from superset_files import BrokenFile, Files, check, dump, named_like, only, parse, texts_of

DELAYS = Path(__file__).resolve().parents[2] / "stacks/flights/departures/dashboards/delays"


@pytest.fixture
def files() -> Files:
    return parse(texts_of(DELAYS))


def test_committed_dashboard_is_whole(files: Files) -> None:
    check(files)
    assert len(only(files, "charts")) >= 6


def test_committed_text_is_what_a_pull_writes(files: Files) -> None:
    assert dump(files) == texts_of(DELAYS)


def test_committed_text_holds_no_address() -> None:
    for path, text in texts_of(DELAYS).items():
        assert "127.0.0.1" not in text and "password" not in text.lower(), path


def test_query_is_a_block_that_a_diff_can_show(files: Files) -> None:
    path = next(iter(only(files, "datasets")))
    assert "sql: |" in dump(files)[path]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "charts/x.yaml: line 1: expected ',' or ']', but got '<stream end>'"),
        ("- a", "charts/x.yaml: must be a mapping of names to values"),
    ],
)
def test_broken_yaml_names_file_and_line(text: str, sentence: str) -> None:
    with pytest.raises(BrokenFile) as error:
        parse({"charts/x.yaml": text})
    assert str(error.value) == sentence


def test_missing_chart_is_named(files: Files) -> None:
    path, chart = next(iter(only(files, "charts").items()))
    del files[path]
    with pytest.raises(BrokenFile, match=f"shows the chart {chart['uuid']}, which is in no file of charts/"):
        check(files)


def test_missing_key_is_named(files: Files) -> None:
    path = next(iter(only(files, "charts")))
    del files[path]["viz_type"]
    with pytest.raises(BrokenFile, match=f"{path}: `viz_type` is missing"):
        check(files)


def test_uuid_twice_names_both_files(files: Files) -> None:
    first, second = list(only(files, "charts"))[:2]
    files[second]["uuid"] = files[first]["uuid"]
    with pytest.raises(BrokenFile, match=f"{second}: has the uuid of {first}"):
        check(files)


def test_renamed_chart_keeps_its_file(files: Files) -> None:
    exported = copy.deepcopy(files)
    path = next(iter(only(exported, "charts")))
    content = exported.pop(path)
    exported["charts/Another_title_12.yaml"] = {**content, "slice_name": "Another title"}
    assert list(named_like(exported, files)) == list(files)


def test_new_files_are_named_by_title(files: Files) -> None:
    names = list(named_like(files, {}))
    assert "charts/flights-per-day.yaml" in names
    assert "dashboards/delays.yaml" in names
    assert "databases/tables.yaml" in names


def test_two_charts_of_one_title_get_two_files(files: Files) -> None:
    for chart in only(files, "charts").values():
        chart["slice_name"] = "Same"
    assert len(named_like(files, {})) == len(files)
