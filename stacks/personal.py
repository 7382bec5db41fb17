"""Personal data: where it comes from, by which products it went, and where it stands now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.errors import Refused
from stacks.configuration import stack_config
from stacks.manifest import Written
from stacks.manifests import Manifests

Way = tuple[str, ...]
"""Products from the one whose contract marks a column as personal data to the one that holds it (`sales/customers`)."""


class Personal:
    """What the manifests of a mesh say of personal data."""

    def __init__(self, manifests: Manifests) -> None:
        self.manifests = manifests
        self._ways: dict[str, tuple[Way, ...]] = {}

    def ways(self, written: Written) -> tuple[Way, ...]:
        """The ways on which personal data reached a product, one from each origin; empty where it holds none."""
        name = written.name
        if name not in self._ways:
            self._ways[name] = ()  # products that read each other are refused elsewhere
            found: dict[str, Way] = {name: (name,)} if marks(written) else {}
            for port in written.model.input_ports:
                producer = self.manifests.product(port)
                for way in self._through(producer, port.parts[2]) if producer is not None else ():
                    found.setdefault(way[0], (*way, name))
            self._ways[name] = tuple(found.values())
        return self._ways[name]

    def _through(self, producer: Written, port: str) -> tuple[Way, ...]:
        """What leaves a product by one of its ports.

        Its own data by a contract that marks none of it does not; what came to it from others leaves it unless the
        port says how it was removed.
        """
        offered = next((each for each in producer.model.output_ports if each.name == port), None)
        if offered is not None and offered.personal_data is not None:
            return ()
        inherited = tuple(way for way in self.ways(producer) if len(way) > 1)
        own = tuple(way for way in self.ways(producer) if len(way) == 1)
        contract = _columns(producer, port)
        return (*(own if contract is None or any(contract) else ()), *inherited)


def marks(written: Written) -> bool:
    """Whether a product brings personal data into the mesh: a section of its manifest or a column of a port says so."""
    if written.model.personal_data is not None and not written.model.input_ports:
        return True
    return any(any(_columns(written, port.name) or ()) for port in written.model.output_ports)


def _columns(written: Written, name: str) -> tuple[bool, ...] | None:
    """Of each column of a port's contract, whether it is personal data; None without a contract."""
    port = next((each for each in written.model.output_ports if each.name == name), None)
    if port is None:
        return None
    try:
        tables = written.contract(port)
    except Refused:
        return None  # told where the contract is checked
    return tuple(column.personalData for table in tables for column in table.properties) or None


def declared(written: Written, ways: tuple[Way, ...], places: Mapping[str, str]) -> dict[str, Any] | None:
    """What policies judge: the manifest's section, and each way with the place of each product (`eu-west-1`)."""
    if not ways:
        return None
    section = written.model.personal_data
    said = section.model_dump(by_alias=True, exclude_none=True) if section is not None else {}
    return {
        **said,
        "ways": [[{"product": name, "place": places.get(name.split("/")[0], "")} for name in way] for way in ways],
    }


def places(ways: tuple[Way, ...], environment: str, stacks: Path) -> dict[str, str]:
    """The region of each domain on the ways, as its stack of the same environment names it; empty if it names none."""
    domains = {name.split("/")[0] for way in ways for name in way}
    return {domain: str(stack_config(f"{domain}-{environment}", stacks).get("region") or "") for domain in domains}
