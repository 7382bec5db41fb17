"""SeaweedFS: loopback only, who may read and who not, keys added without a restart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from providers.mesh import marked
from providers.mesh.home import Home
from providers.mesh.supervisor import Supervisor

PLAIN = {"addressing_style": "path"}


def client(endpoint: str, *keys: str) -> Any:
    config = Config(s3=PLAIN, retries={"max_attempts": 1}, **({} if keys else {"signature_version": UNSIGNED}))
    access, secret = keys or (None, None)
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=config,
    )


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


@pytest.mark.software
def test_store(home: Home, made: Any, weed: str) -> None:
    store = made(
        "ObjectStore",
        name="lake",
        environment=weed,
        bucket="raw",
        accessKey="OWNERKEY",
        secretKey="owner-secret-1",
    ).create()
    endpoint = store.state["endpoint"]

    def key(name: str, **more: Any) -> Any:
        pair = {"accessKey": f"{name.upper()}KEY", "secretKey": f"{name}-secret", "actions": ["Read", "List"]}
        place = {"store": "lake", "bucket": "raw", "endpoint": endpoint}
        return made("ObjectStoreKey", name=name, **{**place, **pair, **more})

    first = key("reader").create()
    owner, reader = client(endpoint, "OWNERKEY", "owner-secret-1"), client(endpoint, "READERKEY", "reader-secret")
    owner.put_object(Bucket="raw", Key="a", Body=b"rows")
    assert reader.get_object(Bucket="raw", Key="a")["Body"].read() == b"rows"
    assert refused(lambda: reader.put_object(Bucket="raw", Key="b", Body=b""))
    assert refused(lambda: reader.delete_object(Bucket="raw", Key="a"))
    assert refused(lambda: client(endpoint).get_object(Bucket="raw", Key="a"))
    assert refused(lambda: client(endpoint).list_buckets())
    owner.create_bucket(Bucket="other")
    assert refused(lambda: reader.list_objects_v2(Bucket="other"))

    pids = list(marked.find(marked.PROCESS, home.path, "lake"))
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [line.split()[3] for line in listening if any(f"pid={pid}," in line for pid in pids)]
    assert len(ours) == len(store.state["ports"])
    assert all(address.startswith("127.0.0.1:") for address in ours), ours

    key("early").create(), key("late", until="2020-01-01").create()
    assert list(marked.find(marked.PROCESS, home.path, "lake")) == pids, "a key is added without a restart"
    assert client(endpoint, "EARLYKEY", "early-secret").get_object(Bucket="raw", Key="a")["Body"].read() == b"rows"
    assert (store.dead, first.dead) == (None, None)
    first.delete()
    assert refused(lambda: reader.get_object(Bucket="raw", Key="a")), "a right that was taken back is gone"
    assert refused(lambda: client(endpoint, "LATEKEY", "late-secret").get_object(Bucket="raw", Key="a"))
    assert (store.dead, first.dead) == (None, "the store has lost it")
    assert key("odd", actions=["Read", "Own"]).failures() == [
        "`actions`: action `Own` is none of Read, Write, List, Tagging"
    ]
    assert key("odd", until="soon").failures() == ["`until`: `soon` is no date such as 2027-06-30"]

    pids = list(marked.find(marked.PROCESS, home.path, "lake"))
    os.kill(pids[0], 9)
    store.update()
    assert owner.get_object(Bucket="raw", Key="a")["Body"].read() == b"rows", "data survives kill -9"
    for pid in marked.find(marked.PROCESS, home.path, "lake"):
        words = Path(f"/proc/{pid}/cmdline").read_text()
        assert "secret" not in words
        assert "READERKEY" not in words
    assert [sentence for sentence in store.failures(bucket="other") if "keeps its bucket" in sentence]

    store.delete()
    assert sorted(path.name for path in home.path.iterdir()) == ["logs"]
    assert Supervisor(home).info("lake") is None
