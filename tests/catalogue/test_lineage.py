"""Lineage: up to raw sources, down to consumers, across domains."""

from catalogue.lineage import lineage
from catalogue.record import CatalogueRecord, read_record, urn
from tests.catalogue.example_mesh import mesh, port, raw_record

RECORDS = [read_record(raw) for records in mesh().values() for raw in records]


def of(name: str) -> CatalogueRecord:
    return next(record for record in RECORDS if record.name == name)


def test_model_comes_from_both_domains_down_to_the_files() -> None:
    graph = lineage(of("delay-model"), RECORDS)
    reads = {f"{node.domain}/{node.title}/{name}" for node, name in graph.reads(of("delay-model").urn)}
    assert reads == {"flights/departures/tables", "weather/observations/hourly"}
    sources = {node.title for node in graph.nodes.values() if node.kind == "source"}
    assert sources == {"flights.csv", "airlines.csv", "planes.csv", "weather.csv"}
    granted = {node.title for node, _, only_granted in graph.readers(of("delay-model").urn) if only_granted}
    assert granted == {"crew/rosters"}


def test_flows_from_left_to_right() -> None:
    graph = lineage(of("departures"), RECORDS)
    assert {node.title for node, _, _ in graph.readers(of("departures").urn)} == {"delay-model", "route-stats"}
    assert all(graph.nodes[edge.source].x < graph.nodes[edge.target].x for edge in graph.edges)
    boxes = [(node.x, node.y, node.height) for node in graph.nodes.values()]
    assert len({(x, y) for x, y, _ in boxes}) == len(boxes)
    assert all(y + height <= graph.height for _, y, height in boxes)


def test_unregistered_input_and_circle() -> None:
    names = [("a", "b"), ("b", "a")]
    records = [
        read_record(
            raw_record(
                "x",
                own,
                ports=[port("x", own, "out", "sql", {})],
                inputs=[
                    {"name": "i", "urn": urn("acme", "x", other, "out")},
                    {"name": "j", "urn": urn("acme", "elsewhere", "gone", "out")},
                ],
            )
        )
        for own, other in names
    ]
    graph = lineage(records[0], records)
    assert graph.nodes["urn:dp:acme:elsewhere:gone"].kind == "unknown"
    assert len(graph.edges) == 4
    assert len(list(graph.paths())) == 4


def test_large_mesh_is_cut() -> None:
    hub = raw_record("x", "hub", ports=[port("x", "hub", "out", "sql", {})])
    read = [{"name": "i", "urn": urn("acme", "x", "hub", "out")}]
    records = [read_record(hub), *(read_record(raw_record("x", f"p{n}", inputs=read)) for n in range(400))]
    graph = lineage(records[0], records)
    assert graph.cut
    assert len(graph.nodes) == 150
