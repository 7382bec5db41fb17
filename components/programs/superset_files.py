"""Dashboards as files: reads, checks and writes a folder in Superset's export layout."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Files = dict[str, Any]  # {path within the folder: parsed YAML}

VERSION = "1.0.0"  # of Superset's export format
FOLDERS = ("databases", "datasets", "charts", "dashboards")

# Written first in a file, so that a person sees at once what it is; everything else follows by name.
FIRST = (
    "dashboard_title",
    "slice_name",
    "table_name",
    "database_name",
    "column_name",
    "metric_name",
    "verbose_name",
    "description",
    "slug",
    "published",
    "viz_type",
    "uuid",
    "dataset_uuid",
    "database_uuid",
    "version",
    "sql",
)


class BrokenFile(Exception):
    """A file of the folder that can't be used: which, and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def kind(path: str) -> str:
    """The folder a file belongs to: databases, datasets, charts or dashboards."""
    return path.split("/", 1)[0]


def only(files: Files, folder: str) -> Files:
    """The files of one kind."""
    return {path: content for path, content in sorted(files.items()) if kind(path) == folder}


def parse(texts: Mapping[str, str]) -> Files:
    """Parsed files; what is no part of a dashboard is left out."""
    files: Files = {}
    for path, text in sorted(texts.items()):
        if kind(path) not in FOLDERS or not path.endswith((".yaml", ".yml")):
            continue
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"line {mark.line + 1}: " if mark else ""
            raise BrokenFile(path, f"{place}{getattr(error, 'problem', None) or error}") from error
        if not isinstance(content, dict):
            raise BrokenFile(path, "must be a mapping of names to values")
        files[path] = content
    return files


def texts_of(folder: Path) -> dict[str, str]:
    """The YAML files of a folder as {relative path: text}."""
    return {str(p.relative_to(folder).as_posix()): p.read_text("utf-8") for p in sorted(folder.rglob("*.y*ml"))}


def check(files: Files) -> None:
    """Refuses a folder that Superset would import only in part, naming the file."""
    dashboards = only(files, "dashboards")
    if len(dashboards) != 1:
        raise BrokenFile("dashboards/", f"must hold one dashboard, holds {len(dashboards)}")
    required = {
        "databases": ("uuid",),
        "datasets": ("uuid", "table_name", "database_uuid"),
        "charts": ("uuid", "slice_name", "viz_type", "params", "dataset_uuid"),
        "dashboards": ("uuid", "dashboard_title", "position"),
    }
    seen: dict[str, str] = {}
    for path, content in files.items():
        for name in required[kind(path)]:
            if not content.get(name):
                raise BrokenFile(path, f"`{name}` is missing")
        try:
            key = str(uuid.UUID(str(content["uuid"])))
        except ValueError as error:
            raise BrokenFile(path, f"`uuid: {content['uuid']}` is no uuid") from error
        if key in seen:
            raise BrokenFile(path, f"has the uuid of {seen[key]}")
        seen[key] = path
    known = {folder: {content["uuid"] for content in only(files, folder).values()} for folder in FOLDERS}
    for path, content in files.items():
        for name, folder in (("database_uuid", "databases"), ("dataset_uuid", "datasets")):
            if name in content and content[name] not in known[folder]:
                raise BrokenFile(path, f"`{name}: {content[name]}` is in no file of {folder}/")
    path, dashboard = next(iter(dashboards.items()))
    placed = {meta.get("uuid") for _, meta in charts_in(dashboard)}
    for missing in sorted(str(key) for key in placed - known["charts"]):
        raise BrokenFile(path, f"shows the chart {missing}, which is in no file of charts/")
    for chart, content in only(files, "charts").items():
        if content["uuid"] not in placed:
            raise BrokenFile(chart, "is not placed on the dashboard")


def charts_in(dashboard: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The charts on a dashboard: (key in the layout, its `meta`)."""
    position = dashboard.get("position") or {}
    return [
        (key, item["meta"])
        for key, item in sorted(position.items())
        if isinstance(item, dict) and item.get("type") == "CHART"
    ]


class Text(str):
    """A string of several lines, written as a block that a person can read and a diff can show."""


class Dumper(yaml.SafeDumper):
    """YAML as people write it."""


Dumper.add_representer(Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def ordered(value: Any) -> Any:
    """The same value in an order that depends on nothing but its names."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), str(name)))
        return {name: ordered(value[name]) for name in names}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    if isinstance(value, str) and "\n" in value:
        # YAML can't hold trailing blanks in a block; to Superset they mean nothing.
        return Text("\n".join(line.rstrip() for line in value.expandtabs(4).splitlines()))
    return value


def dump(files: Files) -> dict[str, str]:
    """The files' text, the same for the same content, with the `metadata.yaml` that Superset asks for."""
    texts = {
        path: yaml.dump(ordered(content), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
        for path, content in sorted(files.items())
    }
    return {"metadata.yaml": f"version: {VERSION}\ntype: Dashboard\n", **texts}


def slug(name: str) -> str:
    """A file name for a title."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def named_like(files: Files, existing: Files) -> Files:
    """The files under the names they have in `existing` (found by uuid), new ones under a name made of their title."""
    names = {str(content["uuid"]): path for path, content in existing.items() if "uuid" in content}
    ports = {
        str(content["uuid"]): slug(str(content["database_name"]).rsplit("/", 1)[-1])
        for content in only(files, "databases").values()
    }
    result: Files = {}
    for content, what in ((content, kind(path)) for path, content in sorted(files.items())):
        title = next(str(content[name]) for name in FIRST[:4] if name in content)
        stem = ports[str(content["uuid"])] if what == "databases" else slug(str(content.get("slug") or title))
        if what == "datasets":
            stem = f"{ports.get(str(content['database_uuid']), 'database')}/{stem}"
        path = names.get(str(content["uuid"]), f"{what}/{stem}.yaml")
        if path in result:
            path = f"{what}/{stem}-{str(content['uuid'])[:8]}.yaml"
        result[path] = content
    return dict(sorted(result.items()))
