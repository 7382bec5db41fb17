"""The catalogue's pages and JSON: read-only, and usable without JavaScript."""

import base64
import ipaddress
import socket
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from catalogue.entry import Entry
from catalogue.lineage import HEAD, ROW, WIDTH, lineage
from catalogue.record import AddressError, CatalogueRecord, parse_urn
from catalogue.search import FACETS, PAGE, Found, find, totals
from catalogue.snippets import snippets
from catalogue.store import Store

HERE = Path(__file__).parent
HUES = 8  # colours of domains in static/catalogue.css
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'none'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOCAL_HOSTS = ("127.0.0.1", "localhost")


def create_app(store: Store, *, hosts: tuple[str, ...] = LOCAL_HOSTS) -> FastAPI:
    """The application over `store`. It answers to `hosts` alone: a foreign page can't rebind a name to this machine."""
    app = FastAPI(title="Meshwright catalogue", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    pages = Jinja2Templates(env=_environment())

    @app.middleware("http")
    async def harden(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    @app.exception_handler(StarletteHTTPException)
    async def refuse(request: Request, error: StarletteHTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            body = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
            return JSONResponse(body, error.status_code, media_type="application/problem+json")
        context = {"status": error.status_code, "detail": error.detail}
        return pages.TemplateResponse(request, "error.html", context, status_code=error.status_code)

    @app.get("/", include_in_schema=False)
    def home(request: Request, q: str = "", page: int = 1) -> Response:
        filters = {name: request.query_params.get(name, "") for name in FACETS}
        page = min(max(page, 1), 10_000)
        found = find(store, q, filters, offset=(page - 1) * PAGE)
        context = {
            "q": q,
            "filters": {name: value for name, value in filters.items() if value},
            "found": found,
            "rows": [(entry, record_of(entry)) for entry in found.entries],
            "page": page,
            "last_page": max(1, -(-found.total // PAGE)),
            "totals": totals(store),
        }
        return pages.TemplateResponse(request, "home.html", context)

    @app.get("/id/{uid}", include_in_schema=False)
    def identity(uid: str) -> Response:
        entries = store.entries(uid=uid)
        if not entries:
            raise HTTPException(404, f"no product has the uid {uid[:40]}")
        return RedirectResponse(f"/products/{entries[0].urn}", 303)

    @app.get("/products/{address:path}", include_in_schema=False)
    def product(request: Request, address: str, environment: str = "") -> Response:
        entries, port = locate(store, address)
        if port:
            where = f"?{urlencode({'environment': environment})}" if environment else ""
            return RedirectResponse(f"/products/{entries[0].urn}{where}#port-{port}", 303)
        entry = _in(entries, environment)
        record = record_of(entry)
        peers = [record_of(e) for e in store.entries(environment=entry.environment, state="registered")]
        context = {
            "entry": entry,
            "record": record,
            "environments": [e.environment for e in entries],
            "ports": [(one, snippets(one)) for one in record.ports],
            "lineage": lineage(record, peers),
            "events": store.events(entry.uid, entry.environment)[:20],
            "box": {"width": WIDTH, "head": HEAD, "row": ROW},
        }
        return pages.TemplateResponse(request, "product.html", context)

    @app.get("/api/v1/products")
    def products(request: Request, q: str = "", cursor: str = "", limit: int = PAGE) -> JSONResponse:
        filters = {name: request.query_params.get(name, "") for name in FACETS}
        found = find(store, q, filters, offset=_offset(cursor), limit=min(max(limit, 1), 500))
        return JSONResponse({"items": [view(e) for e in found.entries], "total": found.total, "next": _cursor(found)})

    @app.get("/api/v1/products/{address:path}")
    def one_product(address: str, environment: str = "") -> JSONResponse:
        entries, _ = locate(store, address)
        return JSONResponse(view(_in(entries, environment)))

    @app.get("/health", include_in_schema=False)
    def health() -> JSONResponse:
        return JSONResponse({"ok": True, "products": find(store, limit=1).total, "outbox": store.pending()})

    return app


class ListenError(ValueError):
    """The catalogue can't be served at an address, in one sentence."""


def serve(url: str | Path, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serves the catalogue at `url` (SQLAlchemy URL or SQLite file) until it is interrupted.

    `ready` is handed the address once it listens there; port 0 takes a free one. Raises ListenError.
    """
    if not _loopback(host):
        raise ListenError(f"the catalogue has no login yet and binds to loopback alone, not to {host}")
    family, shown = (socket.AF_INET6, f"[{host}]") if ":" in host else (socket.AF_INET, host)
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise ListenError(f"can't listen on {shown}:{port}: {error.strerror}") from None
        listening.listen()
        with Store(url, read_only=True) as store:
            ready(f"http://{shown}:{listening.getsockname()[1]}")
            app = create_app(store, hosts=(*LOCAL_HOSTS, shown))
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def locate(store: Store, address: str) -> tuple[list[Entry], str | None]:
    """The entries of an address (one an environment) and the port it names; the short form serves any tenant."""
    try:
        parsed = parse_urn(address, tenant="any")
    except AddressError as error:
        raise HTTPException(404, str(error)) from None
    if address.startswith("urn:"):
        entries = store.entries(urn=parsed.product_urn)
    else:
        entries = store.entries(domain=parsed.domain, name=parsed.product)
    if not entries:
        raise HTTPException(404, f"no product is registered as {address[:120]}")
    return entries, parsed.port


def record_of(entry: Entry) -> CatalogueRecord:
    return CatalogueRecord.model_validate(entry.content)


def view(entry: Entry) -> dict[str, Any]:
    """An entry as the JSON interface shows it."""
    seen = {
        "state": entry.state,
        "revision": entry.revision,
        "firstSeen": entry.first_seen,
        "lastSeen": entry.last_seen,
    }
    return {**entry.content, "registration": seen}


def _in(entries: list[Entry], environment: str) -> Entry:
    """The entry of `environment`, or without one the first that is registered."""
    if environment:
        entries = [entry for entry in entries if entry.environment == environment]
        if not entries:
            raise HTTPException(404, f"this product is not registered in the environment {environment[:40]}")
    return min(entries, key=lambda entry: entry.state != "registered")


def _offset(cursor: str) -> int:
    try:
        return min(max(int(base64.urlsafe_b64decode(cursor)), 0), 10_000_000) if cursor else 0
    except ValueError:
        raise HTTPException(400, "this cursor was not made by this catalogue") from None


def _cursor(found: Found) -> str | None:
    end = found.offset + len(found.entries)
    return base64.urlsafe_b64encode(str(end).encode()).decode() if end < found.total else None


def _environment() -> Environment:
    loader = FileSystemLoader(HERE / "pages")
    environment = Environment(loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"money": _money, "count": lambda n: f"{n:,}", "hue": _hue, "cut": _cut, "day": _day}
    environment.globals["link"] = _link
    return environment


def _money(amount: float, currency: str) -> str:
    sign = {"EUR": "€", "USD": "$", "GBP": "£"}.get(currency)
    return f"{sign}{amount:,.2f}" if sign else f"{amount:,.2f} {currency}"


def _hue(domain: str) -> str:
    return f"hue-{zlib.crc32(domain.encode()) % HUES}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _day(text: str) -> str:
    return text[:16].replace("T", " ")


def _link(path: str, values: Mapping[str, object], **changes: object) -> str:
    """`path` with the query `values` and `changes`; an empty value drops out."""
    query = {name: value for name, value in (dict(values) | changes).items() if value not in ("", None)}
    return quote(path) + (f"?{urlencode(query)}" if query else "")
