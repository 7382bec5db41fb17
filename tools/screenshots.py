"""Takes the README's pictures of the running demo: the dashboard and the catalogue."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.browser import find  # noqa: E402
from tools.demo import MESH, mesh  # noqa: E402

IMAGES = ROOT / "docs" / "images"
CHARTS = 11
"""Charts of the dashboard `delays`."""


def drawn(page: Page) -> None:
    """Wait until every chart of the dashboard shows its data."""
    page.wait_for_function(f"document.querySelectorAll('.chart-slice').length >= {CHARTS}", timeout=120_000)
    page.wait_for_function(
        "!document.querySelector('[data-test=loading-indicator], .loading')"
        " && document.querySelectorAll('.chart-slice canvas').length >= 6",
        timeout=120_000,
    )


def dashboard(
    browser: Browser, url: str, login: dict[str, str], name: str = "delays", file: Path | None = None
) -> Page:
    """Log in, open a dashboard, wait until it is drawn."""
    page = browser.new_page(viewport={"width": 1440, "height": 2170}, bypass_csp=True)
    page.goto(f"{url}/login/", timeout=120_000)
    page.fill("#username", login["user"])
    page.fill("#password", login["password"])
    page.click("[data-test=login-button]")
    page.wait_for_url("**/welcome/**", timeout=120_000)
    page.goto(f"{url}/superset/dashboard/{name}/", timeout=120_000)
    drawn(page)
    if file is not None:
        time.sleep(3)  # charts fade in
        page.screenshot(path=str(file))
    return page


def main() -> None:
    """Write docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    url = mesh("open", "flights/departures/dashboard")["address"]["url"]
    login = mesh("credentials", "flights/departures/dashboard")
    serving = subprocess.Popen([MESH, "catalogue", "serve", "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert serving.stderr is not None
        catalogue = serving.stderr.readline().split("catalogue on ")[1].split()[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
            dashboard(browser, url, login, file=IMAGES / "dashboard.png")
            page = browser.new_page(viewport={"width": 1200, "height": 860})
            for path, name in (("/", "catalogue"), ("/products/flights/delay-model", "product")):
                page.goto(catalogue + path)
                page.screenshot(path=str(IMAGES / f"{name}.png"), full_page=name == "product")
            browser.close()
    finally:
        serving.terminate()
        serving.wait()


if __name__ == "__main__":
    main()
