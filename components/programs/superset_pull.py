"""Brings a dashboard that was edited in Superset back into its folder, as the files that are committed.

    superset_pull.py FOLDER [DASHBOARD]

DASHBOARD is a slug, uuid or number; without it, the dashboard whose files are in FOLDER already.
Environment: SUPERSET_URL, SUPERSET_USER, SUPERSET_PASSWORD.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from superset_client import Refused, Superset, SupersetError
from superset_files import BrokenFile, dump, named_like, only, parse, texts_of
from superset_normal import normalise


def pulled(superset: Superset, dashboard: str, existing: dict[str, str]) -> dict[str, str]:
    """The dashboard's files as {path: text}, under the names that `existing` files have."""
    try:
        key = superset.get(f"dashboard/{dashboard}")["result"]["id"]
    except Refused as error:
        if error.status == 404:
            raise SupersetError(f"Superset at {superset.url} has no dashboard `{dashboard}`") from error
        raise
    files = normalise(parse(superset.export_dashboard(key)))
    # The names of these files hold the numbers of an installation: only the uuids count.
    return dump(named_like(files, parse(existing)))


def write(folder: Path, texts: dict[str, str], existing: dict[str, str]) -> list[str]:
    """Writes what changed, removes what is gone, and says so: `+ path`, `~ path`, `- path`."""
    changes = []
    for path in sorted(texts.keys() | existing.keys()):
        target = folder / path
        if path not in texts:
            target.unlink()
            changes.append(f"- {path}")
        elif texts[path] != existing.get(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(texts[path], "utf-8")
            changes.append(f"{'~' if path in existing else '+'} {path}")
    return changes


def main(arguments: Sequence[str]) -> int:
    """The command line; an error is one sentence on stderr, exit code 1."""
    folder = Path(arguments[0])
    existing = texts_of(folder) if folder.is_dir() else {}
    try:
        own = only(parse(existing), "dashboards")
        if len(arguments) > 1:
            wanted = arguments[1]
        elif own:
            wanted = str(next(iter(own.values()))["uuid"])
        else:
            raise SupersetError(f"{folder.name}/ holds no dashboard yet: name the one to pull by its slug")
        url, user, password = (os.environ[f"SUPERSET_{name}"] for name in ("URL", "USER", "PASSWORD"))
        superset = Superset(url, user, password)
        changes = write(folder, pulled(superset, wanted, existing), existing)
    except (SupersetError, BrokenFile) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"error: the variable {error.args[0]} is not set", file=sys.stderr)
        return 1
    print("\n".join(changes) or "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
