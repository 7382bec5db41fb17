"""Buckets on Azure: blobs of a storage account, and a gateway that speaks S3 before them.

A Bucket's port speaks S3, which Azure's storage does not. The gateway (`versitygw`, an image of the stack's registry)
keeps nothing itself: its readers stand in a container of the same account, their rights in the metadata of the
bucket's. SeaweedFS, which does this elsewhere, would keep its files on a share: Container Apps starts a revision beside
the last one, and two of it on one share lose data.
"""

from __future__ import annotations

import pulumi

from components.port import Credentials, Port
from components.primitives import (
    AccessOutputs,
    Bucket,
    BucketAccess,
    BucketOutputs,
    Endpoint,
    Job,
    JobArgs,
    Secret,
    SecretArgs,
    locked,
    program,
)
from components.targets import implements
from components.targets.azure_container import web_address
from components.targets.azure_roles import STORAGE_BLOB_DATA_CONTRIBUTOR, role_assignment
from components.targets.azure_storage import Store, private_store
from components.targets.azure_vault import RECOVERABLE, RECOVERABLE_PROTECTED
from components.targets.azure_workload import Workloads
from components.targets.containers import image

GATEWAY, GATEWAY_VERSION = "versitygw", "v1.8.0"
"""github.com/versity/versitygw, an upstream image that the operator copies into the registry."""
OBJECTS = Endpoint(protocol="s3", port=8333, health="/healthz")
GATEWAY_START_SECONDS = 60
OWNER = "owner"


class Buckets(Workloads):
    """A storage account and a gateway of its own for each bucket."""

    @implements(Bucket)
    def blob_container(self, bucket: Bucket) -> BucketOutputs:
        protected, tags = self.settings.protected, bucket.context.tags.as_map()
        store = private_store(
            bucket.name,
            (self.physical(bucket, "account"), self.physical(bucket, "container")),
            self.group,
            self.region,
            protected=protected,
            days=RECOVERABLE_PROTECTED if protected else RECOVERABLE,
            tags=tags,
            options=self.under(bucket),
            kept=self.under(bucket, protect=protected),
        )
        zone = self.network.zone("privatelink.blob.core.windows.net", "blobZoneId")
        name, options = self.physical(bucket, "endpoint"), self.under(bucket)
        ready = self.network.endpoint(bucket.name, name, store.account.id, "blob", zone, tags, options)
        secret = Secret(bucket.child("owner"), SecretArgs(length=40), bucket.below())
        objects = Port(
            protocol="s3",
            address={
                "endpoint": self._gateway(bucket, store, secret, ready),
                "bucket": store.objects.name,
                "prefix": "",
            },
            credentials=Credentials(user=OWNER, secret=secret),
            behind=bucket,
        )
        return BucketOutputs(objects=objects)

    def _gateway(
        self, bucket: Bucket, store: Store, secret: Secret, ready: list[pulumi.Resource]
    ) -> pulumi.Output[str]:
        """The address of what speaks S3 before a store; it alone has a role there."""
        identity = self.identity(bucket)
        for part, container in (("objects", store.objects), ("keys", store.keys)):
            name, role = bucket.child(f"writes-{part}"), STORAGE_BLOB_DATA_CONTRIBUTOR
            ready.append(role_assignment(name, identity, role, container.id, self.under(bucket)))
        work = self.workload(
            bucket,
            identity,
            image=image(self.settings.values["registry"], f"{GATEWAY}:{GATEWAY_VERSION}"),
            command=(GATEWAY, "--port", f":{OBJECTS.port}", "--health", OBJECTS.health, "azure"),
            environment={
                "AZ_ACCOUNT_NAME": store.account.name,
                "AZ_ENDPOINT": store.account.primary_endpoints.blob,
                "AZURE_CLIENT_ID": identity.client_id,
                "ROOT_ACCESS_KEY_ID": OWNER,
                # It reads its readers through itself.
                "VGW_S3_IAM_ENDPOINT": f"http://127.0.0.1:{OBJECTS.port}",
                "VGW_S3_IAM_BUCKET": store.keys.name,
                "VGW_S3_IAM_REGION": "us-east-1",
                "VGW_S3_IAM_ACCESS_KEY": OWNER,
            },
            secrets={"ROOT_SECRET_ACCESS_KEY": secret, "VGW_S3_IAM_SECRET_KEY": secret},
            endpoints={"s3": OBJECTS},
            size=bucket.args.size,
            start_seconds=GATEWAY_START_SECONDS,
            acts=True,
        )
        return web_address(work.container_app(bucket.name, self.physical(bucket, "app"), self.place(bucket, ready)))

    @implements(BucketAccess)
    def gateway_key(self, access: BucketAccess) -> AccessOutputs:
        args = access.args
        port = args.bucket.outputs.objects
        owner = port.credentials
        assert owner is not None
        secret = Secret(access.child("key"), SecretArgs(length=40), access.below())
        job = Job(
            access.child("rights"),
            JobArgs(
                software=locked("postgres-client"),  # Python is all it needs
                command=("python", "{{files}}/gateway_key.py"),
                undo=("python", "{{files}}/gateway_key.py", "--undo"),
                files={"gateway_key.py": program("gateway_key.py")},
                environment={
                    "ENDPOINT": port.address["endpoint"],
                    "BUCKET": port.address["bucket"],
                    "OWNER": owner.user,
                    "KEY": access.origin,
                    "PREFIX": args.prefix,
                    "UNTIL": args.until or "",
                },
                secrets={"OWNER_SECRET_KEY": owner.secret, "SECRET_KEY": secret},
                uses=(args.bucket,),
                timeout_seconds=120,
            ),
            access.below(),
        )
        user = job.outputs.revision.apply(lambda _: access.origin)
        return AccessOutputs(credentials=Credentials(user=user, secret=secret))
