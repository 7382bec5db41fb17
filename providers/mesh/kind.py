"""What every resource kind has: inputs, check, diff and the operations on plain values."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from . import fields
from .fields import Failure, Field
from .masks import Masks
from .refusal import Cancelled
from .values import UNKNOWN

Inputs = dict[str, Any]
Outputs = dict[str, Any]


@dataclass
class Operation:
    """One running create, update, delete or read: can be cancelled, can warn, masks secrets."""

    urn: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)
    masks: Masks = field(default_factory=lambda: Masks(()))
    say: Callable[[str], None] = lambda _: None

    def checkpoint(self) -> None:
        """Raise `Cancelled` where the user has interrupted."""
        if self.cancelled.is_set():
            raise Cancelled("interrupted; what had been begun is removed")

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the user interrupts."""
        self.cancelled.wait(seconds)
        self.checkpoint()

    def warn(self, sentence: str) -> None:
        """Show a warning beside the resource."""
        self.say(self.masks(sentence))


class Kind(ABC):
    """A resource kind `mesh:index:<class name>`; its methods see plain dicts and block (they run in threads)."""

    fields: ClassVar[Mapping[str, Field]]
    outputs: ClassVar[tuple[str, ...]] = ()
    secret_outputs: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    """Inputs whose change makes a new resource; the old one is deleted first, its ports and names are needed."""
    probed: ClassVar[bool] = False
    """Whether there is something that can die; it then has the output `alive`."""

    @property
    def token(self) -> str:
        return f"mesh:index:{type(self).__name__}"

    def check(self, old: Inputs, new: Inputs) -> list[Failure]:
        """Everything that can be refused before anything is made; unknown values pass."""
        found = list(fields.failures(self.fields, new))
        if found:
            return found
        found.extend(self.verify(new))
        if old and not found:
            found.extend(self.verify_change(old, new))
        return found

    def verify(self, new: Inputs) -> Iterator[Failure]:
        """What is wrong with inputs that are right one by one."""
        yield from ()

    def verify_change(self, old: Inputs, new: Inputs) -> Iterator[Failure]:
        """Changes that are refused."""
        yield from ()

    def foresee(self, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        """Outputs of a create (`state` empty) or update in a preview: UNKNOWN for what only the act will tell."""
        return {key: state.get(key, UNKNOWN) for key in self.outputs}

    def dead(self, inputs: Inputs, state: Outputs) -> str | None:
        """Why the thing is not as the state says (probed now), or None while all is well."""
        return None

    @abstractmethod
    def create(self, operation: Operation, inputs: Inputs) -> Outputs:
        """Make it; on any failure leave nothing behind."""

    @abstractmethod
    def update(self, operation: Operation, old: Inputs, state: Outputs, new: Inputs) -> Outputs:
        """Change it in place, or bring it back to life."""

    def delete(self, operation: Operation, inputs: Inputs, state: Outputs) -> None:  # noqa: B027
        """Remove it and everything it kept but logs; no error where it is gone already."""

    def identity(self, inputs: Inputs) -> str:
        """The resource's id."""
        return str(inputs.get("name") or type(self).__name__.lower())


def refused(old: Inputs, new: Inputs, keys: Iterable[str], what: str, instead: str) -> Iterator[Failure]:
    """Failures for changed `keys` of something that is never replaced."""
    for key in keys:
        if UNKNOWN not in (old.get(key), new.get(key)) and old.get(key) is not None and old.get(key) != new.get(key):
            yield key, f"{what} keeps its {key} `{old[key]}` and can't change it to `{new.get(key)}`; {instead}"


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Property paths that differ between two plain values, with add, delete or update."""
    if isinstance(old, dict) and isinstance(new, dict) and (path or old or new):
        for key in sorted(old.keys() | new.keys()):
            step = key if not path else f".{key}"
            if path and not key.replace("_", "a").replace("-", "a").isalnum():
                quoted = key.replace("\\", "\\\\").replace('"', '\\"')
                step = f'["{quoted}"]'
            if key not in new:
                yield path + step, "delete"
            elif key not in old:
                yield path + step, "add"
            else:
                yield from differences(old[key], new[key], path + step)
    elif old != new:
        yield path, "update"
