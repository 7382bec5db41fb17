"""The `mesh` command: data products from manifests, up, looked at, opened and found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.ci import app as ci_app
from cli.groups import catalogue_app, dashboards_app, images_app
from cli.options import Address, Env, Json, Names
from cli.rules import app as rules_app

# Nothing heavy is imported here: `mesh --help` answers within 0.15 s. Each command imports what it needs.
app = typer.Typer(
    help="Data products from manifests: up, looked at, opened and found.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `mesh new product sales/orders`, then `mesh up sales`. "
    "Exit codes: 0 done, 1 failed, 2 bad input.",
)
new_app = typer.Typer(help="Write a manifest to start from.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(new_app, name="new")
init_app = typer.Typer(help="Choose where a domain runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(init_app, name="init")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(images_app, name="images")
app.add_typer(rules_app, name="rules")
app.add_typer(ci_app, name="ci")


@app.command()
def up(names: Names = None, env: Env = "dev", json: Json = False) -> None:
    """Build or change domains, each after those it reads, and register them in the catalogue."""
    from cli import deploy

    deploy.up(names or [], env, as_json=json)


@app.command()
def preview(names: Names = None, env: Env = "dev", json: Json = False) -> None:
    """Show what `up` would change; nothing is created."""
    from cli import deploy

    deploy.preview(names or [], env, as_json=json)


@app.command()
def render(
    what: Annotated[str, typer.Argument(metavar="DOMAIN[/PRODUCT]|MANIFEST")],
    env: Env = "dev",
    target: Annotated[str, typer.Option("--target", "-t", help="Another target than the stack's.")] = "",
    records: Annotated[Path | None, typer.Option("--records", help="Write all resources to a file, as JSON.")] = None,
    json: Json = False,
) -> None:
    """Show the components and resources that a manifest becomes, without cloud, credentials or engine."""
    from cli import render

    render.render(what, env, target, records, as_json=json)


@app.command()
def check(
    names: Names = None,
    env: Annotated[str, typer.Option("--env", "-e", help="One environment; all that have a stack if empty.")] = "",
    json: Json = False,
    changed_since: Annotated[
        str, typer.Option("--changed-since", metavar="REF", help="Only what the difference to a git ref can affect.")
    ] = "",
    fail_on: Annotated[
        Literal["critical", "high", "medium", "low"] | None,
        typer.Option(
            help="Exit 1 from this severity upwards; by default on what policies/levels.yaml makes mandatory."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="Check a state instead, as `pulumi stack export` writes it.")
    ] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Write SARIF 2.1.0 for code scanning.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the pull request's comment.")] = None,
) -> None:
    """Run all rules over what every stack would create: no cloud, credentials or engine. 1: findings; 2: bad input."""
    from cli.check.command import check

    files = {"sarif": sarif, "junit": junit, "markdown": markdown}
    check(names or [], env, changed_since, fail_on or "", state, files, as_json=json)


@app.command()
def cost(
    names: Names = None,
    env: Annotated[str, typer.Option("--env", "-e", help="One environment; all that have a stack if empty.")] = "",
    diff: Annotated[
        str, typer.Option("--diff", metavar="REF", help="The difference to the manifests of a git ref.")
    ] = "",
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw it: a bar a product, a colour a component.")] = None,
    json: Json = False,
) -> None:
    """Show what products cost in a month, by component; nothing is asked of a cloud."""
    from cli.cost import cost

    cost(names or [], env, diff, svg, as_json=json)


@app.command()
def destroy(
    names: Names = None,
    env: Env = "dev",
    json: Json = False,
    force: Annotated[bool, typer.Option("--force", help="Even if others read what goes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove domains with their data, each before those it reads."""
    from cli import deploy

    deploy.destroy(names or [], env, as_json=json, force=force, yes=yes)


@app.command()
def run(
    job: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT[/JOB]", help="A product's jobs, or one of them.")],
    env: Env = "dev",
) -> None:
    """Run a product's jobs now; what reads their results follows by itself."""
    from cli import operate

    operate.run(job, env)


@app.command()
def status(names: Names = None, env: Env = "dev", json: Json = False) -> None:
    """Ask every process and port whether it answers."""
    from cli import operate

    operate.status(names or [], env, as_json=json)


@app.command()
def logs(
    product: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT[/COMPONENT]")],
    env: Env = "dev",
    lines: Annotated[int, typer.Option("--lines", "-n", help="Last lines of each log.")] = 20,
) -> None:
    """Show the last lines of a product's logs."""
    from cli import operate

    operate.logs(product, env, lines)


@app.command(name="open")
def open_(
    urn: Address,
    env: Env = "dev",
    json: Json = False,
    as_: Annotated[str, typer.Option("--as", help="The consumer whose grant is used.")] = "",
    tunnel: Annotated[bool, typer.Option("--tunnel", help="Make a private port answer here, until Ctrl-C.")] = False,
    local_port: Annotated[int, typer.Option("--local-port", help="Where it answers; a free port if 0.")] = 0,
) -> None:
    """Say how a port is opened: a psql line, a URL, an s3 address; credentials by reference."""
    from cli import access

    access.open_port(urn, env, consumer=as_, as_json=json, tunnelled=tunnel, local=local_port)


@app.command()
def credentials(
    urn: Address,
    env: Env = "dev",
    json: Json = False,
    as_: Annotated[str, typer.Option("--as", help="The consumer whose grant is used; your domain by default.")] = "",
    password: Annotated[bool, typer.Option("--password", help="The password alone, for use in a shell.")] = False,
) -> None:
    """Fetch the credentials that open a port."""
    from cli import access

    access.credentials(urn, env, consumer=as_, only_password=password, as_json=json)


@app.command()
def env(as_json: Json = False) -> None:
    """Print what plain `pulumi` needs: eval "$(mesh env)"."""
    from cli import project

    project.print_environment(as_json=as_json)


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(metavar="manifest|template")],
) -> None:
    """Print the JSON Schema of manifests or templates, for editors."""
    from cli import schemas

    schemas.show(kind)


@new_app.command("product")
def new_product(
    name: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT")],
    template: Annotated[str, typer.Option("--template", "-t", help="What kind of product it is.")] = "table",
) -> None:
    """Write stacks/<domain>/<product>.yaml."""
    from cli import scaffold

    scaffold.product(name, template)


@init_app.command("stack")
def init_stack(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN")],
    target: Annotated[str, typer.Option("--target", "-t", help="aws, azure, docker, kubernetes or local.")],
    env: Env = "dev",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the target, such as region=eu-west-1; repeatable.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Ask the target whether it lets this machine in.")] = True,
) -> None:
    """Write a domain's stack file, stacks/Pulumi.<domain>-<environment>.yaml, and check the credentials."""
    from cli import init

    init.stack(domain, env, target, settings or [], check=check)


def main() -> None:
    """Run the command; a user's mistake ends with its sentence and code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from components.errors import Refused, UserError

        if not isinstance(error, Refused | UserError):
            raise
        from cli import output

        output.mistake(error)
        sys.exit(2)
