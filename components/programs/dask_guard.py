"""Preloaded by the Dask scheduler: its pages ask for user `dask` and the cluster's secret; tasks are kept at once."""

import base64
import hmac
import os
from typing import Any

from distributed.diagnostics.task_stream import TaskStreamPlugin
from tornado.web import RequestHandler

OPEN = ("/health",)


class Denied(RequestHandler):
    """401, so that a browser asks."""

    def prepare(self) -> None:
        self.set_status(401)
        self.set_header("WWW-Authenticate", 'Basic realm="Dask", charset="UTF-8"')
        self.finish("The pages of this cluster ask for a user and a password.")


def allowed(request: Any, expected: str) -> bool:
    """Whether a request may pass."""
    return request.path in OPEN or hmac.compare_digest(request.headers.get("Authorization", ""), expected)


def dask_setup(scheduler: Any) -> None:
    """Called by Dask once its web server stands."""
    # Without it the task stream begins when somebody first looks.
    scheduler.add_plugin(TaskStreamPlugin(scheduler))
    pair = f"dask:{os.environ['CLUSTER_PASSWORD']}".encode()
    expected = "Basic " + base64.b64encode(pair).decode()
    application = scheduler.http_application
    find = application.find_handler

    def guarded(request: Any, **more: Any) -> Any:
        if allowed(request, expected):
            return find(request, **more)
        return application.get_handler_delegate(request, Denied)

    application.find_handler = guarded
