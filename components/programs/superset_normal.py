"""Dashboards as code: takes out of a dashboard's files what belongs to one installation, and puts it back in."""

import copy
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from superset_files import VERSION, BrokenFile, Files, charts_in, kind, only

PLACEHOLDER = "postgresql://filled-in-by-the-import"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:meshwright:superset")
MARK = re.compile(r"\A/\* mesh ([0-9a-f]{64}) \*/\n?")

# What an export holds when nobody has set it: left out of the files, put back by the import so that it resets.
DEFAULTS: dict[str, dict[str, Any]] = {
    "dashboards": {"description": None, "css": "", "certified_by": "", "certification_details": "", "slug": None},
    "charts": {
        "description": None,
        "certified_by": "",
        "certification_details": "",
        "cache_timeout": None,
        "query_context": None,
    },
    "datasets": {
        "description": None,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "sql": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "main_dttm_col": None,
        "fetch_values_predicate": None,
        "extra": None,
        "normalize_columns": False,
        "folders": None,
        "always_filter_main_dttm": False,
        "currency_code_column": None,
    },
    "columns": {
        "verbose_name": None,
        "is_dttm": False,
        "is_active": True,
        "type": None,
        "advanced_data_type": None,
        "groupby": True,
        "filterable": True,
        "expression": None,
        "description": None,
        "extra": None,
        "python_date_format": None,
        "datetime_format": None,
    },
    "metrics": {
        "verbose_name": None,
        "metric_type": None,
        "description": None,
        "d3format": None,
        "currency": None,
        "extra": None,
        "warning_text": None,
    },
    "params": {"annotation_layers": [], "extra_form_data": {}},
}
# What belongs to one installation or is computed when a page is drawn.
VOLATILE: dict[str, set[str]] = {
    "dashboards": {"theme_uuid", "theme_id", "tags"},
    "charts": {"query_context", "tags"},
    "datasets": {"schema", "catalog"},
    "columns": {"uuid"},
    "metrics": {"uuid"},
    "params": {"datasource", "slice_id", "dashboards", "dashboardId", "url_params"},
    "metadata": {
        "positions",
        "import_time",
        "remote_id",
        "shared_label_colors",
        "map_label_colors",
        "color_scheme_domain",
        "show_native_filters",
        "default_filters",
    },
}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A port as Superset sees it: `name` is the database connection's, `product/port`."""

    port: str
    name: str
    schema: str

    @property
    def uuid(self) -> str:
        """The same in every installation, so that files may refer to it."""
        return str(uuid.uuid5(NAMESPACE, self.name))

    def dataset(self, table: str) -> str:
        """The uuid of the dataset that shows a table of this port as it is."""
        return str(uuid.uuid5(NAMESPACE, f"{self.name}/{table}"))


