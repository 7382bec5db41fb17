"""An S3 bucket as every bucket of ours is: closed to the public, TLS only, encrypted, versioned, cleaned up."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3

from components.targets.aws_key import Key
from components.targets.aws_policy import Condition, Statement, allow, document

WRITE = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
OLD_DAYS = 30
"""How long what was overwritten or deleted may be had back."""
UNFINISHED_DAYS = 7
"""How long parts of an upload that never ended are kept."""


def private_bucket(
    name: str,
    prefix: str,
    key: Key,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
    *,
    kept: bool,
    adopts: str | None = None,
) -> s3.Bucket:
    """A bucket whose physical name is `prefix` (36 characters at most) and what AWS adds: it is unique in the world.

    One that is not `kept` goes with all that is in it: else old versions of objects would be in the way of a destroy.
    `adopts` names one that is there already: it keeps its name.
    """
    made = s3.Bucket(
        name,
        bucket=adopts,
        bucket_prefix=None if adopts else f"{prefix}-",
        force_destroy=not kept,
        tags=tags,
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(import_=adopts)),
    )
    closed = s3.BucketPublicAccessBlock(
        name,
        bucket=made.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=options,
    )
    default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key.arn
    )
    rule = s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default, bucket_key_enabled=True
    )
    s3.BucketServerSideEncryptionConfiguration(name, bucket=made.bucket, rules=[rule], opts=options)
    enabled = s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
    versions = s3.BucketVersioning(name, bucket=made.bucket, versioning_configuration=enabled, opts=options)
    clean = s3.BucketLifecycleConfigurationRuleArgs(
        id="clean",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=OLD_DAYS
        ),
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UNFINISHED_DAYS
        ),
    )
    s3.BucketLifecycleConfiguration(name, bucket=made.bucket, rules=[clean], opts=_after(options, versions))
    # S3 refuses two changes of a bucket's policy and its public access at the same time.
    s3.BucketPolicy(name, bucket=made.bucket, policy=document([encrypted(made)]), opts=_after(options, closed))
    return made


def encrypted(bucket: s3.Bucket) -> Statement:
    """Nobody talks to a bucket without TLS."""
    return Statement(
        sid="TlsOnly",
        effect="Deny",
        principal="*",
        actions=["s3:*"],
        resources=[bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def reading(
    bucket: s3.Bucket, key: Key, prefix: pulumi.Input[str], condition: Condition | None = None
) -> list[Statement]:
    """The right to read what stands under `prefix`, and to see what is there."""
    within = pulumi.Output.concat(prefix, "*")
    return [
        allow(["s3:GetObject"], [pulumi.Output.concat(bucket.arn, "/", within)], condition),
        allow(["s3:ListBucket"], [bucket.arn], {**(condition or {}), "StringLike": {"s3:prefix": within}}),
        key.for_objects(bucket.arn, condition=condition),
    ]


def writing(bucket: s3.Bucket, key: Key) -> list[Statement]:
    """The right to read and write all of it."""
    return [
        allow(WRITE, [pulumi.Output.concat(bucket.arn, "/*")]),
        allow(["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"], [bucket.arn]),
        key.for_objects(bucket.arn, write=True),
    ]


def _after(options: pulumi.ResourceOptions, resource: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[resource]))
