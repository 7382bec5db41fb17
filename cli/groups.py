"""The groups of commands on images, the catalogue and dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Env, Json

# Nothing heavy is imported here: cli/main.py has these groups always.
catalogue_app = typer.Typer(help="Register, find and serve what runs.", no_args_is_help=True, rich_markup_mode=None)
dashboards_app = typer.Typer(help="Dashboards as code.", no_args_is_help=True, rich_markup_mode=None)
images_app = typer.Typer(
    help="The software of a stack as OCI images, made here without a container engine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dashboards_app.command("pull")
def dashboards_pull(product: Annotated[str, typer.Argument(metavar="DOMAIN/PRODUCT")], env: Env = "dev") -> None:
    """Fetch what was edited in Superset back into the product's folder."""
    from cli import dashboards

    dashboards.pull(product, env)


@images_app.command("build")
def images_build(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SOFTWARE]...", help="Such as ingest; all of the stack without it.")
    ] = None,
    stack: Annotated[str, typer.Option("--stack", "-s", help="Whose software and base image.")] = "",
    base: Annotated[str, typer.Option("--base", help="Another base image: with Python and glibc.")] = "",
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write each image as one file, for another machine.")
    ] = None,
    json: Json = False,
) -> None:
    """Make images: the locked packages on the base image, as an OCI layout in the cache.

    The same packages on the same base give the same digest; what was made before is taken from the cache. The files of
    --output are for `docker load` and `ctr images import`.
    """
    from cli import images

    images.build(names or [], stack, base, folder, as_json=json)


OfStack = Annotated[str, typer.Option("--stack", "-s", help="<domain>-<environment>.")]


@images_app.command("push")
def images_push(stack: OfStack, json: Json = False) -> None:
    """Bring a stack's images into its registry, built where needed; write their digests to stacks/images.yaml.

    The stack's configuration says where to (meshwright:registry) and what they stand on (meshwright:baseImage). The
    login is Docker's own (docker login), with its credential helpers. What the registry has is not sent again.
    """
    from cli import images

    images.push(stack, as_json=json)


@images_app.command("list")
def images_list(stack: OfStack, json: Json = False) -> None:
    """Show which images a stack runs, and whether its registry has them."""
    from cli import images

    images.list_(stack, as_json=json)


@catalogue_app.command("register")
def catalogue_register(
    stack: Annotated[
        list[str] | None, typer.Option("--stack", "-s", help="One stack; all of the backend without it.")
    ] = None,
    json: Json = False,
) -> None:
    """Reconcile the catalogue with the newest succeeded update of a stack."""
    from cli import registration

    registration.register(stack or [], as_json=json)


@catalogue_app.command("serve")
def catalogue_serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8800,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the catalogue's pages and API."""
    from cli import registration

    registration.serve(host, port)


@catalogue_app.command("show")
def catalogue_show(
    urn: Annotated[str, typer.Argument(help="A product; all without it.")] = "", json: Json = False
) -> None:
    """List the products, or show one."""
    from cli import registration

    registration.show(urn, as_json=json)
