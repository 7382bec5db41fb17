"""Container Apps as the executor sees it: nobody makes an emulator of Azure's management API.

`Fake` answers the requests of the executor for every job as the API's reference says, and keeps them. The SDK, its
log-in by `az` (a script here) and TLS are real.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

JOBS = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.App/jobs/(?P<name>[^/]+)")
EXECUTION = "sales-dev-load-x1y2z3"
STREAM = "/a-stream/of/lines/logstream"
CONTAINER = {
    "name": "main",
    "image": "registry.example.org/python:1",
    "command": ["python", "load.py"],
    "env": [{"name": "HOME", "value": "/data"}, {"name": "PASSWORD", "secretRef": "password"}],
    "resources": {"cpu": 0.5, "memory": "1Gi"},
    "volumeMounts": [{"volumeName": "data", "mountPath": "/data"}],
}
AZ = """\
#!/bin/sh
[ -e "$HOME/logged-out" ] && echo "ERROR: Please run 'az login' to setup account." >&2 && exit 1
echo '{"accessToken": "a-token", "expires_on": 4102444800, "subscription": "1", "tenant": "t", "tokenType": "Bearer"}'
"""


class Fake(ThreadingHTTPServer):
    """The management API, as far as this executor asks it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str, Any]] = []
        self.states: list[dict[str, Any]] = [{"status": "Processing"}, {"status": "Running"}, {"status": "Succeeded"}]
        """What an execution says of itself from look to look; the last stays."""
        self.lines: list[str] | None = None
        """What the container says, as the log stream wraps it; None: Azure tells of no stream."""
        self.refusing: dict[str, tuple[int, str, str]] = {}
        """Status, code and message instead of an answer, by the end of the path."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def bodies(self, end: str) -> list[Any]:
        """What was posted to a path."""
        return [body for method, path, body in self.asked if method == "POST" and path.endswith(end)]


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def handle_once(self) -> None:
        fake = cast(Fake, self.server)
        path = self.path.partition("?")[0]
        job = found[0] if (found := JOBS.match(path)) else "no job"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake.asked.append((self.command, path, json.loads(body) if body else None))
        assert self.headers["Authorization"] == ("Bearer a-log-token" if path == STREAM else "Bearer a-token")
        for end, (status, code, message) in fake.refusing.items():
            if path.endswith(end):
                return self.answer(status, {"error": {"code": code, "message": message}})
        if (self.command, path) == ("POST", f"{job}/start"):
            return self.answer(202, None, Location=f"{fake.url}{job}/operationResults/1?api-version=1")
        if path == f"{job}/operationResults/1":
            return self.answer(200, {"name": EXECUTION, "id": f"{job}/executions/{EXECUTION}"})
        if (self.command, path) == ("GET", job):
            return self.answer(
                200, {"name": job.rpartition("/")[2], "properties": {"template": {"containers": [CONTAINER]}}}
            )
        if (self.command, path) == ("POST", f"{job}/executions/{EXECUTION}/stop"):
            fake.states = [{"status": "Stopped"}]
            return self.answer(202, None)
        if path.endswith("/replicas") and fake.lines is not None:
            container = {"name": "main", "logStreamEndpoint": f"{fake.url}{STREAM}"}
            return self.answer(200, {"value": [{"name": "r", "properties": {"containers": [container]}}]})
        if (self.command, path) == ("POST", f"{job}/getAuthToken"):
            return self.answer(200, {"properties": {"token": "a-log-token"}})
        if path == STREAM:
            return self.answer(200, None, text="".join(f"{line}\n" for line in fake.lines or []))
        if path == f"{job}/executions/{EXECUTION}":
            state = fake.states.pop(0) if len(fake.states) > 1 else fake.states[0]
            return self.answer(200, {"name": EXECUTION, "properties": state})
        return self.answer(404, {"error": {"code": "ResourceNotFound", "message": f"{path} was not found."}})

    do_GET = do_POST = handle_once

    def answer(self, status: int, body: Any, *, text: str = "", **headers: str) -> None:
        content = json.dumps(body).encode() if body is not None else text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is written to the terminal."""


def certificate(folder: Path) -> Path:
    """A certificate of this machine that only these tests trust, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a fake of Azure")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "azure.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    return file


def environment(folder: Path, fake: Fake) -> dict[str, str]:
    """Variables by which a client finds the fake and is logged in; `az` is put into `folder`."""
    (folder / "az").write_text(AZ)
    (folder / "az").chmod(0o755)
    return {
        "ARM_ENDPOINT": fake.url,
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "REQUESTS_CA_BUNDLE": str(folder / "azure.pem"),
        "PATH": f"{folder}:/usr/bin:/bin",
        "HOME": str(folder),
    }
