"""An S3 bucket as every bucket of ours is: closed to the public, encrypted, versioned."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3


def private_bucket(
    name: str, prefix: str, tags: dict[str, str], options: pulumi.ResourceOptions, *, kept: bool
) -> s3.Bucket:
    """A bucket whose physical name is `prefix` (36 characters at most) and what AWS adds: it is unique in the world.

    One that is not `kept` goes with all that is in it: else old versions of objects would be in the way of a destroy.
    """
    made = s3.Bucket(name, bucket_prefix=f"{prefix}-", force_destroy=not kept, tags=tags, opts=options)
    s3.BucketPublicAccessBlock(
        name,
        bucket=made.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=options,
    )
    default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms"
    )
    rule = s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default, bucket_key_enabled=True
    )
    s3.BucketServerSideEncryptionConfiguration(name, bucket=made.bucket, rules=[rule], opts=options)
    enabled = s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
    s3.BucketVersioning(name, bucket=made.bucket, versioning_configuration=enabled, opts=options)
    return made
