"""Rules on secrets: they go by reference, never as a literal in a variable, a command or a file."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from policies import literals
from policies.pods import (
    MAIN,
    PODS,
    RUN,
    Container,
    a_container,
    a_pod,
    a_run,
    a_task,
    an_app,
    each_container,
)
from policies.rule import UNKNOWN, Resource, Rule, example
from policies.shapes import at, items
from policies.unknown import UndeterminedError

PROGRAMS = ("mesh:index:Process", "mesh:index:JobRun")
_OTHERS = tuple(kind for kind in PODS if kind != RUN)
_MISSES = ("a secret under an innocent name and of no known form", "a value put together while the program runs")
_FIX = "Put it into `secrets` (in a component `secrets={NAME: Secret}`); the program reads the variable NAME."


FUNCTION = "aws:lambda/function:Function"
MACHINES = {
    "aws:ec2/instance:Instance": ("userData", "userDataBase64"),
    "aws:ec2/launchTemplate:LaunchTemplate": ("userData",),
    "azure-native:compute:VirtualMachine": ("userData", "osProfile.customData"),
}
"""Where a machine's first script stands, plain or in base64."""
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
OBJECTS = ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject")


def _environment(container: Container) -> Iterator[tuple[str, Any]]:
    """(name, value) of a container's variables, those that refer to a secret left out."""
    for entry in items(container.props.get({"ecs": "environment", "docker": "envs"}.get(container.kind, "env"))):
        if isinstance(entry, str):  # Docker: NAME=value
            name, _, value = entry.partition("=")
            yield name, value
        elif isinstance(entry, dict):
            yield str(entry.get("name") or ""), dict.get(entry, "value")


def _kind(name: str, value: str) -> str:
    """What kind of secret a variable is. KEY alone may be any key: of a table, of a bucket's reader."""
    secret = literals.names_secret(name, bare_key=False) or literals.looks_random(value)
    return literals.in_value(name, value) if secret else literals.in_text(value)


def _in_container(container: Container) -> str | None:
    unknown = ""
    for name, value in _environment(container):
        if value is UNKNOWN:
            unknown = name
        elif isinstance(value, str) and (kind := _kind(name, value)):
            return f"variable `{name}` is {kind}"
    if unknown:
        raise UndeterminedError(f"variable {unknown}")
    return None


_IN_CONTAINERS = each_container(kubernetes=_in_container, ecs=_in_container, azure=_in_container, docker=_in_container)


def _decoded(text: str) -> str:
    """A script as it is, or out of its base64."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return text


def _variable(resource: Resource) -> str | None:
    if resource.type in MACHINES:
        for path in MACHINES[resource.type]:
            script = at(resource.props, path)
            if isinstance(script, str) and (found := literals.in_text(_decoded(script))):
                return f"`{path}`: {found}"
        return None
    path = {FUNCTION: "environment.variables", CONFIG_MAP: "data"}.get(resource.type, "variables")
    for name, value in (at(resource.props, path) or {}).items():
        if isinstance(value, str) and (kind := literals.in_value(name, value)):
            return f"`{path}.{name}` is {kind}"
    return _IN_CONTAINERS(resource)


def _command(resource: Resource) -> str | None:
    for key in ("command", "undo") if resource.type in PROGRAMS else ():
        words = [str(word) for word in resource.props.get(key) or ()]
        if found := literals.in_words(words):
            return f"`{key}`: {found}"
    return _COMMANDS(resource)


def _words(*keys: str) -> Any:
    def check(container: Container) -> str | None:
        words = [str(word) for key in keys for word in items(container.props.get(key))]
        found = literals.in_words(words)
        return f"`{keys[0]}`: {found}" if found else None

    return check


_COMMANDS = each_container(
    kubernetes=_words("command", "args"),
    ecs=_words("entryPoint", "command"),
    azure=_words("command", "args"),
    docker=_words("entrypoints", "command"),
)


def _file(resource: Resource) -> str | None:
    for path, text in _texts(resource):
        if isinstance(text, str) and (found := literals.in_text(text)):
            return f"file `{path}`: {found}"
    return None


def _texts(resource: Resource) -> Iterator[tuple[str, Any]]:
    """(path, text) of the files that are placed; Docker's own directory for secrets is left out."""
    if resource.type in OBJECTS:
        yield resource.name, resource.props.get("content")
    for upload in items(resource.props.get("uploads")):
        path = str(upload.get("file") or "")
        if not path.startswith("/run/secrets/"):
            yield path, upload.get("content")
    for key in ("files", "data"):
        yield from (resource.props.get(key) or {}).items()


