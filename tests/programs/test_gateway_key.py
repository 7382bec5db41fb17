"""The program that gives a reader a key for an S3 gateway: its policy, its calls, and that it leaves others' alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gateway_key
import pytest


class Gateway(BaseHTTPRequestHandler):
    """As much of a gateway as the program calls: users, and one bucket's policy."""

    server: Any

    def _answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.calls.append((self.command, self.path, body.decode(), self.headers["Authorization"]))
        status, answer = 200, b""
        if server.failing:
            status = server.failing.pop()
        elif self.path == "/create-user":
            status = 409 if server.known else 201
        elif self.path == "/data?policy=" and self.command == "PUT":
            server.policy = json.loads(body)
            if server.overwriting:
                server.policy = server.overwriting.pop()
        elif self.path == "/data?policy=" and self.command == "DELETE":
            server.policy = None
        elif self.path == "/data?policy=":
            status, answer = (200, json.dumps(server.policy).encode()) if server.policy else (404, b"none")
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_DELETE = do_PATCH = _answer

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    server.calls, server.failing, server.overwriting, server.policy, server.known = [], [], [], None, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "BUCKET": "data",
        "OWNER": "owner",
        "OWNER_SECRET_KEY": "of-the-owner",
        "KEY": "reader",
        "SECRET_KEY": "of<the>reader",
        "PREFIX": "routes/",
        "UNTIL": "2027-06-30",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("sys.argv", ["gateway_key.py"])
    yield server
    server.shutdown()
    server.server_close()


def statement(key: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": [key]}, "Action": ["s3:GetObject"], "Resource": ["x"]}


def test_a_reader_opens_and_lists_its_prefix_until_the_day_has_ended(gateway: Any) -> None:
    gateway_key.main()
    end = {"DateLessThan": {"aws:CurrentTime": "2027-07-01T00:00:00Z"}}
    opens, lists = gateway.policy["Statement"]
    assert opens["Action"] == ["s3:GetObject"] and opens["Resource"] == ["arn:aws:s3:::data/routes/*"]
    assert opens["Condition"] == end
    assert lists["Action"] == ["s3:ListBucket"] and lists["Resource"] == ["arn:aws:s3:::data"]
    assert lists["Condition"] == {**end, "StringLike": {"s3:prefix": "routes/*"}}
    created = next(call for call in gateway.calls if call[1] == "/create-user")
    assert "<Secret>of&lt;the&gt;reader</Secret>" in created[2] and "<Role>user</Role>" in created[2]
    assert all("of-the-owner" not in text and "reader" not in call[3] for call in gateway.calls for text in call)


def test_without_prefix_and_day_nothing_is_conditional() -> None:
    opens, lists = gateway_key.statements("data", "reader", "", "")
    assert "Condition" not in opens and "Condition" not in lists
    assert opens["Resource"] == ["arn:aws:s3:::data/*"]


def test_a_changed_secret_is_written_to_a_user_that_is_there(gateway: Any) -> None:
    gateway.known = True
    gateway_key.main()
    assert ("PATCH", "/update-user?access=reader") in [call[:2] for call in gateway.calls]


def test_others_keep_their_rights_and_a_second_run_writes_nothing(gateway: Any) -> None:
    gateway.policy = {"Version": "2012-10-17", "Statement": [statement("other"), statement("reader")]}
    gateway_key.main()
    assert [s["Principal"]["AWS"] for s in gateway.policy["Statement"]] == [["other"], ["reader"], ["reader"]]
    writes = len([call for call in gateway.calls if call[0] == "PUT"])
    gateway_key.main()
    assert len([call for call in gateway.calls if call[0] == "PUT"]) == writes


def test_what_another_job_overwrote_is_written_again(gateway: Any) -> None:
    gateway.overwriting = [{"Version": "2012-10-17", "Statement": [statement("other")]}]
    gateway_key.main()
    assert {s["Principal"]["AWS"][0] for s in gateway.policy["Statement"]} == {"other", "reader"}


@pytest.mark.parametrize("others", [[], ["other"]])
def test_undo_takes_the_key_away_and_no_other(gateway: Any, monkeypatch: pytest.MonkeyPatch, others: list[str]) -> None:
    gateway.policy = {"Version": "2012-10-17", "Statement": [statement(key) for key in [*others, "reader"]]}
    monkeypatch.setattr("sys.argv", ["gateway_key.py", "--undo"])
    gateway_key.main()
    left = gateway.policy["Statement"] if gateway.policy else []
    assert [s["Principal"]["AWS"][0] for s in left] == others
    assert ("PATCH", "/delete-user?access=reader") in [call[:2] for call in gateway.calls]


def test_a_gateway_that_is_starting_gets_time_and_a_refusal_is_told(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.failing = [503, 403, 500]
    gateway_key.main()
    assert gateway.policy
    gateway.failing = [400]
    with pytest.raises(SystemExit, match="PATCH /create-user answered 400"):
        gateway_key.main()
    monkeypatch.setenv("ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match=r"PATCH /create-user: .*refused"):
        gateway_key.main()
