"""Brings Superset's metadata database up to date and serves Superset, in one process that loads the software once.

Environment: SUPERSET_SECRET_KEY, METADATA_{HOST,PORT,DATABASE,USER,PASSWORD}, SUPERSET_USER and SUPERSET_PASSWORD (the
administrator), SUPERSET_BIND (host:port), SUPERSET_HOME (a directory of its own), SUPERSET_THREADS (default 8).
It listens only when everything is ready, so any answer on the port means that Superset works.
"""

import gc
import os
import sys
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

HERE = Path(__file__).resolve().parent
DATABASE_PATIENCE = 60.0  # seconds; after a reboot the database may come up later than we do
LOCK = 6_100_427  # any number of our own: replicas that start together initialise one after the other


def settings() -> None:
    """What Superset itself reads from the environment, completed from what the component gave."""
    os.environ.setdefault("SUPERSET_CONFIG_PATH", str(HERE / "superset_config.py"))
    os.environ.setdefault("SUPERSET_HOME", str(HERE / "home"))
    Path(os.environ["SUPERSET_HOME"]).mkdir(parents=True, exist_ok=True)
    missing = [
        name
        for name in (
            "SUPERSET_SECRET_KEY",
            "SUPERSET_USER",
            "SUPERSET_PASSWORD",
            "SUPERSET_BIND",
            "METADATA_HOST",
            "METADATA_PORT",
            "METADATA_DATABASE",
            "METADATA_USER",
            "METADATA_PASSWORD",
        )
        if not os.environ.get(name)
    ]
    if missing:
        sys.exit(f"Superset needs {', '.join(missing)} in its environment")


def reachable_database() -> Engine:
    """An engine on the metadata database, once it answers."""
    from superset.config import SQLALCHEMY_DATABASE_URI  # loads superset_config.py: while we do, the database may start

    engine = create_engine(SQLALCHEMY_DATABASE_URI, poolclass=NullPool)
    give_up = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            with engine.connect():
                return engine
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            if "authentication failed" in reason or time.monotonic() > give_up:
                sys.exit(f"Superset's metadata database can't be used: {reason}")
            time.sleep(0.3)


def initialised_version(engine: Engine) -> str | None:
    """The Superset version that finished initialising this metadata database, if any did."""
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT version FROM meshwright_initialised")).scalar()
    except ProgrammingError:  # the table does not exist yet
        return None


def add_permissions(appbuilder: Any) -> None:
    """Every permission that the application's views and menus name, as a handful of statements.

    The same rows as FAB's own `add_permissions` makes by asking for each one: that takes a third of a first start.
    """
    from superset.extensions import db

    security = appbuilder.sm

    wanted = {
        (permission, view.class_permission_name)
        for view in appbuilder.baseviews
        for permission in view.base_permissions or ()
    }
    for category in appbuilder.menu.get_list():
        entries = [category, *(child for child in category.childs if child.name != "-")]
        wanted |= {("menu_access", entry.name) for entry in entries}

    def ids(model: Any, names: set[str]) -> dict[str, int]:
        known = {name for (name,) in db.session.execute(select(model.name))}
        if new := sorted(names - known):
            db.session.execute(insert(model), [{"name": name} for name in new])
        return {row.name: row.id for row in db.session.execute(select(model.name, model.id))}

    permissions = ids(security.permission_model, {permission for permission, _ in wanted})
    views = ids(security.viewmenu_model, {view for _, view in wanted})
    pairs = {(permissions[permission], views[view]) for permission, view in wanted}
    both = security.permissionview_model
    pairs -= {tuple(row) for row in db.session.execute(select(both.permission_id, both.view_menu_id))}
    if pairs:
        db.session.execute(insert(both), [{"permission_id": p, "view_menu_id": v} for p, v in sorted(pairs)])
    db.session.commit()


def initialise(app: Any, engine: Engine, version: str) -> None:
    """Migrations, permissions, roles; every step may be repeated after a kill."""
    import flask_migrate
    from superset.extensions import appbuilder, security_manager

    flask_migrate.upgrade(directory=str(Path(sys.modules["superset"].__file__ or "").parent / "migrations"))
    add_permissions(appbuilder)
    security_manager.sync_role_definitions()
    app.sync_config_to_db()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS meshwright_initialised (version text NOT NULL)"))
        connection.execute(text("DELETE FROM meshwright_initialised"))
        connection.execute(text("INSERT INTO meshwright_initialised VALUES (:version)"), {"version": version})


def ensure_administrator() -> None:
    """The administrator exists, with the given password; a changed password replaces the old one."""
    from superset.extensions import security_manager as security

    matches = import_module("werkzeug.security").check_password_hash
    name, password = os.environ["SUPERSET_USER"], os.environ["SUPERSET_PASSWORD"]
    user = security.find_user(username=name)
    if user is None:
        role = security.find_role("Admin")
        if not security.add_user(name, "Mesh", "Administrator", f"{name}@mesh.invalid", role, password=password):
            sys.exit(f"Superset did not accept `{name}` as its administrator")
    elif not matches(user.password, password):
        security.reset_password(user.id, password)


def ready_application() -> Any:
    """Superset's application on an initialised metadata database."""
    engine = reachable_database()
    version = metadata.version("apache-superset")
    with engine.connect() as lock:
        lock.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        # An initialisation cut short by a crash is simply done again, so its commits need not wait for the disk.
        os.environ["PGOPTIONS"] = "-c synchronous_commit=off"
        from superset.app import create_app
        from superset.extensions import db

        app = create_app()
        with app.app_context():
            if initialised_version(engine) != version:
                initialise(app, engine, version)
            ensure_administrator()
            db.session.remove()
            db.engine.dispose()  # a forked worker may not share the parent's connections
        del os.environ["PGOPTIONS"]
    return app


def main() -> None:
    """Get ready, then serve until told to stop."""
    started = time.monotonic()
    settings()
    gc.disable()  # nothing that is loaded at the start ever becomes garbage: collecting costs a tenth of the time
    app = ready_application()
    gc.enable()
    gc.freeze()  # keeps the memory shared between the master and its worker

    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn around the application that is loaded already."""

        def load_config(self) -> None:
            options = {
                "bind": os.environ["SUPERSET_BIND"],
                "workers": 1,
                "worker_class": "gthread",
                "threads": int(os.environ.get("SUPERSET_THREADS", "8")),
                "preload_app": True,
                "timeout": 120,
                "graceful_timeout": 5,
                "keepalive": 5,
                "control_socket_disable": True,
                "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
                "proc_name": "superset",
                "loglevel": "warning",
                "when_ready": lambda _: print(f"ready after {time.monotonic() - started:.1f} s", flush=True),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    Server().run()


if __name__ == "__main__":
    main()
