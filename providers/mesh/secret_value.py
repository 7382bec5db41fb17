"""SecretValue: a password generated once and kept encrypted in the state."""

from __future__ import annotations

import secrets
import string

from .fields import Field, at_least
from .kind import Inputs, Kind, Operation, Outputs
from .values import UNKNOWN

# Letters and digits need no quoting in a URL, a shell, SQL or YAML; 32 of them hold 190 bits.
ALPHABET = string.ascii_letters + string.digits


class SecretValue(Kind):
    """`value` is the given one, else generated; it stays until `length` or the given value changes."""

    fields = {
        "length": Field("number", default=32, check=at_least(8)),
        "value": Field("text"),
        "tags": Field("table"),
    }
    outputs = ("value",)
    secret_outputs = frozenset({"value"})

    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        given = inputs.get("value")
        return {"value": given or "".join(secrets.choice(ALPHABET) for _ in range(int(inputs["length"])))}

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if new.get("value"):
            return {"value": new["value"]}
        kept = state and old.get("length") == new.get("length") and not old.get("value")
        return {"value": state["value"] if kept else UNKNOWN}

    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        if not new.get("value") and old.get("length") == new.get("length") and not old.get("value"):
            return {"value": state["value"]}
        return self.create(operation, new)

    def identity(self, inputs: Inputs) -> str:
        return "secret"
