"""Where a task begins to read, and when it must not begin at all."""

from collections.abc import Collection, Mapping

from sluicegate.processors.contract import Joined
from sluicegate.schemas.errors import InvariantError


def check_first_start(
    partition: int, committed: Mapping[str, int | None], *, evidence: bool, joined: Collection[str] = ()
) -> dict[str, int]:
    """The positions to start from: the committed offsets, or 0 where this partition has never been worked on.

    A source that has `joined` begins at 0 beside others that have been worked on (`contract.Joined`).

    `evidence` says whether a changelog or the audit partition holds a committed record. Then missing offsets have been
    lost, and starting over would do everything a second time: InvariantError.
    """
    missing = sorted(
        source for source, offset in committed.items() if offset is None and source not in joined
    )
    if missing and (evidence or any(offset is not None for offset in committed.values())):
        raise InvariantError(
            f"partition {partition} has been worked on before and the group has no committed offset of "
            f"`{missing[0]}`: restore the group's offsets; starting at 0 would repeat what was done"
        )
    return {source: offset or 0 for source, offset in committed.items()}


def joined_sources(topology: object) -> frozenset[str]:
    """The sources of a topology that an earlier version of it did not read."""
    return topology.joined if isinstance(topology, Joined) else frozenset()
