"""Rules on what an identity may do: the policies that stand in its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import items, statements


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POLICIES = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": "inlinePolicy",
}
_ROLE = "aws:iam/role:Role"
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
_POLICY = "aws:iam/policy:Policy"
_AZURE_ROLE = "azure-native:authorization:RoleDefinition"
_ASSUMES = ("iam:passrole", "sts:assumerole")
_WILD = re.compile(r"(?=.*\*)[*?:/]+")
"""What fits everything: `*`, `*:*`, `?*`, and in a bucket `*/*`."""
_HANDS_OUT = ("microsoft.authorization/*", "microsoft.authorization/roleassignments/write")
_READS = (
    "get",
    "list",
    "describe",
    "head",
    "batchget",
    "query",
    "scan",
    "search",
    "view",
    "lookup",
    "select",
    "check",
    "filter",
)
_WHOLE = _words(
    "cloudwatch:putmetricdata ecr:getauthorizationtoken logs:createloggroup xray:puttracesegments "
    "xray:puttelemetryrecords ec2:createnetworkinterface ec2:deletenetworkinterface "
    "ssmmessages:createcontrolchannel ssmmessages:createdatachannel ssmmessages:opencontrolchannel "
    "ssmmessages:opendatachannel"
)
"""Actions that know no resource (AWS: "Service Authorization Reference")."""
_ESCALATES = _words(
    "iam:createpolicyversion iam:setdefaultpolicyversion iam:createaccesskey iam:createloginprofile "
    "iam:updateloginprofile iam:attachuserpolicy iam:attachgrouppolicy iam:attachrolepolicy iam:putuserpolicy "
    "iam:putgrouppolicy iam:putrolepolicy iam:addusertogroup iam:updateassumerolepolicy "
    "iam:deleterolepermissionsboundary"
)
"""Each of them is a way to more rights (Rhino Security Labs; CKV_AWS_286)."""


def _allowing(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """The statements of a resource's own policies that allow something."""
    if resource.type == _ROLE:
        texts = [inline.get("policy") for inline in items(resource.props.get("inlinePolicies"))]
    else:
        texts = [resource.props.get(_POLICIES[resource.type])]
    for text in texts:
        for statement in statements(text):
            if statement.get("Effect") == "Allow":
                yield statement


def _actions(statement: Mapping[str, Any]) -> list[str]:
    return [str(action).lower() for action in items(statement.get("Action"))]


def _anywhere(statement: Mapping[str, Any]) -> bool:
    """Whether a statement is about every resource, of one service at least."""
    if "NotResource" in statement:
        return True
    return any(_WILD.fullmatch(str(name).split(":", 5)[-1]) for name in items(statement.get("Resource")))


def _every_role(statement: Mapping[str, Any]) -> bool:
    """Whether a statement fits a role that nobody had in mind."""
    names = [re.sub(r":\d{12}:", ":0:", str(name)) for name in items(statement.get("Resource"))]
    return any(fnmatchcase("arn:aws:iam::0:role/any", name) for name in names)


def _means(pattern: str, actions: Iterable[str]) -> bool:
    """Whether an action, perhaps with wildcards, is one of these."""
    return any(fnmatchcase(action, pattern) for action in actions)


def _everything(resource: Resource) -> str | None:
    if resource.type == _AZURE_ROLE:
        for permission in items(resource.props.get("permissions")):
            if any(action == "*" for action in items(permission.get("actions"))):
                return "`permissions.actions` holds *"
        return None
    for statement in _allowing(resource):
        whole = any(_WILD.fullmatch(action) for action in _actions(statement))
        if whole or ("NotAction" in statement and _anywhere(statement)):
            return "a statement allows every action"
    return None


def _wide(resource: Resource) -> str | None:
    for statement in _allowing(resource):
        for action in _actions(statement):
            verb = action.partition(":")[2]
            writes = action not in _WHOLE and not verb.startswith(_READS)
            if writes and not statement.get("Condition") and _anywhere(statement):
                return f"`{action}` on every resource"
    return None


def _escalates(resource: Resource) -> str | None:
    if resource.type == _AZURE_ROLE:
        for permission in items(resource.props.get("permissions")):
            for action in items(permission.get("actions")):
                if str(action).lower() in _HANDS_OUT:
                    return "`permissions.actions` hands out roles"
        return None
    for statement in _allowing(resource):
        for action in _actions(statement):
            if _means(action, _ESCALATES):
                return f"`{action}`"
            if _means(action, _ASSUMES) and (_anywhere(statement) or _every_role(statement)):
                return f"`{action}` on every role"
    return None