_TOKEN = "AKIACANARYCANARYCANA"
_SCRIPT = base64.b64encode(b"export TOKEN='canary-7f3a'\n").decode()

SECRET_VARIABLE = Rule(
    id="SEC-02",
    name="secret-in-variable",
    severity="critical",
    what="A secret stands in a plain environment variable",
    why="Variables are kept in the state and shown in plans in the clear.",
    fix=_FIX,
    refs=("CKV_AWS_45", "CKV_K8S_35"),
    reads=(*PROGRAMS, *_OTHERS, FUNCTION, *MACHINES, CONFIG_MAP),
    violated=_variable,
    passes=(
        example(
            "mesh:index:Process", {"variables": {"MODE": "fast", "WEATHER_ACCESS_KEY": "reader", "TOKEN_URL": "x"}}
        ),
        example("mesh:index:Process", {"variables": {"KEY_FILE": "{{files}}/key", "TLS_KEY": "{{files}}/key.pem"}}),
        example("mesh:index:JobRun", {"variables": {"DATABASE": "postgresql://reader@127.0.0.1:5432/x"}}),
        example("mesh:index:JobRun", {"variables": {"MAX_TOKENS": "100"}}),
        example("mesh:index:JobRun", {}),
        a_pod(containers=[{**MAIN, "env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x"}}}]}]),
        a_task({"environment": [{"name": "HOST", "value": "db"}], "secrets": [{"name": "PASSWORD", "valueFrom": "x"}]}),
        an_app({"env": [{"name": "PASSWORD", "secretRef": "password"}]}),
        a_container(envs=["PASSWORD_FILE=/run/secrets/PASSWORD"]),
        example(FUNCTION, {"environment": {"variables": {"MODE": "fast"}}}),
        example("aws:ec2/instance:Instance", {"userData": "#!/bin/sh\necho hello\n"}),
        example(CONFIG_MAP, {"data": {"config.py": "x = 1"}}),
    ),
    fails=(
        a_pod(containers=[{**MAIN, "env": [{"name": "DB_PASSWORD", "value": "canary-7f3a"}]}]),
        a_pod(
            containers=[
                UNKNOWN,
                {"env": [{"name": "A", "value": UNKNOWN}, {"name": "B", "value": "AKIACANARYCANARYCANA"}]},
            ]
        ),
        a_run(initContainers=[{"name": "init", "env": [{"name": "API_KEY", "value": "canary-7f3a"}]}]),
        a_task({"environment": [{"name": "PGPASSWORD", "value": "canary-7f3a"}]}),
        an_app({"env": [{"name": "TOKEN", "value": "canary-7f3a"}]}),
        a_container(envs=["MODE=fast", "DB_PASSWORD=canary-7f3a"]),
        example(FUNCTION, {"environment": {"variables": {"DB_PASSWORD": "canary-7f3a"}}}),
        example("aws:ec2/instance:Instance", {"userData": "export DB_PASSWORD='canary-7f3a'\n"}),
        example("aws:ec2/launchTemplate:LaunchTemplate", {"userData": _SCRIPT}),
        example(CONFIG_MAP, {"data": {"DB_PASSWORD": "canary-7f3a"}}),
        example("mesh:index:Process", {"variables": {"DB_PASSWORD": "canary-7f3a"}}),
        example("mesh:index:Process", {"variables": {"PGPASSWORD": "canary-7f3a"}}),
        example("mesh:index:Process", {"variables": {"API_KEY": "canary-7f3a"}}),
        example("mesh:index:JobRun", {"variables": {"DATABASE": "postgresql://x:canary-7f3a@127.0.0.1/x"}}),
        example("mesh:index:JobRun", {"variables": {"OPTIONS": '{"secret": "canary-7f3a"}'}}),
        example("mesh:index:JobRun", {"variables": {"WHO": "AKIACANARYCANARYCANA"}}),
    ),
    misses=_MISSES,
)

