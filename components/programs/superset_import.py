"""A job: connects Superset to the ports a product reads, imports one dashboard's files, and lets a viewer in.

    superset_import.py FOLDER [--undo]

Environment: SUPERSET_URL, SUPERSET_USER, SUPERSET_PASSWORD; PRODUCT (its name, part of the connections' names);
PORTS (comma separated) and for each port <PORT>_{HOST,PORT,DATABASE,SCHEMA,TABLES,USER,PASSWORD};
optional VIEWER_USER and VIEWER_PASSWORD. FOLDER holds the dashboard in Superset's export layout.
"""

import json
import os
import re
import sys
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from superset_client import Refused, Superset, SupersetError, explained
from superset_files import BrokenFile, Files, check, dump, only, parse, texts_of
from superset_normal import Connection, adapted, digest, mark_of


def variable(name: str) -> str:
    """A variable that must be there."""
    if not (value := os.environ.get(name)):
        raise SupersetError(f"the job needs the variable {name}")
    return value


def prefix(port: str) -> str:
    """The beginning of a port's variables."""
    return re.sub(r"[^A-Z0-9]", "_", port.upper())


def connections_of(product: str) -> list[Connection]:
    """The ports named in PORTS."""
    ports = [port.strip() for port in os.environ.get("PORTS", "").split(",") if port.strip()]
    return [
        Connection(port=port, name=f"{product}/{port}", schema=os.environ.get(f"{prefix(port)}_SCHEMA") or "public")
        for port in ports
    ]


def tables_of(port: str) -> list[str]:
    """The tables that a port offers."""
    return [table.strip() for table in os.environ.get(f"{prefix(port)}_TABLES", "").split(",") if table.strip()]


