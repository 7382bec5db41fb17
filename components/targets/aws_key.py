"""The key that a stack on AWS encrypts with: databases, objects, secrets and logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.targets.aws_policy import Condition, Statement, allow, document

DAYS = 7
DAYS_PROTECTED = 30
"""Days in which a deleted key may still be had back: AWS takes 7 to 30."""
USE = ("kms:Decrypt",)
USE_AND_WRITE = (*USE, "kms:GenerateDataKey")
LOGS = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")
"""What CloudWatch Logs asks of a key (its user guide, "Encrypt log data using AWS KMS")."""


class Key:
    """A customer key, turned over every year, or the one that the stack brings along.

    Nobody uses it but through S3 and Secrets Manager, and there for what is his own: their encryption context says
    what a data key is for.
    """

    def __init__(
        self,
        given: str,
        stack: str,
        region: str,
        *,
        protected: bool,
        tags: dict[str, str],
        options: pulumi.ResourceOptions,
    ) -> None:
        self.region = region
        self.ready: list[pulumi.Resource] = []
        """What must be there before CloudWatch Logs uses it."""
        self.arn: pulumi.Input[str] = given
        if given:
            return
        kept = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(protect=protected))
        made = aws.kms.Key(
            "key",
            description=f"Databases, objects, secrets and logs of {stack}",
            enable_key_rotation=True,
            deletion_window_in_days=DAYS_PROTECTED if protected else DAYS,
            tags=tags,
            opts=kept,
        )
        self.arn = made.arn
        aws.kms.Alias("key", name=f"alias/mesh/{stack}", target_key_id=made.key_id, opts=options)
        account = made.arn.apply(lambda arn: arn.split(":")[4])
        group = pulumi.Output.concat(f"arn:aws:logs:{region}:", account, f":log-group:/mesh/{stack}")
        owner = Statement(
            sid="TheAccountsPoliciesDecide",
            principal={"AWS": pulumi.Output.concat("arn:aws:iam::", account, ":root")},
            actions=["kms:*"],
            resources=["*"],  # in a key's policy: this key
        )
        logs = Statement(
            sid="Logs",
            principal={"Service": f"logs.{region}.amazonaws.com"},
            actions=LOGS,
            resources=["*"],
            condition={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
        )
        policy = aws.kms.KeyPolicy("key", key_id=made.key_id, policy=document([owner, logs]), opts=options)
        self.ready.append(policy)

    def for_objects(
        self, bucket: pulumi.Input[str], *, write: bool = False, condition: Condition | None = None
    ) -> Statement:
        """The right to open (and `write`) the objects of a bucket, whose ARN is given.

        S3's context is the bucket where it has a bucket key, as ours have, and the object where a writer turned it off.
        """
        asked: dict[str, dict[str, Any]] = {
            "StringEquals": {"kms:ViaService": f"s3.{self.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, pulumi.Output.concat(bucket, "/*")]},
        }
        return allow(USE_AND_WRITE if write else USE, [self.arn], {**(condition or {}), **asked})

    def for_secrets(self, secrets: Sequence[pulumi.Input[str]]) -> Statement:
        """The right to open secrets, whose ARNs are given."""
        asked = {
            "StringEquals": {
                "kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com",
                "kms:EncryptionContext:SecretARN": list(secrets),
            }
        }
        return allow(USE, [self.arn], asked)
