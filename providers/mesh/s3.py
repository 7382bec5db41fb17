"""One signed S3 request (AWS Signature Version 4): enough to make a bucket and to see who may read it."""

from __future__ import annotations

import hashlib
import hmac
import http.client
from datetime import UTC, datetime

REGION = "us-east-1"
"""The region that S3 clients assume where none is set."""


def request(host: str, port: int, method: str, path: str, access_key: str, secret_key: str, body: bytes = b"") -> int:
    """The status of a request without query.

    The signature follows https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    headers = {"host": f"{host}:{port}", "x-amz-content-sha256": payload, "x-amz-date": now}
    names = ";".join(headers)
    lines = [method, path, "", *(f"{key}:{value}" for key, value in headers.items()), "", names, payload]
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request(method, path, body=body or None, headers={**headers, "Authorization": credential})
        return connection.getresponse().status
    finally:
        connection.close()
