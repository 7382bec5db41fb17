"""Registry: one host that speaks the OCI distribution API, version 2 (github.com/opencontainers/distribution-spec)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from components.errors import UserError
from tools.images.login import Login, login_for
from tools.images.oci import MANIFESTS, Descriptor
from tools.images.reference import api, loopback
from tools.images.store import Store

T = TypeVar("T")
Say = Callable[[str], None]
TRIES = 4
PASSING = {408, 429, 500, 502, 503, 504}
"""Answers after which asking again may help."""
CHUNK = 1 << 20
PATIENCE = 10.0
"""Seconds between two lines about one blob."""
TIMEOUT = httpx.Timeout(30, read=300, write=300)
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Passing(Exception):
    """An answer that may be another one soon."""


class Registry:
    """Reads and writes repositories of one registry, as the user that Docker's configuration names."""

    def __init__(self, host: str, say: Say, login: Login | None = None) -> None:
        self.host, self.say = host, say
        self.login = login or login_for(host)
        # Plain HTTP to this machine goes through no proxy.
        self.http = httpx.Client(base_url=api(host), timeout=TIMEOUT, trust_env=not loopback(host))
        self.tokens: dict[tuple[str, ...], str] = {}

    def manifest(self, repository: str, version: str) -> tuple[bytes, str] | None:
        """A manifest and its media type by tag or digest; None where there is none."""
        url, accept = f"/v2/{repository}/manifests/{version}", {"Accept": ", ".join(MANIFESTS)}
        answer = self._ask("GET", url, [f"repository:{repository}:pull"], headers=accept, redirect=True)
        if answer.status_code == 404:
            return None
        self._expect(answer, 200, repository)
        return answer.content, answer.headers.get("Content-Type", "").partition(";")[0].strip()

    def has(self, repository: str, kind: str, version: str) -> bool:
        """Whether a blob or a manifest (`kind`: blobs, manifests) is there."""
        url, accept = f"/v2/{repository}/{kind}/{version}", {"Accept": ", ".join(MANIFESTS)}
        answer = self._ask("HEAD", url, [f"repository:{repository}:pull"], headers=accept, redirect=True)
        if answer.status_code == 404:
            return False
        self._expect(answer, 200, repository)
        return True

    def fetch(self, repository: str, blob: Descriptor, store: Store, what: str) -> None:
        """Bring a blob into the store, unless it is there."""
        if store.has(blob.digest, blob.size):
            return
        started = time.monotonic()
        url, scope = f"/v2/{repository}/blobs/{blob.digest}", [f"repository:{repository}:pull"]

        def once() -> None:
            request = self.http.build_request("GET", url, headers=self._authorization(scope, url))
            answer = self.http.send(request, stream=True, follow_redirects=True)
            try:
                if answer.status_code in PASSING:
                    raise Passing(f"HTTP {answer.status_code}")
                if answer.status_code != 200:
                    answer.read()
                self._expect(answer, 200, repository)
                store.take(self._told(answer.iter_bytes(CHUNK), blob.size, f"pulling {what}"), blob.digest)
            except ValueError as error:
                raise Passing(str(error)) from None
            finally:
                answer.close()

        self.has(repository, "blobs", blob.digest)  # buys the token that the stream needs
        self._again(once)
        self.say(f"pulled {what}: {megabytes(blob.size)} in {time.monotonic() - started:.1f} s")

    def push_blob(self, repository: str, blob: Descriptor, store: Store, what: str, near: str = "") -> None:
        """Bring a blob to the registry, unless it is there; from the repository `near` where it has it already."""
        if self.has(repository, "blobs", blob.digest):
            return
        started = time.monotonic()
        scope = [f"repository:{repository}:pull,push"]
        wider = [*scope, f"repository:{near}:pull"] if near else scope

        def once() -> str:
            mount = urlencode({"mount": blob.digest, "from": near}) if near else ""
            answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/?{mount}", wider)
            if answer.status_code == 201:
                return "mounted"
            self._expect(answer, 202, repository)
            with store.path(blob.digest).open("rb") as file:
                chunks = self._told(iter(lambda: file.read(CHUNK), b""), blob.size, f"pushing {what}")
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
                place = self._place(answer)
                headers |= self._authorization(wider, place)
                answer = self.http.patch(place, content=chunks, headers=headers)
            if answer.status_code in PASSING | {404}:
                raise Passing(f"HTTP {answer.status_code}")
            self._expect(answer, 202, repository)
            end = httpx.URL(self._place(answer)).copy_merge_params({"digest": blob.digest})
            self._expect(self._ask("PUT", str(end), wider), 201, repository)
            return "pushed"

        done = self._again(once)
        self.say(f"{done} {what}: {megabytes(blob.size)} in {time.monotonic() - started:.1f} s")

    def push_manifest(self, repository: str, version: str, body: bytes, media: str) -> None:
        """Give a manifest a tag, or put it there under its digest."""
        url, scope = f"/v2/{repository}/manifests/{version}", [f"repository:{repository}:pull,push"]
        answer = self._ask("PUT", url, scope, headers={"Content-Type": media}, content=body)
        self._expect(answer, 201, repository)

    def _place(self, answer: httpx.Response) -> str:
        return str(self.http.base_url.join(answer.headers["Location"]))

    def _told(self, chunks: Iterator[bytes], size: int, what: str) -> Iterator[bytes]:
        """The same chunks; every few seconds a line says how far they are."""
        done, said = 0, time.monotonic()
        for chunk in chunks:
            yield chunk
            done += len(chunk)
            if time.monotonic() - said > PATIENCE:
                said = time.monotonic()
                self.say(f"{what}: {megabytes(done)} of {megabytes(size)}")

    def _ask(
        self,
        method: str,
        url: str,
        scope: list[str],
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        redirect: bool = False,
    ) -> httpx.Response:
        """One request, with a token for `scope` once the registry asks for one."""

        def once() -> httpx.Response:
            for attempt in (1, 2):
                answer = self.http.request(
                    method,
                    url,
                    headers={**(headers or {}), **self._authorization(scope, url)},
                    content=content,
                    follow_redirects=redirect,
                )
                if answer.status_code == 401 and attempt == 1:
                    self._identify(answer, scope)
                    continue
                if answer.status_code in PASSING:
                    raise Passing(f"HTTP {answer.status_code}")
                return answer
            raise AssertionError("unreachable")

        return self._again(once)

    def _again(self, once: Callable[[], T]) -> T:
        """Ask up to TRIES times, 3.5 s in all."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.25 * 2**attempt)
            try:
                return once()
            except (httpx.TransportError, Passing) as error:
                why = str(error) or type(error).__name__
        raise UserError(f"registry {self.host} does not answer as it should: {why}", hint="is it up? try again")

    def _authorization(self, scope: list[str], url: str) -> dict[str, str]:
        """The header that opens `scope`, for this registry's own host alone: uploads may go elsewhere."""
        token = self.tokens.get(tuple(scope)) or self.tokens.get(())
        own = self.http.base_url.join(url).netloc == self.http.base_url.netloc
        return {"Authorization": token} if token and own else {}

    def _identify(self, answer: httpx.Response, scope: list[str]) -> None:
        """Get what the registry asks for: a token of `scope`, or user and password with every request."""
        challenge = answer.headers.get("WWW-Authenticate", "")
        kind, asked = challenge.partition(" ")[0].lower(), dict(PARAMETER.findall(challenge))
        login = self.login
        if kind == "bearer" and "realm" in asked:
            self.tokens[tuple(scope)] = f"Bearer {self._token(asked, scope)}"
        elif kind == "basic" and login is not None:
            request = httpx.BasicAuth(login.user, login.password).auth_flow(httpx.Request("GET", "http://x"))
            self.tokens[()] = next(request).headers["Authorization"]
        else:
            raise self._refused(answer)

    def _token(self, asked: dict[str, str], scope: list[str]) -> str:
        """docs.docker.com, "Token authentication specification", by GET, or by POST with an identity token."""
        login, service = self.login, asked.get("service", "")
        if not (asked["realm"].startswith("https://") or loopback(self.host)):
            raise UserError(f"registry {self.host} wants the login sent in the clear, to {asked['realm']}")
        if login is not None and login.identity_token:
            form = {"grant_type": "refresh_token", "service": service, "scope": " ".join(scope)}
            form |= {"refresh_token": login.identity_token, "client_id": "meshwright"}
            answer = self.http.post(asked["realm"], data=form)
        else:
            query = {"service": service, "scope": scope}
            auth = httpx.BasicAuth(login.user, login.password) if login is not None else None
            answer = self.http.get(asked["realm"], params=query, auth=auth, follow_redirects=True)
        if answer.status_code in PASSING:
            raise Passing(f"HTTP {answer.status_code} from {asked['realm']}")
        if answer.status_code != 200:
            raise self._refused(answer)
        found: dict[str, Any] = answer.json()
        return str(found.get("token") or found.get("access_token") or "")

    def _expect(self, answer: httpx.Response, status: int, repository: str) -> None:
        if answer.status_code == status:
            return
        if answer.status_code in (401, 403):
            raise self._refused(answer)
        code = told(answer)
        if answer.status_code == 404:
            raise UserError(
                f"registry {self.host} has no repository {repository}{code}",
                hint="make it first where a registry does not by itself: aws ecr create-repository --repository-name "
                + repository,
            )
        raise UserError(f"registry {self.host} answered HTTP {answer.status_code} for {repository}{code}")

    def _refused(self, answer: httpx.Response) -> UserError:
        who = f"the login of {self.login.user or 'the identity token'}" if self.login else "anybody without a login"
        return UserError(
            f"registry {self.host} refuses {who}: HTTP {answer.status_code}{told(answer)}",
            hint=f"log in: docker login {self.host} (its ~/.docker/config.json is read here too)",
        )


def told(answer: httpx.Response) -> str:
    """The registry's own words, where it has any."""
    with suppress(ValueError, KeyError, IndexError, TypeError, httpx.StreamError):
        error = answer.json()["errors"][0]
        return f" ({error.get('message') or error['code']})"
    return ""


def megabytes(size: int) -> str:
    """`size` in bytes, as people read it."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
