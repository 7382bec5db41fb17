"""Bring what the tests of containers need, where that is possible: Debian's packages, as root.

Without them those tests skip and say what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {"dockerd": "docker.io", "docker-registry": "docker-registry", "mmdebstrap": "mmdebstrap"}
"""Program: the package that brings it."""


def main() -> None:
    """Install what is missing; the packages' own services stay off."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not missing or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print(f"bringing {', '.join(missing)} for the tests of containers", file=sys.stderr)
    # RUNLEVEL: a package starts no service at run level 1 (invoke-rc.d(8)); the tests start their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", *command], check=False, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    main()
