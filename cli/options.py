"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[DOMAIN[/PRODUCT]]...", help="All domains where none is named.")
]
Env = Annotated[str, typer.Option("--env", "-e", help="The environment: the stack is <domain>-<environment>.")]
Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON document on stdout.")]
Address = Annotated[
    str,
    typer.Argument(metavar="URN", help="urn:dp:<tenant>:<domain>:<product>:<port>, or <domain>/<product>[/<port>]."),
]
