"""The lineage of a product: what it is made from, up to raw sources, and who reads it, across domains."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from catalogue.record import AddressError, CatalogueRecord, parse_urn

Kind = Literal["source", "product", "unknown", "consumer"]
# A page shows no more than a person can read.
MOST_NODES = 150

WIDTH, GAP_X, GAP_Y, MARGIN = 200, 60, 20, 12  # px
HEAD, ROW = 50, 22  # px: the box of a product, and each port in it


@dataclass(kw_only=True)
class Node:
    key: str
    kind: Kind
    title: str
    subtitle: str
    domain: str = ""
    href: str = ""
    ports: tuple[tuple[str, str], ...] = ()  # (name, protocol)
    focus: bool = False
    layer: int = 0
    x: float = 0
    y: float = 0

    @property
    def height(self) -> int:
        return HEAD + (ROW * len(self.ports) + 8 if self.ports else 0)

    def port_y(self, name: str) -> float:
        """Where an edge that leaves this port begins."""
        for index, (port, _) in enumerate(self.ports):
            if port == name:
                return self.y + HEAD + ROW * index + ROW / 2
        return self.y + HEAD / 2


@dataclass(frozen=True, kw_only=True)
class Edge:
    source: str
    port: str
    target: str
    granted: bool = False  # allowed to read, but no product is known to do so


@dataclass(kw_only=True)
class Lineage:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    width: float = 0
    height: float = 0
    cut: bool = False

    def paths(self) -> Iterator[tuple[Edge, str]]:
        """Each edge with its SVG path, those of the focus last, so that they lie on top."""
        for edge in sorted(self.edges, key=lambda e: self.nodes[e.source].focus or self.nodes[e.target].focus):
            a, b = self.nodes[edge.source], self.nodes[edge.target]
            x1, y1, x2, y2 = a.x + WIDTH, a.port_y(edge.port), b.x, b.y + HEAD / 2
            bend = max(30.0, (x2 - x1) / 2)
            yield edge, f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"

    def reads(self, key: str) -> list[tuple[Node, str]]:
        return [(self.nodes[e.source], e.port) for e in self.edges if e.target == key]

    def readers(self, key: str) -> list[tuple[Node, str, bool]]:
        return [(self.nodes[e.target], e.port, e.granted) for e in self.edges if e.source == key]


def lineage(focus: CatalogueRecord, records: Iterable[CatalogueRecord]) -> Lineage:
    """The graph around `focus` among `records` of its environment, placed on a plane."""
    known = {record.urn: record for record in records} | {focus.urn: focus}
    readers: dict[str, list[str]] = {}
    for record in known.values():
        for read in record.inputs:
            readers.setdefault(parse_urn(read.urn).product_urn, []).append(record.urn)
    graph = Lineage()
    _walk(graph, known, [focus.urn], {}, upwards=True)
    _walk(graph, known, list(dict.fromkeys(readers.get(focus.urn, []))), readers, upwards=False)
    graph.nodes[focus.urn].focus = True
    _edges(graph, known)
    _grants(graph, focus)
    _place(graph)
    return graph


def _walk(
    graph: Lineage, known: dict[str, CatalogueRecord], start: list[str], readers: dict[str, list[str]], *, upwards: bool
) -> None:
    waiting = list(start)
    while waiting:
        urn = waiting.pop(0)
        if urn in graph.nodes:
            continue
        if len(graph.nodes) >= MOST_NODES:
            graph.cut = True
            return
        record = known.get(urn)
        graph.nodes[urn] = _node(urn, record)
        if record is None:
            continue
        if upwards:
            waiting += [parse_urn(read.urn).product_urn for read in record.inputs]
            for source in record.sources:
                key = f"source:{source.location or source.name}"
                node = Node(key=key, kind="source", title=source.name, subtitle=source.location or source.kind)
                graph.nodes.setdefault(key, node)
        else:
            waiting += readers.get(urn, [])
            waiting_up = [parse_urn(read.urn).product_urn for read in record.inputs]
            # What a reader reads beside us is shown, but not followed further.
            for other in waiting_up:
                graph.nodes.setdefault(other, _node(other, known.get(other)))


def _node(urn: str, record: CatalogueRecord | None) -> Node:
    address = parse_urn(urn)
    return Node(
        key=urn,
        kind="product" if record else "unknown",
        title=address.product,
        subtitle=f"{address.domain} · {record.template.name}" if record else f"{address.domain} · not registered here",
        domain=address.domain,
        href=f"/products/{urn}?environment={record.environment}" if record else "",
        ports=tuple((port.name, port.protocol) for port in record.ports) if record else (),
    )


def _edges(graph: Lineage, known: dict[str, CatalogueRecord]) -> None:
    for urn in [key for key, node in graph.nodes.items() if node.kind == "product"]:
        record = known[urn]
        for read in record.inputs:
            address = parse_urn(read.urn)
            if address.product_urn in graph.nodes:
                graph.edges.append(Edge(source=address.product_urn, port=address.port or "", target=urn))
        for source in record.sources:
            key = f"source:{source.location or source.name}"
            if key in graph.nodes:
                graph.edges.append(Edge(source=key, port="", target=urn))


def _grants(graph: Lineage, focus: CatalogueRecord) -> None:
    reading = {(edge.port, edge.target) for edge in graph.edges if edge.source == focus.urn}
    for port in focus.ports:
        for consumer in port.consumers:
            try:
                address = parse_urn(consumer.to, focus.tenant)
                urn, title = address.product_urn, address.short
            except AddressError:  # a person or a group
                urn, title = f"consumer:{consumer.to}", consumer.to
            node = Node(key=urn, kind="consumer", title=title, subtitle="granted, not reading")
            if (port.name, urn) in reading or urn == focus.urn:
                continue
            graph.nodes.setdefault(urn, node)
            graph.edges.append(Edge(source=focus.urn, port=port.name, target=urn, granted=True))


def _place(graph: Lineage) -> None:
    """Layers by the longest way from a source, then an order that keeps edges short, then coordinates."""
    for _ in range(len(graph.nodes)):  # as many rounds as the longest way; ends also on a circle
        moved = False
        for edge in graph.edges:
            deeper = graph.nodes[edge.source].layer + 1
            if edge.source != edge.target and graph.nodes[edge.target].layer < deeper <= len(graph.nodes):
                graph.nodes[edge.target].layer = deeper
                moved = True
        if not moved:
            break
    for node in graph.nodes.values():
        after = [graph.nodes[edge.target].layer for edge in graph.edges if edge.source == node.key]
        if after and not graph.reads(node.key):  # what has nothing before it stands close to its readers
            node.layer = min(after) - 1
    used = sorted({node.layer for node in graph.nodes.values()})
    layers = [[node for node in graph.nodes.values() if node.layer == layer] for layer in used]
    for sweep in range(6):
        order = list(range(len(layers)))
        for index in order if sweep % 2 == 0 else reversed(order):
            rank = {node.key: n / max(1, len(row) - 1) for row in layers for n, node in enumerate(row)}
            wanted = {node.key: _middle(graph, node, rank) for node in layers[index]}
            layers[index] = sorted(layers[index], key=lambda node, wanted=wanted: wanted[node.key])  # type: ignore[misc]
    heights = [sum(node.height for node in layer) + GAP_Y * (len(layer) - 1) for layer in layers]
    graph.height = max(heights) + 2 * MARGIN
    graph.width = len(layers) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    for column, (layer, height) in enumerate(zip(layers, heights, strict=True)):
        y = (graph.height - height) / 2
        for node in layer:
            node.x, node.y = MARGIN + column * (WIDTH + GAP_X), y
            y += node.height + GAP_Y


def _middle(graph: Lineage, node: Node, rank: dict[str, float]) -> float:
    near = [rank[e.source] for e in graph.edges if e.target == node.key]
    near += [rank[e.target] for e in graph.edges if e.source == node.key]
    return sum(near) / len(near) if near else rank[node.key]
