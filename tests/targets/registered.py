"""A stack's program as the engine would run it, up to the requests that the SDK sends; run as a module for one stack.

Nothing but the engine is missing: the SDK turns every input into what goes over the wire, which the recording does not.
`python -m tests.targets.registered STACK SETTINGS [keep]` prints the requests as JSON; `keep` leaves the SDK's aliases.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Request:
    """One registration: `inputs` is a hash of what was sent, `aliases` by type, name or URN."""

    urn: str
    inputs: str
    aliases: tuple[str, ...]

    @property
    def type(self) -> str:
        """The type token."""
        return self.urn.split("::")[2].rpartition("$")[2]


def requests(stack: str, values: dict[str, Any], *more: str, folder: Path = ROOT) -> list[Request]:
    """What a stack's program sends in its first preview, from a process of its own."""
    words = [sys.executable, "-m", "tests.targets.registered", stack, json.dumps(values), str(folder), *more]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return [Request(urn, inputs, tuple(aliases)) for urn, inputs, aliases in found]


def main(stack: str, values: dict[str, Any], folder: Path, keep: bool) -> None:
    """Run the program against a monitor that notes each request."""
    from pulumi.runtime import mocks
    from pulumi.runtime.stack import run_pulumi_func

    from components.targets import Target
    from stacks.domain import Domain
    from stacks.monitored import Monitor, Nobody
    from stacks.program import Program

    sent: list[tuple[str, str, list[str]]] = []

    class Noting(Monitor):
        """Keeps what is sent, as a hash."""

        def RegisterResource(self, request: Any) -> Any:
            urn = self.make_urn(request.parent, request.type, request.name)
            text = request.object.SerializeToString(deterministic=True)
            specs = [str(alias.spec.type or alias.spec.name or alias.urn) for alias in request.aliases]
            sent.append((urn, hashlib.sha256(text).hexdigest(), [*specs, *request.aliasURNs]))
            return super().RegisterResource(request)

    gc.disable()
    if keep:
        from components.targets import azure_shared

        azure_shared.versioned = lambda alias: False
    Target.verify = lambda self: None  # type: ignore[method-assign]
    for kind in Target.__subclasses__():
        kind.verify = lambda self: None  # type: ignore[method-assign]
    program = Program(Domain(stack, stacks=folder / "stacks", templates=folder / "templates"), values)
    program.kind.verify = lambda self: None  # type: ignore[method-assign]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks.set_mocks(Nobody(), "meshwright", stack, preview=True, monitor=Noting())
    loop.run_until_complete(run_pulumi_func(lambda: program.run()))
    print(json.dumps(sent))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]), "keep" in sys.argv[4:])
