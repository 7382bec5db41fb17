"""Rules on whom a role trusts, and on the roles of administrators."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import at, items, statements

_ROLE = "aws:iam/role:Role"
_ASSIGNMENT = "azure-native:authorization:RoleAssignment"
_ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
_BINDINGS = ("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",)
_FEDERATED = "azure-native:managedidentity:FederatedIdentityCredential"
_TOO_MUCH = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
_COMPARES = ("stringequals", "stringlike", "foranyvalue:stringequals", "foranyvalue:stringlike")
_ANYBODY = re.compile(r"|(?:repo|system|system:serviceaccount|organization|project_path|project_id):?")
"""What stands before the first wildcard of a subject that fits everybody of an issuer."""
_OWNERS = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
"""Azure's built-in roles that hand out every right (learn.microsoft.com, "Azure built-in roles")."""


def _administrator(resource: Resource) -> str | None:
    props = resource.props
    if resource.type == _ASSIGNMENT:
        role = str(props.get("roleDefinitionId") or "").rpartition("/")[2].lower()
        return f"`roleDefinitionId` is {_OWNERS[role]}" if role in _OWNERS else None
    if resource.type in _BINDINGS:
        return "`roleRef` is cluster-admin" if at(props, "roleRef.name") == "cluster-admin" else None
    for key in ("policyArn", "managedPolicyArns"):
        for arn in items(props.get(key)):
            if str(arn).rpartition("/")[2] in _TOO_MUCH:
                return f"`{key}` holds {str(arn).rpartition('/')[2]}"
    return None


def _trusts(resource: Resource) -> str | None:
    if resource.type == _FEDERATED:
        subject = str(resource.props.get("subject") or "")
        return "`subject` is no exact one" if not subject or "*" in subject else None
    for statement in statements(resource.props.get("assumeRolePolicy")):
        if statement.get("Effect") != "Allow":
            continue
        if "NotPrincipal" in statement:
            return "`NotPrincipal` trusts everybody else"
        principal = statement.get("Principal")
        kinds = principal if isinstance(principal, Mapping) else {"AWS": principal}
        if any(who == "*" for who in items(kinds.get("AWS"))):
            return "everybody may assume the role"
        account = any(str(who).endswith(":root") or str(who).isdigit() for who in items(kinds.get("AWS")))
        if account and not statement.get("Condition"):
            return "a whole account may assume the role, without a condition"
        if kinds.get("Federated") and not _pinned(statement):
            return "no condition on the token's `sub`"
    return None


def _pinned(statement: Mapping[str, Any]) -> bool:
    """Whether a condition names the token's subject (SAML: its audience), and not all of them."""
    wanted = "saml:aud" if "saml" in str(items(statement.get("Action"))).lower() else ":sub"
    for operator, keys in (statement.get("Condition") or {}).items():
        if str(operator).lower() in _COMPARES and isinstance(keys, Mapping):
            for key in keys:
                values = [str(value) for value in items(keys.get(key))] if str(key).lower().endswith(wanted) else []
                if values and not any(_ANYBODY.fullmatch(value.split("*")[0]) for value in values):
                    return True
    return False


def _trust(principal: Any, **more: Any) -> Resource:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": principal, **more}
    return example(_ROLE, {"assumeRolePolicy": {"Statement": statement}})


_GITHUB = "token.actions.githubusercontent.com"
_ISSUER = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{_GITHUB}"}


ADMINISTRATOR = Rule(
    id="IAM-03",
    name="administrator-rights",
    severity="critical",
    what="A product gets the rights of an administrator",
    fix="Attach a policy of its own (a role with the few actions that are needed, on its own resources).",
    refs=("CKV_AWS_274", "CKV2_AWS_56", "CIS-K8S 5.1.1", "ASB:PA-1"),
    reads=(*_ATTACHMENTS, _ROLE, _ASSIGNMENT, *_BINDINGS),
    violated=_administrator,
    passes=(
        example(_ATTACHMENTS[0], {"policyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}),
        example(_ROLE, {"assumeRolePolicy": {}}),
        example(_ASSIGNMENT, {"roleDefinitionId": "/providers/x/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"}),
        example(_BINDINGS[0], {"roleRef": {"kind": "ClusterRole", "name": "view"}}),
    ),
    fails=(
        example(_ATTACHMENTS[0], {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        example(_ATTACHMENTS[1], {"policyArn": "arn:aws:iam::aws:policy/IAMFullAccess"}),
        example(_ROLE, {"managedPolicyArns": [UNKNOWN, "arn:aws:iam::aws:policy/PowerUserAccess"]}),
        example(_ASSIGNMENT, {"roleDefinitionId": "/providers/x/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"}),
        example(_BINDINGS[0], {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}),
    ),
    misses=("Contributor on a whole subscription", "groups that have the right already"),
)

WIDE_TRUST = Rule(
    id="IAM-04",
    name="wide-trust",
    severity="critical",
    what="A role may be assumed by more than the one who needs it",
    fix="Name the service or role; for OIDC add a condition on `<issuer>:sub`, for an account one on `sts:ExternalId`.",
    refs=("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_393", "CWE-284"),
    reads=(_ROLE, _FEDERATED),
    violated=_trusts,
    passes=(
        _trust({"Service": "ecs-tasks.amazonaws.com"}),
        _trust({"AWS": "arn:aws:iam::123456789012:role/deployer"}),
        _trust({"AWS": "arn:aws:iam::123456789012:root"}, Condition={"StringEquals": {"sts:ExternalId": "x"}}),
        _trust(_ISSUER, Condition={"StringLike": {f"{_GITHUB}:sub": "repo:acme/mesh:*"}}),
        example(_FEDERATED, {"subject": "system:serviceaccount:sales:load"}),
    ),
    fails=(
        _trust("*"),
        _trust({"AWS": ["*"]}),
        _trust({"AWS": "arn:aws:iam::123456789012:root"}),
        _trust(_ISSUER),
        _trust(_ISSUER, Condition={"StringEquals": {f"{_GITHUB}:aud": "sts.amazonaws.com"}}),
        _trust(_ISSUER, Condition={"StringLike": {f"{_GITHUB}:sub": "repo:*"}}),
        example(_ROLE, {"assumeRolePolicy": '{"Statement": {"Effect": "Allow", "NotPrincipal": {}}}'}),
        _trust(_ISSUER, Condition={"StringLikeIfExists": {f"{_GITHUB}:sub": "repo:acme/mesh:*"}}),
        _trust(_ISSUER, Condition={"StringLike": {f"{_GITHUB}:sub": ["repo:acme/mesh:*", "repo:*/mesh:*"]}}),
        example(_FEDERATED, {"subject": ""}),
    ),
    misses=("a subject whose pattern fits more than meant", "who may become the one that is named"),
)
