"""A small client of Superset's REST API on the standard library alone: log in, ask, send, export, import."""

import http.cookiejar
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any


class SupersetError(Exception):
    """What went wrong, as a sentence for the person who ran the job."""


class Refused(SupersetError):
    """Superset answered, with an error: `status` is HTTP's, `detail` what Superset says about it."""

    def __init__(self, sentence: str, status: int, detail: Any) -> None:
        super().__init__(sentence)
        self.status, self.detail = status, detail


def quoted(value: object) -> str:
    """A string as Rison, the notation of Superset's `q` parameter."""
    return "'" + str(value).replace("!", "!!").replace("'", "!'") + "'"


def equal(**columns: object) -> str:
    """The query for the objects whose columns have these values."""
    filters = ",".join(
        f"(col:{column},opr:eq,value:{value if isinstance(value, int) else quoted(value)})"
        for column, value in columns.items()
    )
    return f"(filters:!({filters}),page_size:100)"


class Superset:
    """A session of one user with one Superset."""

    def __init__(self, url: str, user: str, password: str, patience: float = 30.0) -> None:
        """Logs in; waits up to `patience` seconds for a Superset that is only starting."""
        self.url, self.user = url.rstrip("/"), user
        self.headers: dict[str, str] = {"Referer": self.url + "/"}
        self.opener = urllib.request.build_opener(
            # A proxy of the machine's is not for a service of ours.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        give_up = time.monotonic() + patience
        while True:
            try:
                credentials = {"username": user, "password": password, "provider": "db", "refresh": False}
                token = self.post("security/login", credentials)["access_token"]
                break
            except Refused as error:
                if error.status == 429 and time.monotonic() < give_up:
                    time.sleep(0.5)
                    continue
                if error.status == 401:
                    raise SupersetError(f"Superset at {self.url} refused the login of `{user}`") from error
                raise
            except SupersetError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.5)
        self.headers["Authorization"] = f"Bearer {token}"
        self.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def send(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """The bytes that Superset answers; an error is a sentence."""
        headers = {**self.headers, "Content-Type": kind, "Accept": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body, method=method, headers=headers)
        try:
            with self.opener.open(request, timeout=120) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            try:
                detail = json.loads(text)
            except ValueError:
                detail = text[:300]
            sentence = f"Superset answered {error.code} to {method} {path.split('?')[0]}: {explained(detail)}"
            raise Refused(sentence, error.code, detail) from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise SupersetError(f"Superset is not reachable at {self.url}: {reason}") from error

    def get(self, path: str, q: str | None = None) -> Any:
        """The JSON at `path`; `q` is a Rison query."""
        return json.loads(self.send("GET", path + (f"?q={urllib.parse.quote(q)}" if q else "")))

    def found(self, kind: str, **columns: object) -> list[dict[str, Any]]:
        """The objects of a kind whose columns have these values."""
        return list(self.get(f"{kind}/", equal(**columns))["result"])

    def post(self, path: str, content: object) -> Any:
        """Creates something; the JSON answer."""
        return json.loads(self.send("POST", path, json.dumps(content).encode()))

    def put(self, path: str, content: object) -> Any:
        """Changes something; the JSON answer."""
        return json.loads(self.send("PUT", path, json.dumps(content).encode()))

    def delete(self, path: str) -> None:
        """Removes something; that it is gone already is fine."""
        try:
            self.send("DELETE", path)
        except Refused as error:
            if error.status != 404:
                raise

    def export_dashboard(self, key: int) -> dict[str, str]:
        """Superset's own export of a dashboard, as {path: text} without the archive's top folder."""
        with zipfile.ZipFile(io.BytesIO(self.send("GET", f"dashboard/export/?q=!({key})"))) as archive:
            return {name.split("/", 1)[1]: archive.read(name).decode() for name in archive.namelist()}

    def import_assets(self, files: Mapping[str, str]) -> None:
        """Imports {path: text}, replacing what has the same uuid; what the files refer to may exist already."""
        try:
            self.upload(
                "assets/import/",
                "bundle",
                {**files, "metadata.yaml": "version: 1.0.0\ntype: assets\n"},
                {"sparse": "true"},
            )
        except Refused as error:
            # This way in never says which file it refuses; the one for dashboards does, and imports nothing then.
            try:
                self.upload("dashboard/import/", "formData", files, {})
            except Refused as explaining:
                raise explaining from error
            raise

    def upload(self, path: str, name: str, files: Mapping[str, str], fields: Mapping[str, str]) -> None:
        """Sends {path: text} as an archive in a form."""
        archive, boundary = io.BytesIO(), uuid.uuid4().hex
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
            for file, text in files.items():
                bundle.writestr(f"assets/{file}", text)
        parts = [(f'name="{field}"', value.encode()) for field, value in fields.items()]
        parts.append((f'name="{name}"; filename="assets.zip"\r\nContent-Type: application/zip', archive.getvalue()))
        body = b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
            for head, value in parts
        )
        self.send("POST", path, body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def explained(detail: Any) -> str:
    """Superset's error as one readable line, without the codes and links around it."""
    if isinstance(detail, dict):
        if "error_type" in detail:
            return explained(detail.get("message"))
        if errors := detail.get("errors"):
            return "; ".join(explained(error) for error in errors)
        extra = detail.get("extra") or {}
        parts = [f"{name}: {explained(reason)}" for name, reason in sorted(extra.items()) if name != "issue_codes"]
        if parts:
            return "; ".join(parts)
        if "message" in detail:
            return explained(detail["message"])
        return "; ".join(f"{name}: {explained(reason)}" for name, reason in detail.items())
    if isinstance(detail, list):
        return ", ".join(explained(item) for item in detail)
    return " ".join(str(detail).split())
