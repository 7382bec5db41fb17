"""Components: their names, what the state sees of them, and how an implementation is chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.base import SEPARATOR, Component, composes, recorded, technologies
from components.errors import UserError
from components.port import Credentials, Port
from components.primitives import Bucket, Database, DatabaseArgs, Secret, SecretArgs, Software
from stacks.recording import Recorded, record
from templates.fitting import hints
from tests.components.standing import TAGS, standing


def below(build: Callable[[Component[Any, Any]], Any], **options: Any) -> list[Recorded]:
    """The resources that `build` makes under a product."""

    def program() -> None:
        with standing(**options) as product:
            build(product)

    return record(program)


@pytest.mark.parametrize("kind", technologies().values(), ids=lambda kind: kind.__name__)
def test_a_technology_is_described_in_full(kind: type[Component[Any, Any]]) -> None:
    assert kind.type_token.startswith("mesh:data:")
    assert kind.__doc__
    for data in (kind.Args, kind.Outputs):
        params = data.__dataclass_params__
        assert params.frozen and all(field.kw_only for field in dataclasses.fields(data))
        assert data.__doc__ and not data.__doc__.startswith(f"{data.__name__}("), "says what its fields mean"
        assert set(hints(data)) == {field.name for field in dataclasses.fields(data)}
    if composes(kind):
        assert kind.composed_of, "what a target lacks is refused before anything is registered"


def test_technologies_are_found_by_their_file() -> None:
    assert {"Database", "Bucket", "Ingest", "PythonJob"} <= set(technologies())
    assert "Component" not in technologies() and "Product" not in technologies()


def test_a_child_is_named_after_its_parents() -> None:
    graph = below(lambda product: Database(product.child("db"), DatabaseArgs(), product.below()))
    names = {resource.name: resource.parent for resource in graph if not resource.custom}
    assert names["orders--db"] == "mesh:data:Product::orders"
    assert names["orders--db--admin"] == "mesh:data:Database::orders--db"
    assert SEPARATOR == "--"


def test_every_resource_carries_the_tags_of_its_product() -> None:
    graph = below(lambda product: Database(product.child("db"), DatabaseArgs(), product.below()))
    tagged = {resource.name: resource.inputs["tags"] for resource in graph if resource.name.startswith("orders")}
    assert len(tagged) == 3
    assert all(tags == TAGS.as_map() for tags in tagged.values())


def test_a_component_needs_a_component_above() -> None:
    with pytest.raises(TypeError, match="Database `db` needs a component as its parent"):
        below(lambda _: Database("db", DatabaseArgs(), pulumi.ResourceOptions()))


def test_a_renamed_component_keeps_its_physical_name() -> None:
    def build(product: Component[Any, Any]) -> None:
        alias = pulumi.Alias(name=product.child("old"))
        made = Database(product.child("new"), DatabaseArgs(), product.below(aliases=[alias]))
        assert made.origin == "orders--old"
        assert Secret(made.child("more"), SecretArgs(), made.below()).origin == "orders--old--more"

    server = next(resource for resource in below(build) if resource.type == "mesh:index:PostgresServer")
    assert (server.name, server.inputs["name"]) == ("orders--new", "orders--old")


def test_the_implementation_stays_what_it_was() -> None:
    def build(product: Component[Any, Any]) -> None:
        Database(product.child("db"), DatabaseArgs(), product.below())

    assert below(build, previous={"orders--db": "postgres_server"})
    with pytest.raises(UserError, match="Database `orders--db` can't be built as `gone` on local"):
        below(build, previous={"orders--db": "gone"})
    with pytest.raises(UserError, match="can't be built as `postgres_servr`") as caught:
        below(build, implementations={"orders--db": "postgres_servr"})
    assert caught.value.hint == "did you mean `postgres_server`?"


def test_an_implementation_outlives_a_rename() -> None:
    def build(product: Component[Any, Any]) -> None:
        alias = pulumi.Alias(name=product.child("old"))
        Database(product.child("new"), DatabaseArgs(), product.below(aliases=[alias]))

    with pytest.raises(UserError, match="can't be built as `former`"):
        below(build, previous={"orders--old": "former"})


@dataclasses.dataclass(frozen=True)
class Sample:
    """Arguments of all kinds."""

    plain: Any = None
    hidden: str = dataclasses.field(default="canary", metadata={"recorded": False})


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (5, 5),
        (None, None),
        ("text", "text"),
        ((1, "a", None), [1, "a", None]),
        ({"a": (1,), 2: "b"}, {"a": [1], "2": "b"}),
        (Sample(plain=(Sample(),)), {"plain": [{}]}),
        (Port(protocol="s3", address={"bucket": "b"}), {"port": "s3", "behind": None}),
        (Software(name="ingest", packages=("canary==1",)), {"name": "ingest", "python": "3.11"}),
        (DatabaseArgs(), {"name": "warehouse", "size": "small", "version": "17", "storage": 20}),
    ],
)
def test_what_the_state_sees(value: Any, seen: Any) -> None:
    assert recorded(value) == seen


def test_the_state_sees_no_output_and_no_secret() -> None:
    def build(product: Component[Any, Any]) -> None:
        given = Secret(product.child("given"), SecretArgs(value=pulumi.Output.secret("canary")), product.below())
        bucket = Bucket(product.child("files"), Bucket.Args(), product.below())
        port = bucket.outputs.objects.opened_by(Credentials(user="canary", secret=given))
        assert recorded(given) == {"component": "orders--given"}
        assert recorded(given.args) == {"length": 32, "value": "(known after creation)"}
        assert recorded({"in": port, "of": [bucket]}) == {
            "in": {"port": "s3", "behind": "orders--files"},
            "of": [{"component": "orders--files"}],
        }

    components = [resource.inputs for resource in below(build) if not resource.custom]
    assert len(components) > 3
    assert "canary" not in str(components)
