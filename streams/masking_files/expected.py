"""What the check expects of a table's columns: read from the profile by the check's own reader, not by what masked them."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from sluicegate.processors.masking.check_columns import CheckColumns, is_kept, lower_name
from sluicegate.processors.masking.identifiers import Kind, Operator
from sluicegate.processors.masking.profile import Column, Profile
from sluicegate.processors.masking.verifier import Holds


def expected_columns(profile: Profile, schema: Any) -> dict[str, Holds]:
    """What each column holds, by its name; of structs and lists every column in them."""
    columns = CheckColumns(profile)
    return {name: _holds(columns, kind, column) for name, kind, column in _leaves(columns, schema)}


def columns_of_kind(profile: Profile, schema: Any, kind: Kind) -> list[str]:
    """Names of the table's own columns that hold this kind."""
    columns = CheckColumns(profile)
    found = ((field.name, columns.at(lower_name(field.name))) for field in schema)
    return [name for name, column in found if column is not None and column.holds is kind]


def _leaves(columns: CheckColumns, schema: Any) -> Iterator[tuple[str, Any, Column | None]]:
    for field in schema:
        yield from _inner(columns, field.name, lower_name(field.name), field.type, None)


def _inner(
    columns: CheckColumns, name: str, path: str, kind: Any, inherited: Column | None
) -> Iterator[tuple[str, Any, Column | None]]:
    column = columns.at(path) or inherited
    if is_kept(column) or (column is not None and columns.operator(column) is Operator.DROP):
        yield name, kind, column
    elif pa.types.is_struct(kind):
        passed = column if column is not None and isinstance(column.holds, Kind) else None
        for number in range(kind.num_fields):
            field = kind.field(number)
            step = lower_name(field.name)
            yield from _inner(columns, f"{name}.{field.name}", f"{path}/{step}", field.type, passed)
    elif (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_dictionary(kind)
    ):
        yield from _inner(columns, name, path, kind.value_type, inherited)
    else:
        yield name, kind, column


def _holds(columns: CheckColumns, kind: Any, column: Column | None) -> Holds:
    operator = columns.operator(column) if column is not None else None
    if is_kept(column) or operator is Operator.KEEP:
        return Holds.UNTOUCHED
    if operator is Operator.DROP or _is_binary(kind):
        return Holds.DROPPED
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return Holds.UNTOUCHED
    is_date = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    if column is None and is_date:
        return Holds.IDENTIFIER if columns.masks(Kind.DATE) else Holds.UNTOUCHED
    if column is not None and isinstance(column.holds, Kind):
        return Holds.IDENTIFIER
    return Holds.TEXT if is_text(kind) else Holds.UNTOUCHED


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is one of texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
