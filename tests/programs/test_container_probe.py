"""The probe of containers: a connection where there is no path, HTTP 2xx or 3xx where there is."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from components.primitives import program


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def probe(*endpoints: str) -> subprocess.CompletedProcess[str]:
    """As the daemon runs it."""
    words = [sys.executable, "-I", "-S", "-c", program("container_probe.py"), "127.0.0.1", *endpoints]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_what_answers_is_healthy(port: int) -> None:
    done = probe(str(port), f"{port}/200", f"{port}/302")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_that_does_not_is_named(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = taken.getsockname()[1]
        done = probe(f"{port}/200", f"{port}/503", str(closed))
    assert done.returncode == 1
    first, second = done.stderr.strip().splitlines()
    assert first.startswith(f"{port}/503: HTTP/1.0 503")
    assert second.startswith(f"{closed}: ")
    assert "refused" in second


def test_silence_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        threading.Thread(target=lambda: quiet.accept()[0].close(), daemon=True).start()
        done = probe(f"{quiet.getsockname()[1]}/200")
    assert done.returncode == 1
    assert "200: " in done.stderr
