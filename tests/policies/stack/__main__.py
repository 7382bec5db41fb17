"""A small stack for the pack's tests: one product, a database in it, programs in that, as `case.json` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi


class Thing(pulumi.CustomResource):
    """A resource of the stand-in provider; its `value` is known only once it is created."""

    value: pulumi.Output[str]

    def __init__(self, kind: str, name: str, props: dict[str, Any], parent: pulumi.Resource) -> None:
        super().__init__(f"mesh:index:{kind}", name, {**props, "value": None}, pulumi.ResourceOptions(parent=parent))


case = json.loads(Path("case.json").read_text(encoding="utf-8"))
product = pulumi.ComponentResource("mesh:data:Product", "departures", case["product"])
database = pulumi.ComponentResource(
    "mesh:data:Database",
    "departures--warehouse",
    {"tags": case["product"]["tags"]},
    pulumi.ResourceOptions(parent=product, protect=case.get("protect")),
)
server = {"cpu": 0.5, "memoryMiB": 1024, "tags": case["product"]["tags"]}
Thing("PostgresServer", "departures--warehouse", server, database)
secret = Thing("SecretValue", "departures--password", {"length": 32}, database)
for name, props in case.get("processes", {}).items():
    variables = props.get("variables", {})
    made = {key: secret.value if value == "@secret" else value for key, value in variables.items()}
    Thing("Process", name, {**props, "variables": made}, database)