SECRET_COMMAND = Rule(
    id="SEC-06",
    name="secret-in-command",
    severity="critical",
    what="A secret stands in a command line",
    why="Every user of a machine can read the arguments of its processes.",
    fix=_FIX,
    refs=("CWE-214",),
    reads=(*PROGRAMS, *_OTHERS),
    violated=_command,
    passes=(
        example("mesh:index:Process", {"command": ["serve", "--password-file", "{{files}}/pw", "--token={{files}}/t"]}),
        example("mesh:index:JobRun", {"command": ["python", "{{files}}/load.py"], "undo": ["python", "x.py"]}),
        example("mesh:index:JobRun", {"command": ["sh", "-c", "run --password $PASSWORD"]}),
        a_pod(containers=[{**MAIN, "command": ["serve", "--token=$(TOKEN)"]}]),
        a_task({"command": ["python", "x.py"]}),
    ),
    fails=(
        a_pod(containers=[{**MAIN, "command": ["serve"], "args": ["--password", "canary-7f3a"]}]),
        a_task({"command": ["serve", "--auth-token=canary-7f3a"]}),
        an_app({"args": ["--password=canary-7f3a"]}),
        a_container(command=["serve", "--password", "canary-7f3a"]),
        example("mesh:index:Process", {"command": ["serve", "--password", "canary-7f3a"]}),
        example("mesh:index:Process", {"command": ["serve", "--auth-token=canary-7f3a"]}),
        example("mesh:index:JobRun", {"command": ["x", "--conf", "spark.authenticate.secret=canary-7f3a"]}),
        example("mesh:index:JobRun", {"command": ["x"], "undo": ["x", "https://u:canary-7f3a@example.org"]}),
    ),
    misses=(*_MISSES, "a secret inside one word of shell text"),
)

SECRET_FILE = Rule(
    id="SEC-07",
    name="secret-in-file",
    severity="critical",
    what="A secret stands in a file that is placed beside a program",
    why="The file's text is an input: kept in the state, shown in plans, often in the repository.",
    fix=_FIX,
    refs=("CWE-798", "CKV_SECRET_6"),
    reads=(*PROGRAMS, "docker:index/container:Container", CONFIG_MAP, *OBJECTS),
    violated=_file,
    passes=(
        a_container(
            uploads=[{"file": "/run/secrets/PASSWORD", "content": "canary-7f3a"}, {"file": "/x", "content": "x"}]
        ),
        example(CONFIG_MAP, {"data": {"x.py": 'password = os.environ["PASSWORD"]'}}),
        example(OBJECTS[0], {"content": "x = 1"}),
        example("mesh:index:Process", {"files": {"config.py": 'SECRET_KEY = os.environ["SECRET_KEY"]\n'}}),
        example("mesh:index:Process", {"files": {"config.py": 'password = os.environ["PASSWORD"]\nkey = "plain"\n'}}),
        example("mesh:index:JobRun", {"files": {"db.yaml": "sqlalchemy_uri: postgresql://a:XXXXXXXXXX@h/d\n"}}),
        example("mesh:index:JobRun", {"files": {"x.py": 'url = f"postgresql://{user}:{password}@{host}/d"\n'}}),
        example(
            "mesh:index:JobRun",
            {"files": {"x.py": 'type_token = "mesh:data:X"\nNAMES = {"password": "WEATHER_PASSWORD"}\n'}},
        ),
    ),
    fails=(
        a_container(uploads=[{"file": "/files/x.py", "content": "password = 'canary-7f3a'"}]),
        example(CONFIG_MAP, {"data": {"x.py": "password = 'canary-7f3a'"}}),
        example(OBJECTS[0], {"content": '{"apiKey": "canary-7f3a"}'}),
        example("mesh:index:Process", {"files": {"config.py": "x = 1\nSECRET_KEY = 'canary-7f3a'\n"}}),
        example("mesh:index:JobRun", {"files": {"a.json": '{"apiKey": "canary-7f3a"}'}}),
        example("mesh:index:JobRun", {"files": {"spark.conf": "spark.authenticate.secret canaryX7f3aQ9zR2bL\n"}}),
        example("mesh:index:JobRun", {"files": {"a.sql": "CREATE ROLE a PASSWORD 'canary-7f3a';"}}),
        example("mesh:index:JobRun", {"files": {"k": "-----BEGIN PRIVATE KEY-----\ncanary-7f3a\n"}}),
    ),
    misses=(*_MISSES, "defaults inside calls: `environ.get('PASSWORD', 'x')`", "binary files"),
)
