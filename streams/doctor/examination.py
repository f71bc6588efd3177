"""Everything the doctor asks, in the order in which one answer rests on another."""

from collections.abc import Iterator
from typing import Final

from sluicegate.streams.settings import Settings

from .child import ask_apart
from .cluster import examine_cluster
from .findings import Finding
from .machine import examine_machine

LIMIT_S: Final = 120.0


def examine(settings: Settings, limit_s: float = LIMIT_S) -> Iterator[Finding]:
    """Every finding, as it comes."""
    yield from examine_machine(settings)
    yield from ask_apart(examine_cluster, settings, limit_s)
