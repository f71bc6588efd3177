"""What became of each column that was seen, in words."""

from collections.abc import Iterator

from sluicegate.processors.masking.columns import Path
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import Column

from .report import shown


def described(masking: Masking) -> Iterator[dict[str, str]]:
    """Each place, what it holds and what is done there; places whose names are data are `*`."""
    for path, column in sorted(masking.seen.items()):
        yield {"column": shown(path), "holds": holds(masking, path, column), "done": done(masking, column)}


def holds(masking: Masking, path: Path, column: Column) -> str:
    """A kind, a way of reading, or `unknown`."""
    return "unknown" if path in masking.unknown else column.holds.value


def done(masking: Masking, column: Column) -> str:
    """The treatment of a column, in one word or few."""
    if masking.drops(column):
        return Operator.DROP.value
    if masking.keeps(column):
        return Operator.KEEP.value
    if isinstance(column.holds, Kind):
        return masking.treatment(column).value
    return (
        "searched for everything" if column.holds is Reading.TEXT else "searched for shapes and known values"
    )
