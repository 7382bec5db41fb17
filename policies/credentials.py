"""Rules on secrets: they go by reference, never as a literal in a variable, a command or a file."""

from __future__ import annotations

from policies import literals
from policies.rule import Resource, Rule, example

PROGRAMS = ("mesh:index:Process", "mesh:index:JobRun")
_MISSES = ("a secret under an innocent name and of no known form", "a value put together while the program runs")
_FIX = "Put it into `secrets` (in a component `secrets={NAME: Secret}`); the program reads the variable NAME."


def _variable(resource: Resource) -> str | None:
    for name, value in (resource.props.get("variables") or {}).items():
        if isinstance(value, str) and (kind := literals.in_value(name, value)):
            return f"`variables.{name}` is {kind}"
    return None


def _command(resource: Resource) -> str | None:
    for key in ("command", "undo"):
        words = [str(word) for word in resource.props.get(key) or ()]
        if found := literals.in_words(words):
            return f"`{key}`: {found}"
    return None


def _file(resource: Resource) -> str | None:
    for path, text in (resource.props.get("files") or {}).items():
        if isinstance(text, str) and (found := literals.in_text(text)):
            return f"file `{path}`: {found}"
    return None


SECRET_VARIABLE = Rule(
    id="SEC-02",
    name="secret-in-variable",
    severity="critical",
    what="A secret stands in a plain environment variable",
    why="Variables are kept in the state and shown in plans in the clear.",
    fix=_FIX,
    refs=("CKV_AWS_45", "CKV_K8S_35"),
    reads=PROGRAMS,
    violated=_variable,
    passes=(
        example(
            "mesh:index:Process", {"variables": {"MODE": "fast", "WEATHER_ACCESS_KEY": "reader", "TOKEN_URL": "x"}}
        ),
        example("mesh:index:Process", {"variables": {"KEY_FILE": "{{files}}/key", "TLS_KEY": "{{files}}/key.pem"}}),
        example("mesh:index:JobRun", {"variables": {"DATABASE": "postgresql://reader@127.0.0.1:5432/x"}}),
        example("mesh:index:JobRun", {"variables": {"MAX_TOKENS": "100"}}),
        example("mesh:index:JobRun", {}),
    ),
    fails=(
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
    reads=PROGRAMS,
    violated=_command,
    passes=(
        example("mesh:index:Process", {"command": ["serve", "--password-file", "{{files}}/pw", "--token={{files}}/t"]}),
        example("mesh:index:JobRun", {"command": ["python", "{{files}}/load.py"], "undo": ["python", "x.py"]}),
        example("mesh:index:JobRun", {"command": ["sh", "-c", "run --password $PASSWORD"]}),
    ),
    fails=(
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
    reads=PROGRAMS,
    violated=_file,
    passes=(
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
        example("mesh:index:Process", {"files": {"config.py": "x = 1\nSECRET_KEY = 'canary-7f3a'\n"}}),
        example("mesh:index:JobRun", {"files": {"a.json": '{"apiKey": "canary-7f3a"}'}}),
        example("mesh:index:JobRun", {"files": {"spark.conf": "spark.authenticate.secret canaryX7f3aQ9zR2bL\n"}}),
        example("mesh:index:JobRun", {"files": {"a.sql": "CREATE ROLE a PASSWORD 'canary-7f3a';"}}),
        example("mesh:index:JobRun", {"files": {"k": "-----BEGIN PRIVATE KEY-----\ncanary-7f3a\n"}}),
    ),
    misses=(*_MISSES, "defaults inside calls: `environ.get('PASSWORD', 'x')`", "binary files"),
)
