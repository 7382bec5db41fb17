"""The checkout a command works in, and the environment that plain `pulumi` needs there."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from functools import cached_property
from pathlib import Path

from components.errors import UserError

PACK = "policies"


class Project:
    """A folder with Pulumi.yaml and stacks/mesh.yaml."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def stacks(self) -> Path:
        """Manifests, by domain."""
        return self.root / "stacks"

    @property
    def templates(self) -> Path:
        """Templates."""
        return self.root / "templates"

    @property
    def state(self) -> Path:
        """Default backend, passphrase and catalogue."""
        return self.root / ".state"

    @property
    def backend(self) -> str:
        """Where Pulumi keeps the state."""
        return os.environ.get("PULUMI_BACKEND_URL") or f"file://{self.state}"

    @property
    def own_backend(self) -> bool:
        """Whether the state lies in this checkout, and not where the user says."""
        return self.backend == f"file://{self.state}"

    @cached_property
    def pulumi(self) -> str:
        """The Pulumi CLI."""
        import shutil

        found = shutil.which("pulumi", path=self.path)
        if found is None:
            raise UserError("there is no Pulumi CLI here", hint="run `make install`, or `python3 tools/install.py`")
        return found

    @property
    def path(self) -> str:
        """PATH with the checkout's tools ahead."""
        tools, venv = self.root / ".tools" / "bin", Path(sys.prefix) / "bin"
        path = os.environ.get("PATH", "")
        ahead = [str(folder) for folder in (tools, venv) if str(folder) not in path.split(os.pathsep)]
        return os.pathsep.join([*ahead, path])

    def variables(self) -> dict[str, str]:
        """What is set for `pulumi`, beside what the user has set already."""
        values = {
            "PATH": self.path,
            "PULUMI_BACKEND_URL": self.backend,
            "PULUMI_OPTION_POLICY_PACK": os.environ.get("PULUMI_OPTION_POLICY_PACK") or str(self.root / PACK),
            # One failed job must not keep the other products from running.
            "PULUMI_OPTION_CONTINUE_ON_ERROR": "true",
            # Every pulumi_* wheel would become a required plugin, used or not; they load on first use.
            "PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if not any(os.environ.get(key) for key in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")):
            values["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self._passphrase())
        return values

    def environment(self) -> dict[str, str]:
        """The whole environment of a `pulumi` process."""
        return {**os.environ, **self.variables()}

    def _passphrase(self) -> Path:
        """A passphrase of this checkout, made once, readable by its owner only."""
        file = self.state / "passphrase"
        if not file.exists():
            self.state.mkdir(mode=0o700, exist_ok=True)
            try:
                handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return file
            with os.fdopen(handle, "w") as stream:
                stream.write(secrets.token_urlsafe(32))
        return file


def here() -> Project:
    """The project of the working directory, or the one this command was installed from."""
    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parent.parent):
        if (folder / "Pulumi.yaml").is_file() and (folder / "stacks" / "mesh.yaml").is_file():
            return Project(folder)
    raise UserError("there is no Meshwright project here", hint="go to a folder with Pulumi.yaml and stacks/mesh.yaml")


def print_environment(*, as_json: bool) -> None:
    """Shell lines for `eval`, or JSON."""
    values = here().variables()
    if as_json:
        import json

        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"export {key}={shlex.quote(value)}\n" for key, value in values.items()))