def _policy(action: Any, where: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": where, **more}]}


def _role_policy(action: Any, where: Any, **more: Any) -> Resource:
    return example(_ROLE_POLICY, {"policy": json.dumps(_policy(action, where, **more))})


_BUCKET = "arn:aws:s3:::sales-orders/*"
EVERY_ACTION = Rule(
    id="IAM-01",
    name="every-action-allowed",
    severity="critical",
    what="A policy allows everything",
    why="Whoever takes over one program with it owns the account.",
    fix="Name the actions that the program needs, and the resources.",
    refs=("CKV_AWS_62", "CKV_AWS_63", "CKV_AZURE_39", "FSBP:IAM.1"),
    reads=(*_POLICIES, _ROLE, _AZURE_ROLE),
    violated=_everything,
    passes=(
        _role_policy(["s3:GetObject"], [_BUCKET]),
        _role_policy("s3:*", _BUCKET),
        example(_ROLE_POLICY, {"policy": {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}}),
        example(_ROLE, {"assumeRolePolicy": {}}),
        example(_AZURE_ROLE, {"permissions": [{"actions": ["Microsoft.Storage/storageAccounts/read"]}]}),
    ),
    fails=(
        _role_policy("*", "*"),
        _role_policy("?*", "*"),
        _role_policy(["s3:GetObject", "*:*"], _BUCKET),
        example(_ROLE_POLICY, {"policy": {"Statement": [UNKNOWN, {"Effect": "Allow", "Action": ["*"]}]}}),
        example(_POLICY, {"policy": {"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}}),
        example(_ROLE, {"inlinePolicies": [{"name": "x", "policy": json.dumps(_policy("*", "*"))}]}),
        example(_AZURE_ROLE, {"permissions": [{"actions": ["*"]}]}),
    ),
    misses=("many small rights that make up all", "policies of AWS's own (IAM-03)", "what another stack attaches"),
)

WIDE_WRITE = Rule(
    id="IAM-02",
    name="write-on-every-resource",
    severity="high",
    what="A policy allows changes on every resource",
    fix="Name the resources (an ARN each), or narrow the statement by a condition.",
    refs=("CKV_AWS_355", "CKV_AWS_288", "CKV_AWS_289", "CKV_AWS_290", "FSBP:IAM.21"),
    reads=(*_POLICIES, _ROLE),
    violated=_wide,
    passes=(
        _role_policy(["s3:PutObject"], [_BUCKET]),
        _role_policy(["ec2:DescribeSubnets", "ecr:GetAuthorizationToken", "logs:CreateLogGroup"], "*"),
        _role_policy("ecs:RunTask", "*", Condition={"ArnEquals": {"ecs:cluster": "arn:aws:ecs:eu-west-1:1:cluster/x"}}),
    ),
    fails=(
        _role_policy(["s3:GetObject", "s3:PutObject"], "*"),
        _role_policy("s3:*", ["arn:aws:s3:::*"]),
        _role_policy("s3:*Object", ["arn:aws:s3:::*/*"]),
        _role_policy("dynamodb:DeleteItem", ["${aws:dynamodb/table:Table::t#arn}", "*"]),
        example(_POLICY, {"policy": _policy("sqs:SendMessage", "*")}),
    ),
    misses=(
        "a condition that narrows nothing",
        "a wildcard inside an ARN: `table/*`",
        "Azure and Kubernetes",
    ),
)

ESCALATION = Rule(
    id="IAM-05",
    name="privilege-escalating-policy",
    severity="high",
    what="A policy lets its holder take more rights than it names",
    fix="Name the roles in `iam:PassRole` and `sts:AssumeRole`; leave changes of policies to the platform team.",
    refs=("CKV_AWS_286", "CWE-269"),
    reads=(*_POLICIES, _ROLE, _AZURE_ROLE),
    violated=_escalates,
    passes=(
        _role_policy(["iam:PassRole"], ["${aws:iam/role:Role::x#arn}"]),
        _role_policy("iam:GetRole", "*"),
        _role_policy("sts:AssumeRole", "arn:aws:iam::123456789012:role/reader"),
        example(_AZURE_ROLE, {"permissions": [{"actions": ["Microsoft.Authorization/*/read"]}]}),
    ),
    fails=(
        _role_policy("iam:PassRole", "*"),
        _role_policy("iam:Pass*", "arn:aws:iam::*:*"),
        _role_policy("iam:*Policy", "arn:aws:iam::123456789012:role/x"),
        _role_policy("iam:PassRole", "arn:aws:iam::123456789012:role/*"),
        _role_policy("iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/x"),
        _role_policy("iam:*", "arn:aws:iam::123456789012:user/x"),
        _role_policy(["sts:AssumeRole"], ["*"]),
        example(_AZURE_ROLE, {"permissions": [{"actions": ["Microsoft.Authorization/roleAssignments/write"]}]}),
    ),
    misses=("ways through a service: a function or a task whose code may be changed",),
)
