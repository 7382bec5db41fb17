"""Superset's configuration, read from the environment alone (loaded by Superset through SUPERSET_CONFIG_PATH)."""

import hashlib
import logging
import os
from typing import Any

from sqlalchemy.engine import URL
from superset.utils.log import DBEventLogger

CONFIDENTIAL = {"sqlalchemy_uri", "password", "passwords", "parameters", "encrypted_extra", "masked_encrypted_extra"}


def masked(record: Any) -> Any:
    """What may be kept of a request in the action log."""
    if isinstance(record, dict):
        return {key: "masked" if key in CONFIDENTIAL else masked(value) for key, value in record.items()}
    return [masked(item) for item in record] if isinstance(record, list) else record


class EventLogger(DBEventLogger):  # type: ignore[misc]
    """Superset's action log, which would otherwise keep the passwords of database connections in the clear."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Writes the records without what is confidential in them."""
        for name in ("records", "curated_payload"):
            if name in kwargs:
                kwargs[name] = masked(kwargs[name])
        super().log(*args, **kwargs)


def derived(purpose: str) -> str:
    """A further secret of this installation, so that only SUPERSET_SECRET_KEY has to be kept."""
    return hashlib.sha256(f"{purpose}:{SECRET_KEY}".encode()).hexdigest()


SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
METADATA = URL.create(
    "postgresql+psycopg2",
    username=os.environ["METADATA_USER"],
    password=os.environ["METADATA_PASSWORD"],
    host=os.environ["METADATA_HOST"],
    port=int(os.environ["METADATA_PORT"]),
    database=os.environ["METADATA_DATABASE"],
)
SQLALCHEMY_DATABASE_URI = METADATA.render_as_string(hide_password=False)
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 8}

EVENT_LOGGER = EventLogger()

# Who may come in: named users only. The Public role is never given a permission.
PUBLIC_ROLE_LIKE = None
AUTH_USER_REGISTRATION = False
WTF_CSRF_ENABLED = True
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
RATELIMIT_APPLICATION = "10000 per second"  # a dashboard page alone asks for two hundred files in its first second
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per second"

# Browsers don't tell ports of one host apart in cookies: two Supersets on 127.0.0.1 would log each other out.
SESSION_COOKIE_NAME = "superset_" + hashlib.sha256(METADATA.render_as_string().encode()).hexdigest()[:12]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = os.environ.get("SUPERSET_HTTPS") == "1"
# Behind a load balancer that ends TLS, its headers say what the browser asked for.
ENABLE_PROXY_FIX = os.environ.get("SUPERSET_HTTPS") == "1"
ENABLE_CORS = False
GUEST_TOKEN_JWT_SECRET = derived("guest")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = derived("async")

# Nothing is loaded from, or sent to, another host (the default policy allows map tiles, fonts and a usage pixel).
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": SESSION_COOKIE_SECURE,
}

FEATURE_FLAGS = {
    # Every chart is drawn when the page opens, not when it is scrolled to: printed pages and tests see all of it.
    "DASHBOARD_VIRTUALIZATION": False,
    "ALERT_REPORTS": False,
    "THUMBNAILS": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "EMBEDDED_SUPERSET": False,
}

# One worker process serves everything, so its memory is a cache for all; no Redis. Query results are kept only
# as long as a page takes to be opened twice: after an ingestion a dashboard must show the new numbers.
CACHE_DEFAULT_TIMEOUT = 300
CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 300, "CACHE_THRESHOLD": 1000}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 20, "CACHE_THRESHOLD": 500}
RESULTS_BACKEND = None

# Superset's own place for uploads is inside its installation, which other programs share.
UPLOAD_FOLDER = f"{os.environ['SUPERSET_HOME']}/uploads/"
ALEMBIC_SKIP_LOG_CONFIG = True  # its own set-up prints two thousand lines at the first start
LOG_LEVEL = os.environ.get("SUPERSET_LOG_LEVEL", "WARNING")
# The wheel lacks one picture's source, which this module reports with every page it serves.
logging.getLogger("superset.views.base").setLevel(logging.ERROR)
WELCOME_PAGE_LAST_TAB = "all"
PREVENT_UNSAFE_DB_CONNECTIONS = True
SQLLAB_TIMEOUT = 60
SUPERSET_WEBSERVER_TIMEOUT = 60
ROW_LIMIT = 10000
