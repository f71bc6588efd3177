"""Where a task begins to read, and when it must not begin at all."""

from collections.abc import Mapping

from sluicegate.schemas.errors import InvariantError


def check_first_start(
    partition: int, committed: Mapping[str, int | None], *, evidence: bool
) -> dict[str, int]:
    """The positions to start from: the committed offsets, or 0 where this partition has never been worked on.

    `evidence` says whether a changelog or the audit partition holds a committed record. Then missing offsets have been
    lost, and starting over would do everything a second time: InvariantError.
    """
    missing = sorted(source for source, offset in committed.items() if offset is None)
    if missing and (evidence or len(missing) < len(committed)):
        raise InvariantError(
            f"partition {partition} has been worked on before and the group has no committed offset of "
            f"`{missing[0]}`: restore the group's offsets; starting at 0 would repeat what was done"
        )
    return {source: offset or 0 for source, offset in committed.items()}
