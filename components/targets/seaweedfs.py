"""SeaweedFS: a store of its own for each bucket, on targets that have no object store to offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.base import Component
from components.names import shortened
from components.port import Credentials, Port
from components.primitives import (
    AccessOutputs,
    Bucket,
    BucketAccess,
    BucketOutputs,
    Endpoint,
    Job,
    JobArgs,
    JobOutputs,
    Secret,
    SecretArgs,
    locked,
    program,
)
from components.targets import StackSettings, implements
from components.targets.containers import DATA, Containers

OBJECTS = Endpoint(protocol="s3", port=8333, health="/healthz")
INSIDE = {
    "master": Endpoint(protocol="http", port=9333),
    "master-grpc": Endpoint(protocol="http", port=19333),
    "filer": Endpoint(protocol="http", port=8888),
    "filer-grpc": Endpoint(protocol="http", port=18888),
}
FLAGS = (
    f"dir={DATA}",
    "ip.bind=0.0.0.0",
    "filer",
    "s3",
    f"s3.port={OBJECTS.port}",
    "volume.max=0",
    "master.volumeSizeLimitMB=1024",
    "master.telemetry=false",
)
TOKENS = tuple(f"WEED_JWT_{part}KEY" for part in ("SIGNING_", "SIGNING_READ_", "FILER_SIGNING_", "FILER_SIGNING_READ_"))
"""Its inner servers answer only what carries a token signed by these keys."""
ENVIRONMENT, SECRETS = {"AWS_ACCESS_KEY_ID": "owner"}, ("AWS_SECRET_ACCESS_KEY", *TOKENS)
"""The key of these names makes an administrator: nobody gets in without one. The tokens close what is inside."""


class SeaweedFS(Containers):
    """A target whose buckets are stores that it runs itself."""

    def __init__(self, settings: StackSettings, previous: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, previous)
        self.stores: dict[str, tuple[pulumi.Output[str], Secret]] = {}
        """Where each Bucket's store answers, and its owner's key, by name."""

    def opened_store(self, bucket: Bucket, host: pulumi.Output[str], secret: Secret) -> BucketOutputs:
        """The bucket in the store at `host`, which is known once the store answers; `secret` is its owner's key."""
        self.stores[bucket.name] = host, secret
        owner = self._key(bucket, bucket, "owner", secret, "Admin,Read,Write,List,Tagging")
        endpoint = pulumi.Output.concat("http://", host, f":{OBJECTS.port}")
        objects = Port(
            protocol="s3",
            address={"endpoint": endpoint, "bucket": bucket_name(bucket), "prefix": ""},
            # The bucket is there once its owner has the rights.
            credentials=Credentials(user=owner.revision.apply(lambda _: "owner"), secret=secret),
            behind=bucket,
        )
        return BucketOutputs(objects=objects)

    @implements(BucketAccess)
    def seaweedfs_reader(self, access: BucketAccess) -> AccessOutputs:
        args = access.args
        secret = Secret(access.child("key"), SecretArgs(length=40), access.below())
        name = bucket_name(args.bucket)
        prefix = pulumi.Output.from_input(args.prefix).apply(lambda text: f"/{text}*" if text else "")
        actions = pulumi.Output.concat(f"Read:{name}", prefix, f",List:{name}")
        run = self._key(access, args.bucket, access.origin, secret, actions)
        user = run.revision.apply(lambda _: access.origin)
        return AccessOutputs(credentials=Credentials(user=user, secret=secret))

    def _key(
        self, owner: Component[Any, Any], bucket: Bucket, key: str, secret: Secret, actions: pulumi.Input[str]
    ) -> JobOutputs:
        """A job that gives `key` rights on a bucket."""
        host, owner_key = self.stores[bucket.name]
        args = JobArgs(
            software=locked("seaweedfs"),
            command=("sh", "{{files}}/bucket_key.sh"),
            undo=("sh", "{{files}}/bucket_key.sh", "--undo"),
            files={"bucket_key.sh": program("bucket_key.sh")},
            environment={
                "MASTER": pulumi.Output.concat(host, f":{INSIDE['master'].port}"),
                "FILER": pulumi.Output.concat(host, f":{INSIDE['filer'].port}"),
                "BUCKET": bucket_name(bucket),
                "HOLDER": key,
                "ACTIONS": actions,
            },
            secrets={"SECRET_KEY": secret, "WEED_JWT_FILER_SIGNING_KEY": owner_key},
            uses=(bucket,),
            timeout_seconds=120,
        )
        return Job(owner.child("rights"), args, owner.below()).outputs


def command(host: pulumi.Input[str]) -> list[pulumi.Input[str]]:
    """What starts a store that others find at `host`."""
    return ["weed", "server", *(f"-{flag}" for flag in FLAGS), pulumi.Output.concat("-ip=", host)]


def bucket_name(bucket: Bucket) -> str:
    """A bucket's name in its own store."""
    return shortened(bucket.origin, 63)