def without(content: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy that lacks what is volatile or has its default."""
    defaults, volatile = DEFAULTS.get(what, {}), VOLATILE.get(what, set())
    return {
        key: value
        for key, value in content.items()
        if key not in volatile
        and value is not None
        and not (key in defaults and (value == defaults[key] or value in ("", {}, [])))
    }


def normal_dashboard(content: dict[str, Any]) -> dict[str, Any]:
    """A dashboard without the numbers that an installation gave its charts."""
    content["css"] = MARK.sub("", content.get("css") or "")
    metas = [meta for _, meta in charts_in(content)]
    # The layout repeats the title, and every chart's: one place is enough.
    ((content.get("position") or {}).get("HEADER_ID") or {}).get("meta", {}).pop("text", None)
    # The format refers to charts by number in a few places; these numbers are ours: the order of the uuids.
    numbers = {meta["uuid"]: n for n, meta in enumerate(sorted(metas, key=lambda meta: str(meta["uuid"])), 1)}
    renumbered = {meta["chartId"]: numbers[meta["uuid"]] for meta in metas if "chartId" in meta}
    for meta in metas:
        meta["chartId"] = numbers[meta["uuid"]]
        meta.pop("sliceName", None)
    metadata = content["metadata"] = without(content.get("metadata") or {}, "metadata")
    charts = {}
    for old, configuration in (metadata.get("chart_configuration") or {}).items():
        scope = (configuration.get("crossFilters") or {}).get("scope")
        if int(old) in renumbered and scope not in (None, "global"):
            charts[str(renumbered[int(old)])] = {**configuration, "id": renumbered[int(old)]}
    metadata["chart_configuration"] = charts
    if opened := metadata.get("expanded_slices"):
        metadata["expanded_slices"] = {str(renumbered.get(int(key), key)): value for key, value in opened.items()}
    scopes = [metadata.get("global_chart_configuration"), *charts.values(), *filters_of(content)]
    for item in scopes:
        for part in (item, (item or {}).get("crossFilters")):
            if isinstance(part, dict):
                part.pop("chartsInScope", None)
                part.pop("tabsInScope", None)
                scope = part.get("scope")
                if isinstance(scope, dict) and scope.get("excluded"):
                    scope["excluded"] = sorted(renumbered.get(n, n) for n in scope["excluded"] if n in renumbered)
    content["metadata"] = {key: value for key, value in metadata.items() if value not in (None, {}, [], "")}
    return content


def filters_of(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dashboard's own filters."""
    return list((dashboard.get("metadata") or {}).get("native_filter_configuration") or [])


def normalise(files: Files) -> Files:
    """The same dashboard without addresses, credentials, numbers of an installation, and defaults."""
    result: Files = {}
    for path, original in sorted(files.items()):
        content, what = copy.deepcopy(original), kind(path)
        if what == "databases":
            content = {
                "database_name": content.get("database_name"),
                "uuid": content["uuid"],
                "sqlalchemy_uri": PLACEHOLDER,
            }
        elif what == "dashboards":
            content = normal_dashboard(content)
        elif what == "charts":
            content["params"] = without(content["params"], "params")
        elif what == "datasets":
            for part, name in (("columns", "column_name"), ("metrics", "metric_name")):
                items = {str(item[name]): without(item, part) for item in content.get(part) or []}
                content[part] = [items[key] for key in sorted(items)]
        result[path] = {**without(content, what), "version": VERSION}
    return result


def digest(files: Files, connections: Iterable[Connection]) -> str:
    """One value for all that an import of these files depends on."""
    ports = sorted((c.port, c.name, c.schema) for c in connections)
    return hashlib.sha256(json.dumps([normalise(files), ports], sort_keys=True, default=str).encode()).hexdigest()


def connection_of(path: str, content: Mapping[str, Any], connections: Sequence[Connection]) -> Connection:
    """The port that a file of databases/ stands for: by uuid, by its file name, or because there is only one."""
    stem = path.rsplit("/", 1)[-1].split(".")[0]
    for fits in (lambda c: c.uuid == content["uuid"], lambda c: c.port == stem, lambda c: len(connections) == 1):
        for connection in connections:
            if fits(connection):
                return connection
    names = ", ".join(f"`{c.port}`" for c in connections)
    raise BrokenFile(path, f"stands for none of the ports that this dashboard reads ({names})")


def adapted(files: Files, connections: Sequence[Connection], tables: Mapping[str, Sequence[str]], mark: str) -> Files:
    """The files as this installation imports them: on its own ports, with their schema, complete with defaults.

    `tables` are the tables of each port. The connections themselves exist already, so databases/ is left out and
    no address or password is in what is sent. `mark` is kept in the dashboard, to know the import again.
    """
    content_of = copy.deepcopy(normalise(files))
    ports = {
        content["uuid"]: connection_of(path, content, connections)
        for path, content in only(content_of, "databases").items()
    }
    datasets: dict[str, str] = {}
    for path, content in only(content_of, "datasets").items():
        port, table = ports[content["database_uuid"]], content["table_name"]
        content.update({"database_uuid": port.uuid, "schema": port.schema, "catalog": None})
        if not content.get("sql"):
            if tables[port.port] and table not in tables[port.port]:
                offered = ", ".join(f"`{name}`" for name in tables[port.port])
                raise BrokenFile(path, f"the port `{port.port}` has no table `{table}` (it has {offered})")
            # A table has one dataset in Superset, whichever dashboard shows it.
            datasets[content["uuid"]] = content["uuid"] = port.dataset(table)
        for part in ("columns", "metrics"):
            content[part] = [{**DEFAULTS[part], **item} for item in content.get(part) or []]
    names = {}
    for content in only(content_of, "charts").values():
        content["dataset_uuid"] = datasets.get(content["dataset_uuid"], content["dataset_uuid"])
        names[content["uuid"]] = content["slice_name"]
    for content in only(content_of, "dashboards").values():
        content["css"] = f"/* mesh {mark} */\n" + content.get("css", "")
        content["position"].setdefault("HEADER_ID", {"id": "HEADER_ID", "type": "HEADER"})
        content["position"]["HEADER_ID"]["meta"] = {"text": content["dashboard_title"]}
        for _, meta in charts_in(content):
            meta["sliceName"] = names[meta["uuid"]]
        for target in (target for item in filters_of(content) for target in item.get("targets") or []):
            if target.get("datasetUuid") in datasets:
                target["datasetUuid"] = datasets[target["datasetUuid"]]
    return {
        path: {**DEFAULTS[kind(path)], **content} for path, content in content_of.items() if kind(path) != "databases"
    }


def mark_of(css: str | None) -> str | None:
    """The digest of the files that a dashboard was imported from, if it was."""
    found = MARK.match(css or "")
    return found[1] if found else None
