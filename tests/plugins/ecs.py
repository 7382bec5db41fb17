"""Ecs: the few answers of ECS that a job asks for; every task ends well at once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from tests.plugins.clouds import ACCOUNT, REGION


class Ecs(ThreadingHTTPServer):
    """A server on loopback, found by AWS_ENDPOINT_URL."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.ran: list[str] = []
        """The task definitions that were run, in order."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """Variables by which a client finds it and is let in."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anybody",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class Answer(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        content = json.dumps(getattr(self, operation)(asked)).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/x-amz-json-1.1", "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def DescribeTaskDefinition(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"taskDefinition": {"taskDefinitionArn": asked["taskDefinition"], "containerDefinitions": []}}

    def RunTask(self, asked: dict[str, Any]) -> dict[str, Any]:
        ran = cast(Ecs, self.server).ran
        ran.append(asked["taskDefinition"])
        return {"tasks": [self.task(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/one/{len(ran)}")], "failures": []}

    def DescribeTasks(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [self.task(arn) for arn in asked["tasks"]], "failures": []}

    def task(self, arn: str) -> dict[str, Any]:
        """One that has ended well."""
        return {"taskArn": arn, "lastStatus": "STOPPED", "containers": [{"name": "main", "exitCode": 0}]}

    def log_message(self, *_: Any) -> None:
        """Nothing is written to the terminal."""
