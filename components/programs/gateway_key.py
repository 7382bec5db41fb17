"""Gives a key the right to read a bucket behind a `versitygw` gateway, or takes it away with `--undo`.

ENDPOINT and BUCKET say where, OWNER and OWNER_SECRET_KEY who we are, KEY and SECRET_KEY who will read, PREFIX and UNTIL
(ISO date, inclusive) what and how long. From the standard library alone.
"""

import hashlib
import hmac
import json
import os
import random
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

REGION = "us-east-1"
ATTEMPTS = 20
PASSING = (403, 500, 502, 503, 504)
"""A gateway that is starting answers so, and one whose own right is not known everywhere yet."""


def main() -> None:
    """The user first: a policy names only users that are there."""
    key, bucket = os.environ["KEY"], os.environ["BUCKET"]
    if "--undo" in sys.argv:
        settle(bucket, key, [])
        call("PATCH", "/delete-user", f"access={key}")
    else:
        secret = escape(os.environ["SECRET_KEY"])
        account = f"<Account><Access>{escape(key)}</Access><Secret>{secret}</Secret><Role>user</Role></Account>"
        status, _ = call("PATCH", "/create-user", body=account.encode(), accept=(409,))
        if status == 409:
            changed = f"<MutableProps><Secret>{secret}</Secret></MutableProps>".encode()
            call("PATCH", "/update-user", f"access={key}", changed)
        settle(bucket, key, statements(bucket, key, os.environ.get("PREFIX", ""), os.environ.get("UNTIL", "")))
    print('::mesh:: {"rows": 1}')


def statements(bucket: str, key: str, prefix: str, until: str) -> list[dict[str, Any]]:
    """What a reader may do: open what stands under the prefix, and list it, until the day has ended."""
    arn, end = f"arn:aws:s3:::{bucket}", {}
    if until:
        end = {"DateLessThan": {"aws:CurrentTime": f"{date.fromisoformat(until) + timedelta(days=1)}T00:00:00Z"}}
    own: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": [key]}}
    listed = {**end, "StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else end
    reading = {**own, "Action": ["s3:GetObject"], "Resource": [f"{arn}/{prefix}*"]}
    listing = {**own, "Action": ["s3:ListBucket"], "Resource": [arn]}
    return [reading | ({"Condition": end} if end else {}), listing | ({"Condition": listed} if listed else {})]


def merged(policy: dict[str, Any], key: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statements of a policy, those of `key` replaced."""
    others = [each for each in policy.get("Statement", []) if each["Principal"] != {"AWS": [key]}]
    return others + wanted


def settle(bucket: str, key: str, wanted: list[dict[str, Any]]) -> None:
    """Write our part of the bucket's policy until it stands: another key's job may write its own at the same time."""
    for _ in range(ATTEMPTS):
        status, answer = call("GET", f"/{bucket}", "policy=", accept=(404,))
        policy = json.loads(answer) if status == 200 else {}
        found = policy.get("Statement", [])
        after = merged(policy, key, wanted)
        if found == after or sorted(map(json.dumps, found)) == sorted(map(json.dumps, after)):
            return
        if after:
            document = {"Version": "2012-10-17", "Statement": after}
            call("PUT", f"/{bucket}", "policy=", json.dumps(document).encode())
        else:
            call("DELETE", f"/{bucket}", "policy=")
        time.sleep(random.uniform(0.2, 1.5))
    sys.exit(f"the policy of bucket {bucket} does not stand after {ATTEMPTS} attempts")


def call(method: str, path: str, query: str = "", body: bytes = b"", accept: tuple[int, ...] = ()) -> tuple[int, bytes]:
    """One signed request; a gateway that is still starting gets a minute."""
    for attempt in range(ATTEMPTS):
        request = signed(method, path, query, body)
        try:
            with urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            text = error.read()
            if error.code in accept:
                return error.code, text
            if error.code not in PASSING or attempt == ATTEMPTS - 1:
                sys.exit(f"{method} {path} answered {error.code}: {text[:300].decode(errors='replace')}")
        except URLError as error:
            if attempt == ATTEMPTS - 1:
                sys.exit(f"{method} {path}: {error.reason}")
        time.sleep(3)
    raise AssertionError


def signed(method: str, path: str, query: str, body: bytes) -> Request:
    """A request with AWS Signature Version 4."""
    endpoint, now = os.environ["ENDPOINT"].rstrip("/"), datetime.now(UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "host": urlsplit(endpoint).netloc,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": stamp,
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join([method, path, query, *lines, "", names, headers["x-amz-content-sha256"]])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{os.environ['OWNER_SECRET_KEY']}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={os.environ['OWNER']}/{scope}"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
    url = f"{endpoint}{path}?{query}" if query else f"{endpoint}{path}"
    return Request(url, data=body or None, headers=headers, method=method)


if __name__ == "__main__":
    main()
