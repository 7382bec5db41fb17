"""A real browser sees the dashboard's charts drawn with data, and the four products in the catalogue."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.example.running import Running
from tools.browser import find
from tools.screenshots import CHARTS, dashboard

pytestmark = [pytest.mark.engine, pytest.mark.software, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        yield opened
        opened.close()


def test_the_dashboard_is_drawn_with_data(running: Running, browser: Browser) -> None:
    url = running.address("flights/departures/dashboard")["url"]
    page = dashboard(browser, url, running.data("credentials", "flights/departures/dashboard"))
    assert page.title().startswith("Departure delays")
    assert page.locator(".chart-slice").count() == CHARTS
    assert page.locator(".header-line").first.inner_text() == "336,776"
    assert page.locator("[role=alert], .missing-chart-container").count() == 0
    blank = """canvases => canvases.filter(c => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
        return d.every(v => v === 0)
    }).length"""
    assert page.locator(".chart-slice canvas").evaluate_all(blank) == 0


def test_a_wrong_password_is_refused(running: Running, browser: Browser) -> None:
    url = running.address("flights/departures/dashboard")["url"]
    page = browser.new_page()
    page.goto(f"{url}/login/")
    page.fill("#username", "viewer")
    page.fill("#password", "guessed")
    page.click("[data-test=login-button]")
    page.wait_for_load_state("networkidle")
    assert "/login/" in page.url


def test_the_catalogue_shows_the_four_products(running: Running, browser: Browser) -> None:
    serving = subprocess.Popen(
        ["mesh", "catalogue", "serve", "--port", "0"],
        cwd=running.root,
        env=running.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stderr is not None
        address = serving.stderr.readline().split("catalogue on ")[1].split()[0]
        page = browser.new_page()
        page.goto(address)
        text = page.inner_text("main")
        for product in ("observations", "departures", "delay-model", "route-stats"):
            assert product in text
        page.click("text=delay-model")
        page.wait_for_url("**/products/**")
        shown = page.inner_text("main")
        for fact in ("flights@example.org", "predictions", "metrics", "observations", "departures", "dask-model"):
            assert fact in page.content()
        assert "Lineage" in shown
    finally:
        serving.terminate()
        serving.wait()