def uri_of(port: str) -> str:
    """The port's address with its credentials: for Superset alone, which keeps it encrypted."""
    part = {name: variable(f"{prefix(port)}_{name}") for name in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD")}
    user, password = (urllib.parse.quote(part[name], safe="") for name in ("USER", "PASSWORD"))
    return f"postgresql+psycopg2://{user}:{password}@{part['HOST']}:{part['PORT']}/{part['DATABASE']}"


def ensure(superset: Superset, kind: str, content: Mapping[str, Any], **columns: object) -> tuple[int, bool]:
    """The number of the object with these values, and whether it was made just now; several jobs may try at once."""
    if found := superset.found(kind, **columns):
        return int(found[0]["id"]), False
    try:
        return int(superset.post(f"{kind}/", content)["id"]), True
    except Refused:
        if found := superset.found(kind, **columns):
            return int(found[0]["id"]), False
        raise


def connect(superset: Superset, connection: Connection) -> int:
    """The number of the port's database connection in Superset, made or brought up to date."""
    content = {
        "database_name": connection.name,
        "sqlalchemy_uri": uri_of(connection.port),
        "expose_in_sqllab": True,
        "allow_dml": False,
        "allow_ctas": False,
        "allow_cvas": False,
    }
    try:
        key, new = ensure(superset, "database", {**content, "uuid": connection.uuid}, database_name=connection.name)
        if not new:
            superset.put(f"database/{key}", content)
        return key
    except Refused as error:
        names = ("HOST", "PORT", "DATABASE", "USER")
        host, port, database, user = (variable(f"{prefix(connection.port)}_{name}") for name in names)
        where = f"`{connection.port}` at {host}:{port}/{database} as `{user}`"
        raise SupersetError(f"Superset can't reach the port {where}: {explained(error.detail)}") from error


def offer_tables(superset: Superset, connection: Connection, database: int) -> None:
    """Each table of the port is a dataset, so that people can draw charts of their own."""

    def known() -> set[str]:
        return {
            item["table_name"]
            for item in superset.found("dataset", schema=connection.schema)
            if item["database"]["id"] == database
        }

    for table in sorted(set(tables_of(connection.port)) - known()):
        try:
            superset.post(
                "dataset/",
                {
                    "database": database,
                    "schema": connection.schema,
                    "table_name": table,
                    "uuid": connection.dataset(table),
                },
            )
        except Refused as error:
            if table in known():
                continue  # another dashboard's job was a moment faster
            reason = explained(error.detail)
            if "could not be found" in reason or "does not exist" in reason:
                reason = f"there is no table `{connection.schema}.{table}`"
            raise SupersetError(f"the port `{connection.port}` can't be shown: {reason}") from error


def dashboard_in(superset: Superset, uuid: str) -> dict[str, Any] | None:
    """The dashboard of this uuid, if Superset has it."""
    found = superset.found("dashboard", uuid=uuid)
    return dict(superset.get(f"dashboard/{found[0]['id']}")["result"]) if found else None


def charts_on(superset: Superset, dashboard: Mapping[str, Any] | None) -> set[int]:
    """The numbers of the charts on a dashboard."""
    if dashboard is None:
        return set()
    return {int(chart["id"]) for chart in superset.get(f"dashboard/{dashboard['id']}/charts")["result"]}


def remove_unused(superset: Superset, charts: set[int]) -> None:
    """Removes those of the charts that are on no dashboard, then the queries (not tables) that only they showed."""
    datasets: set[int] = set()
    for chart in sorted(charts):
        found = superset.found("chart", id=chart)
        if found and not found[0]["dashboards"]:
            datasets.add(int(found[0]["datasource_id"]))
            superset.delete(f"chart/{chart}")
    for dataset in sorted(datasets):
        content = superset.get(f"dataset/{dataset}")["result"]
        if content.get("sql") and not superset.found("chart", datasource_id=dataset):
            superset.delete(f"dataset/{dataset}")


def show(superset: Superset, files: Files, connections: Sequence[Connection]) -> None:
    """Imports the dashboard, unless exactly these files are there already."""
    path, content = next(iter(only(files, "dashboards").items()))
    title, mark = content["dashboard_title"], digest(files, connections)
    before = dashboard_in(superset, content["uuid"])
    if before and mark_of(before.get("css")) == mark:
        print(f"{title}: unchanged, not imported again")
        return
    had = charts_on(superset, before)
    texts = dump(adapted(files, connections, {c.port: tables_of(c.port) for c in connections}, mark))
    slug = content.get("slug")
    others = superset.found("dashboard", slug=slug) if slug else []
    if any(str(other.get("uuid", content["uuid"])) != content["uuid"] for other in others):
        raise BrokenFile(path, f"another dashboard has the slug `{slug}`")
    for attempt in (1, 2, 3):
        try:
            superset.import_assets(texts)
            break
        except Refused as error:
            if error.status < 500 or attempt == 3:
                sentence = f"Superset refused the dashboard `{title}` ({path}): {explained(error.detail)}"
                raise SupersetError(sentence) from error
            time.sleep(attempt)  # another job may be importing what both dashboards share
    remove_unused(superset, had - charts_on(superset, dashboard_in(superset, content["uuid"])))
    print(f"{title}: imported")


def check_data(
    superset: Superset, files: Files, connections: Sequence[Connection], databases: Mapping[str, int]
) -> None:
    """Asks for the rows behind every chart before anything is replaced: no chart is the first to miss a table."""
    by_uuid = {connection.uuid: connection for connection in connections}
    for path, content in only(adapted(files, connections, {c.port: [] for c in connections}, ""), "datasets").items():
        connection = by_uuid[content["database_uuid"]]
        table = f'"{content["schema"]}"."{content["table_name"]}"'
        source = f"({content['sql'].rstrip().rstrip(';')}\n)" if content["sql"] else table
        query = {
            "database_id": databases[connection.name],
            "schema": connection.schema,
            "sql": f"SELECT count(*) AS rows FROM {source} AS counted",
            "runAsync": False,
        }
        try:
            rows = superset.post("sqllab/execute/", query)["data"][0]["rows"]
        except Refused as error:
            reason = re.sub(r" LINE \d+:.*", "", explained(error.detail))
            raise SupersetError(f"{path}: the port `{connection.port}` refused its query: {reason}") from error
        print(f"{content['table_name']}: {rows} rows" + ("" if rows else "; its charts will be empty"))


def admit(superset: Superset, product: str, databases: Mapping[str, int]) -> None:
    """The viewer sees the product's dashboards and datasets, and none of another product."""
    user, password = os.environ.get("VIEWER_USER"), os.environ.get("VIEWER_PASSWORD")
    if not user or not password:
        return
    role_name = f"{product} reader"
    role, _ = ensure(superset, "security/roles", {"name": role_name}, name=role_name)
    # Access to the connection is access to all that is drawn on it, whichever dashboard's job ran last.
    views = [
        view["id"]
        for connection, key in databases.items()
        for view in superset.found("security/resources", name=f"[{connection}].(id:{key})")
    ]
    wanted = [
        permission["id"]
        for view in views
        for permission in superset.get(
            "security/permissions-resources/", f"(filters:!((col:view_menu,opr:rel_o_m,value:{view})))"
        )["result"]
        if permission["permission"]["name"] == "database_access"
    ]
    superset.post(f"security/roles/{role}/permissions", {"permission_view_menu_ids": wanted})
    gamma = superset.found("security/roles", name="Gamma")[0]["id"]
    content = {"active": True, "roles": [gamma, role], "password": password}
    person = {"username": user, "first_name": user, "last_name": "viewer", "email": f"{user}@mesh.invalid", **content}
    key, new = ensure(superset, "security/users", person, username=user)
    if not new:
        superset.put(f"security/users/{key}", content)


def run(folder: Path) -> int:
    """Everything that the product shows in Superset, for one dashboard; the number of its charts."""
    product, files = variable("PRODUCT"), parse(texts_of(folder))
    check(files)
    connections = connections_of(product)
    adapted(files, connections, {c.port: tables_of(c.port) for c in connections}, "")  # refuse before anything is made
    superset = Superset(variable("SUPERSET_URL"), variable("SUPERSET_USER"), variable("SUPERSET_PASSWORD"))
    databases = {}
    for connection in connections:
        databases[connection.name] = connect(superset, connection)
        offer_tables(superset, connection, databases[connection.name])
    check_data(superset, files, connections, databases)
    show(superset, files, connections)
    admit(superset, product, databases)
    return len(only(files, "charts"))


def undo(folder: Path) -> int:
    """Takes the dashboard away again, and what only it needed."""
    files = only(parse(texts_of(folder)), "dashboards")
    uuid = next((str(content.get("uuid")) for content in files.values()), "")
    try:
        superset = Superset(variable("SUPERSET_URL"), variable("SUPERSET_USER"), variable("SUPERSET_PASSWORD"), 3.0)
    except SupersetError as error:
        # Dashboards live in Superset alone: where there is none, none is left.
        print(f"nothing to remove: {error}")
        return 0
    dashboard = dashboard_in(superset, uuid)
    if dashboard is None:
        return 0
    charts = charts_on(superset, dashboard)
    superset.delete(f"dashboard/{dashboard['id']}")
    remove_unused(superset, charts)
    print(f"{dashboard['dashboard_title']}: removed")
    return len(charts)


def main(arguments: Sequence[str]) -> int:
    """The command line; an error is one sentence on stderr, exit code 1."""
    folder = Path(arguments[0] if arguments else "dashboard")
    try:
        if not folder.is_dir():
            raise SupersetError(f"the dashboard's folder {folder.name}/ does not exist")
        rows = undo(folder) if "--undo" in arguments else run(folder)
    except (SupersetError, BrokenFile, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("::mesh:: " + json.dumps({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
