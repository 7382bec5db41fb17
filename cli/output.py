"""What the command prints: progress and mistakes on stderr, data on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from components.errors import Refused, UserError

err = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def mistake(error: Refused | UserError) -> None:
    """What is wrong, where, and how to mend it."""
    for entry in error.errors if isinstance(error, Refused) else (error,):
        err.print("[bold red]error:[/] ", end="")
        err.print(f"{entry.what}", markup=False, end="")
        err.print(f"\n  --> {entry.place()}" if entry.place() else "", markup=False)
        if entry.hint:
            err.print("  hint: ", style="cyan", end="")
            err.print(entry.hint, markup=False)


def document(value: Any) -> None:
    """One JSON document on stdout."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")
