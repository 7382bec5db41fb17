"""A database on AWS: RDS for PostgreSQL, encrypted, reached over TLS by whoever uses it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.primitives import DatabaseArgs, Size
from components.targets.aws_key import Key

INSTANCE_CLASSES: Mapping[Size, str] = {"small": "db.t4g.micro", "medium": "db.t4g.medium", "large": "db.m7g.xlarge"}
"""The memory of SIZES; vCPU at least (aws.amazon.com/rds/instance-types)."""
VERSION = "17"
BACKUP_DAYS = 7


def parameters(tags: dict[str, str], options: pulumi.ResourceOptions) -> aws.rds.ParameterGroup:
    """What all databases of a stack are set to: nobody connects without TLS, and logins are logged."""
    wanted = {"rds.force_ssl": "1", "log_connections": "1"}
    return aws.rds.ParameterGroup(
        "databases",
        family=f"postgres{VERSION}",
        description="TLS is forced",
        parameters=[
            # In force from the first start: a static one can't be set at once.
            aws.rds.ParameterGroupParameterArgs(name=name, value=value, apply_method="pending-reboot")
            for name, value in wanted.items()
        ],
        tags=tags,
        opts=options,
    )


def instance(
    name: str,
    physical: str,
    args: DatabaseArgs,
    administrator: str,
    *,
    subnets: aws.rds.SubnetGroup,
    group: aws.ec2.SecurityGroup,
    settings: aws.rds.ParameterGroup,
    key: Key,
    protected: bool,
    final: str,
    tags: dict[str, str],
    options: pulumi.ResourceOptions,
) -> aws.rds.Instance:
    """A database whose administrator's password AWS makes and keeps; `final` names the snapshot that outlives it."""
    return aws.rds.Instance(
        name,
        identifier=physical,
        engine="postgres",
        engine_version=args.version,
        instance_class=INSTANCE_CLASSES[args.size],
        allocated_storage=args.storage,
        storage_type="gp3",
        storage_encrypted=True,
        kms_key_id=key.arn,
        db_name=args.name,
        username=administrator,
        manage_master_user_password=True,
        master_user_secret_kms_key_id=key.arn,
        parameter_group_name=settings.name,
        db_subnet_group_name=subnets.name,
        vpc_security_group_ids=[group.id],
        publicly_accessible=False,
        iam_database_authentication_enabled=True,
        multi_az=protected,
        backup_retention_period=BACKUP_DAYS,
        copy_tags_to_snapshot=True,
        deletion_protection=protected,
        skip_final_snapshot=not protected,
        final_snapshot_identifier=final if protected else None,
        enabled_cloudwatch_logs_exports=["postgresql"],
        tags=tags,
        opts=options,
    )
