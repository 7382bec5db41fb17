"""Asks whether a container answers: `python -c <this text> HOST PORT[/PATH] ...`; from the standard library alone.

An endpoint with a path must answer HTTP 2xx or 3xx there; from one without, a connection is enough.
"""

import socket
import sys

SECONDS = 4


def refusal(host: str, endpoint: str) -> str:
    """What is wrong with an endpoint; empty while it answers."""
    port, slash, path = endpoint.partition("/")
    try:
        with socket.create_connection((host, int(port)), timeout=SECONDS) as link:
            if not slash:
                return ""
            link.sendall(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            with link.makefile("rb") as answer:
                line = answer.readline(200).decode(errors="replace").strip()
    except OSError as error:
        return f"{endpoint}: {error}"
    status = line.split()[1:2]
    return "" if status and status[0][:1] in ("2", "3") else f"{endpoint}: {line or 'no answer'}"


def main() -> None:
    """One line for each endpoint that does not answer."""
    host, *endpoints = sys.argv[1:]
    wrong = [found for endpoint in endpoints if (found := refusal(host, endpoint))]
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
