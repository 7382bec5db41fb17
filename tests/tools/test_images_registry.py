"""The registry's client against answers that Debian's docker-registry never gives: tokens, busy hours, other hosts."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.errors import UserError
from tools.images.base import pull
from tools.images.login import Login
from tools.images.oci import INDEX, Descriptor
from tools.images.reference import Reference
from tools.images.registry import Registry
from tools.images.store import Store

Answer = tuple[int, dict[str, str], bytes]
Rule = Callable[["Request"], Answer]


class Request:
    """What a client sent."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.method, self.headers = handler.command, handler.headers
        self.path, self.query = urlsplit(handler.path).path, parse_qs(urlsplit(handler.path).query)
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.authorization = handler.headers.get("Authorization", "")


class Fake:
    """A server that answers by a function, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.rule: Rule = lambda _: (404, {}, b"")
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                request = Request(self)
                fake.asked.append(request)
                status, headers, body = fake.rule(request)
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if request.method != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nobody"))
    monkeypatch.setattr("tools.images.registry.time.sleep", lambda _: None)
    made = Fake()
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def tokens(fake: Fake, method: str, *, buys: Callable[[Request], bool]) -> Rule:
    """A registry that wants a token; its scope is the token."""

    def rule(request: Request) -> Answer:
        if request.path == "/token":
            if request.method != method or not buys(request):
                return 401, {}, b'{"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}'
            form = request.query or parse_qs(request.body.decode())
            return 200, {}, json.dumps({"token": "+".join(form["scope"]).replace(" ", "+")}).encode()
        if "repository:acme/x:pull" not in request.authorization:
            realm = f'Bearer realm="http://{fake.host}/token",service="it",scope="repository:acme/x:pull"'
            return 401, {"WWW-Authenticate": realm}, b""
        return 200, {}, b""

    return rule


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_token_is_bought_once_with_user_and_password(fake: Fake) -> None:
    fake.rule = tokens(fake, "GET", buys=lambda request: request.authorization == basic("ann", "secret"))
    registry = Registry(fake.host, print, Login("ann", "secret"))
    assert registry.has("acme/x", "manifests", "1")
    assert registry.has("acme/x", "manifests", "2")
    assert [request.path for request in fake.asked].count("/token") == 1
    # The password goes to where tokens are sold, and nowhere else.
    assert {request.path for request in fake.asked if request.authorization.startswith("Basic")} == {"/token"}


def test_a_token_is_bought_by_nobody_where_that_is_enough(fake: Fake) -> None:
    fake.rule = tokens(fake, "GET", buys=lambda request: not request.authorization)
    assert Registry(fake.host, print).has("acme/x", "manifests", "1")


def test_an_identity_token_buys_another_token(fake: Fake) -> None:
    fake.rule = tokens(fake, "POST", buys=lambda request: b"refresh_token=mine" in request.body)
    assert Registry(fake.host, print, Login(identity_token="mine")).has("acme/x", "manifests", "1")


def test_who_is_refused_is_told_where_to_log_in(fake: Fake) -> None:
    fake.rule = tokens(fake, "GET", buys=lambda _: False)
    with pytest.raises(UserError) as caught:
        Registry(fake.host, print, Login("ann", "canary")).has("acme/x", "manifests", "1")
    assert caught.value.what == f"registry {fake.host} refuses the login of ann: HTTP 401 (who are you)"
    assert f"docker login {fake.host}" in caught.value.hint
    assert "canary" not in str(caught.value)


def test_a_busy_registry_is_asked_again(fake: Fake) -> None:
    fake.rule = lambda _: (503, {}, b"") if len(fake.asked) < 3 else (200, {}, b"")
    assert Registry(fake.host, print).has("acme/x", "blobs", "x")
    assert len(fake.asked) == 3


def test_a_registry_that_stays_away_is_named(fake: Fake) -> None:
    fake.close()
    with pytest.raises(UserError, match=f"registry {fake.host} does not answer as it should"):
        Registry(fake.host, print).has("acme/x", "blobs", "x")


def test_a_blob_that_comes_damaged_is_fetched_again(fake: Fake, store: Store, tmp_path: Path) -> None:
    good = b"content"
    blob = Descriptor("", Store(tmp_path / "other").add(good), len(good))
    comes = iter([b"c0ntent", good])
    fake.rule = lambda request: (200, {}, next(comes) if request.method == "GET" else b"")
    Registry(fake.host, print).fetch("acme/x", blob, store, "it")
    assert store.path(blob.digest).read_bytes() == good


def test_an_upload_elsewhere_takes_no_login_along(fake: Fake, store: Store) -> None:
    elsewhere = Fake()
    elsewhere.rule = lambda request: (202 if request.method == "PATCH" else 201, {"Location": "/upload/1?state=x"}, b"")

    def rule(request: Request) -> Answer:
        if not request.authorization:
            return 401, {"WWW-Authenticate": 'Basic realm="it"'}, b""
        if request.method == "HEAD":
            return 404, {}, b""
        return 202, {"Location": f"http://{elsewhere.host}/upload/1"}, b""

    fake.rule = rule
    blob = Descriptor("", store.add(b"content"), 7)
    try:
        # What comes after the first answer is asked for where that answer stands.
        with pytest.raises(UserError):
            Registry(fake.host, print, Login("ann", "secret")).push_blob("acme/x", blob, store, "it")
    finally:
        elsewhere.close()
    assert elsewhere.asked[0].method == "PATCH"
    assert elsewhere.asked[0].body == b"content"
    assert not [request for request in elsewhere.asked if request.authorization]


def test_a_repository_that_must_be_made_first_is_named(fake: Fake, store: Store) -> None:
    error = b'{"errors": [{"code": "NAME_UNKNOWN", "message": "no such repository"}]}'
    fake.rule = lambda _: (404, {}, error)
    blob = Descriptor("", store.add(b"content"), 7)
    with pytest.raises(UserError) as caught:
        Registry(fake.host, print).push_blob("acme/x", blob, store, "it")
    assert caught.value.what == f"registry {fake.host} has no repository acme/x (no such repository)"
    assert "aws ecr create-repository --repository-name acme/x" in caught.value.hint


def test_a_base_for_other_machines_is_refused(fake: Fake, store: Store) -> None:
    digest = f"sha256:{'0' * 64}"
    entry = {"digest": digest, "size": 1, "platform": {"os": "linux", "architecture": "arm64"}}
    index = json.dumps({"mediaType": INDEX, "manifests": [entry]}).encode()
    fake.rule = lambda _: (200, {"Content-Type": INDEX}, index)
    with pytest.raises(UserError, match="is not there for linux/amd64\n  hint: it is for linux/arm64"):
        pull(Reference.of(f"{fake.host}/base:1"), "3.11", store, print)


def test_a_base_that_is_not_there_is_named(fake: Fake, store: Store) -> None:
    with pytest.raises(UserError, match=f"there is no image {fake.host}/base:1"):
        pull(Reference.of(f"{fake.host}/base:1"), "3.11", store, print)
