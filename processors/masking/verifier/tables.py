"""Two tables beside each other: the same rows, columns and nulls, down to the leaves of nested ones."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from .expected import Expected, Holds
from .report import Reason


class Leaf(NamedTuple):
    """The same column before and after."""

    name: str
    holds: Holds
    before: Any
    after: Any


def leaves(before: Any, after: Any, expected: Expected, reasons: set[Reason]) -> Iterator[Leaf]:
    """Every column without columns in it; what does not go together is a reason and is left out."""
    if before.num_rows != after.num_rows:
        reasons.add(Reason.ROWS)
        return
    if before.schema.names != after.schema.names or before.schema.metadata != after.schema.metadata:
        reasons.add(Reason.SCHEMA)
        return
    for number, name in enumerate(before.schema.names):
        yield from _leaves(name, None, before.column(number), after.column(number), expected, reasons)


def _leaves(
    name: str, inherited: Holds | None, before: Any, after: Any, expected: Expected, reasons: set[Reason]
) -> Iterator[Leaf]:
    holds = expected.columns.get(name, inherited)
    kind, other = before.type, after.type
    if holds is Holds.UNTOUCHED or holds is Holds.DROPPED:
        yield Leaf(name, holds, before, after)
        return
    if before.null_count != after.null_count or not before.is_null().equals(after.is_null()):
        reasons.add(Reason.NULLS)
        return
    if pa.types.is_dictionary(kind):
        plain = after.cast(other.value_type) if pa.types.is_dictionary(other) else after
        yield from _leaves(name, holds, before.cast(kind.value_type), plain, expected, reasons)
    elif pa.types.is_nested(kind):
        yield from _nested_leaves(name, holds, before, after, expected, reasons)
    else:
        is_text = _is_text(kind)
        holds = holds or (Holds.TEXT if is_text else Holds.UNTOUCHED)
        if kind != other and not (holds is Holds.IDENTIFIER and _is_text(other)):
            reasons.add(Reason.SCHEMA)
            return
        yield Leaf(name, holds if is_text or holds is Holds.IDENTIFIER else Holds.UNTOUCHED, before, after)


def _nested_leaves(
    name: str, holds: Holds | None, before: Any, after: Any, expected: Expected, reasons: set[Reason]
) -> Iterator[Leaf]:
    kind, other = before.type, after.type
    if pa.types.is_struct(kind) and pa.types.is_struct(other):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        if names == [other.field(number).name for number in range(other.num_fields)]:
            for inner, one, two in zip(names, before.flatten(), after.flatten(), strict=True):
                yield from _leaves(f"{name}.{inner}", holds, one, two, expected, reasons)
            return
    elif _is_list(kind) and _is_list(other):
        if before.value_lengths().equals(after.value_lengths()):
            yield from _leaves(name, holds, before.flatten(), after.flatten(), expected, reasons)
        else:
            reasons.add(Reason.ROWS)
        return
    elif pa.types.is_map(kind) and pa.types.is_map(other):
        yield from _map_leaves(name, holds, before, after, expected, reasons)
        return
    reasons.add(Reason.SCHEMA)


def _map_leaves(
    name: str, holds: Holds | None, before: Any, after: Any, expected: Expected, reasons: set[Reason]
) -> Iterator[Leaf]:
    lengths = [[None if row is None else len(row) for row in one.to_pylist()] for one in (before, after)]
    if lengths[0] != lengths[1]:
        reasons.add(Reason.ROWS)
        return
    for part in ("keys", "items"):
        yield from _leaves(
            f"{name}.{part}", holds, getattr(before, part), getattr(after, part), expected, reasons
        )


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
