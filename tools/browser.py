"""Find a Chromium for the browser tests, or bring one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """The path of a Chromium: of the system, or the one that Playwright brought."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Exception:
        # Playwright reports a missing browser by several kinds of error; each means the same here.
        return None
    return path if Path(path).exists() else None


def main() -> int:
    """Bring one where there is none; 2 with a sentence where that fails."""
    if find():
        return 0
    print("bringing Chromium for the browser tests", file=sys.stderr)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(
                command, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            )
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if find():
        return 0
    print("error: there is no Chromium: install your system's package `chromium`", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
