"""Arrow tables in, Arrow tables out: structs, lists and maps are walked down to their texts, JSON in texts too.

Rows, their order, nulls and columns that are not touched stay as they are. An identifier column of another type (a number, a date)
becomes a column of text, because a tag is text; what cannot be read (binary) becomes null. Metadata of schema and fields does not leave;
names of columns and fields do, so one that is an identifier is refused.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from sluicegate.processors.masking.columns import Path, closed, spelled
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import Column
from sluicegate.schemas.errors import RefusedError

from .cells import Cells
from .fields import Masking
from .records import Records

Built = Callable[[], Any]
"""A masked array, once the batch is masked."""

_DATE: Final = Column(Kind.DATE)


class Tables:
    """The tables of one export, batch by batch."""

    def __init__(self, masking: Masking, *, long_numbers: Collection[Path] = ()) -> None:
        """`long_numbers`: columns the profile does not know whose numbers are long enough to identify; they become text."""
        self._masking = masking
        self._records = Records(masking)
        self._long = frozenset(long_numbers)
        self._names: list[tuple[int, str]] = []

    def usable(self, schema: Any) -> None:
        """Refuse names of columns that look like data, or are there twice."""
        if len({spelled(name) for name in schema.names}) != len(schema.names):
            raise RefusedError("two columns have one name: name every column once")
        self._names = [
            (number, name)
            for number, field in enumerate(schema)
            for name in (field.name, *_names_in(field.type))
        ]
        looks = self._records.header([name for _, name in self._names])
        if looks:
            raise _looks_like_data(self._names[looks[0]][0])

    def masked(self, batch: Any) -> Any:
        """A record batch masked; its schema depends on the schema and the profile alone."""
        cells = Cells(self._records)
        owners = range(batch.num_rows)
        cells.belong_to(self._subjects(batch))
        built = [
            self._array(cells, batch.column(number), (spelled(name),), None, owners)
            for number, name in enumerate(batch.schema.names)
        ]
        cells.masked()
        own = cells.own_identifiers([name for _, name in self._names])
        if own:
            raise _looks_like_data(self._names[own[0]][0])
        arrays = [bare(one()) for one in built]
        fields = [
            pa.field(name, array.type, nullable=nullable or array.null_count > 0)
            for name, nullable, array in zip(
                batch.schema.names, (field.nullable for field in batch.schema), arrays, strict=True
            )
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _subjects(self, batch: Any) -> "list[str | None]":
        """Whose each row is, by the columns that the profile names, one after the other."""
        subjects: list[str | None] = [None] * batch.num_rows
        for names in self._masking.subjects.paths:
            column = _column_at(batch, names)
            told = [None] * batch.num_rows if column is None else column.to_pylist()
            subjects = [
                old if old is not None or new is None else str(new)
                for old, new in zip(subjects, told, strict=True)
            ]
        return subjects

    def _array(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Sequence[int]
    ) -> Built:
        said = self._masking.columns.column(path) or inherited
        if said is not None and (said.holds is Reading.KEEP or self._masking.drops(said)):
            column = self._masking.at(path, inherited)
            return lambda: array if self._masking.keeps(column) else pa.nulls(len(array), array.type)
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            return self._array(cells, array.storage, path, inherited, owners)
        if pa.types.is_dictionary(kind):
            return self._array(cells, array.cast(kind.value_type), path, inherited, owners)
        if pa.types.is_struct(kind):
            return self._struct(cells, array, path, _passed_on(said), owners)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return self._list(cells, array, path, inherited, owners)
        if pa.types.is_map(kind):
            return self._map(cells, array, path, inherited, owners)
        return self._leaf(cells, array, path, inherited, owners)

    def _struct(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Sequence[int]
    ) -> Built:
        names = [array.type.field(number).name for number in range(array.type.num_fields)]
        parts = [
            self._array(cells, child, (*path, spelled(name)), inherited, owners)
            for name, child in zip(names, array.flatten(), strict=True)
        ]
        missing = array.is_null()

        def build() -> Any:
            children = [part() for part in parts]
            fields = [pa.field(name, child.type) for name, child in zip(names, children, strict=True)]
            return pa.StructArray.from_arrays(children, fields=fields, mask=missing)

        return build

    def _list(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Sequence[int]
    ) -> Built:
        if array.type.num_fields and pa.types.is_fixed_size_list(array.type):
            array = array.cast(pa.list_(array.type.value_field))
        parents = array.value_parent_indices().to_pylist()
        inner = self._array(cells, array.flatten(), path, inherited, [owners[parent] for parent in parents])
        lengths = [0 if length is None else length for length in array.value_lengths().to_pylist()]
        offsets: list[int | None] = [0]
        for length in lengths:
            offsets.append((offsets[-1] or 0) + length)
        ends = list(offsets)
        for number, valid in enumerate(array.is_valid().to_pylist()):
            if not valid:
                ends[number] = None
        large = pa.types.is_large_list(array.type)

        def build() -> Any:
            made = pa.LargeListArray if large else pa.ListArray
            return made.from_arrays(pa.array(ends, pa.int64() if large else pa.int32()), inner())

        return build

    def _map(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Sequence[int]
    ) -> Built:
        rows = array.to_pylist()
        texts = [
            None if row is None else json.dumps(dict(row), ensure_ascii=False, default=str) for row in rows
        ]
        if any(row is not None and len(dict(row)) != len(row) for row in rows):
            raise RefusedError("a map has one key twice: mend the file first")
        results = cells.add_records(path, texts, owners, inherited)

        def build() -> Any:
            made = [None if text is None else list(json.loads(text).items()) for text in results()]
            try:
                return pa.array(made, array.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                raise RefusedError(
                    "a map holds identifiers that are no texts: `drop` the column, or write its values as text"
                ) from None

        return build

    def _leaf(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Sequence[int]
    ) -> Built:
        kind = array.type
        column = self._masking.at(path, self._of_type(kind, path, inherited))
        if self._masking.keeps(column) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
            return lambda: array
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return lambda: pa.nulls(len(array), kind)
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        is_identifier = isinstance(column.holds, Kind)
        if not is_text and not is_identifier and path not in self._long:
            return lambda: array
        values = array.to_pylist()
        texts = values if is_text else [None if value is None else str(value) for value in values]
        results = cells.add(path, texts, owners, column=column, are_numbers=not is_text and not is_identifier)
        return lambda: pa.array(results(), kind if is_text else pa.string())

    def _of_type(self, kind: Any, path: Path, inherited: Column | None) -> Column | None:
        """A column of dates that the profile does not know holds dates."""
        is_date = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
        if inherited is not None or not is_date or self._masking.columns.column(path) is not None:
            return inherited
        keeps = self._masking.profile.operator(Kind.DATE) is Operator.KEEP
        return Column(Reading.KEEP) if keeps else _DATE


def _column_at(batch: Any, names: Sequence[str]) -> Any:
    """The column of values at these names, through structs; None when there is none."""
    found = {closed(name): batch.column(number) for number, name in enumerate(batch.schema.names)}
    for step, name in enumerate(names):
        array = found.get(name)
        if array is None or step + 1 == len(names):
            return array
        if not pa.types.is_struct(array.type):
            return None
        inner = [array.type.field(number).name for number in range(array.type.num_fields)]
        found = dict(zip(map(closed, inner), array.flatten(), strict=True))
    return None


def _passed_on(column: Column | None) -> Column | None:
    return column if column is not None and isinstance(column.holds, Kind) else None


def bare(array: Any) -> Any:
    """The array without a word beside its values: no metadata of fields in it, no extension types."""
    kind = _bare_type(array.type)
    return array if kind.equals(array.type, check_metadata=True) else array.view(kind)


def _bare_type(kind: Any) -> Any:
    if isinstance(kind, pa.BaseExtensionType):
        return _bare_type(kind.storage_type)
    if pa.types.is_struct(kind):
        return pa.struct([_bare_field(field.name, field) for field in _fields(kind)])
    if pa.types.is_map(kind):
        return pa.map_(_bare_type(kind.key_type), _bare_field("value", kind.item_field), kind.keys_sorted)
    if pa.types.is_list(kind):
        return pa.list_(_bare_field("item", kind.value_field))
    if pa.types.is_large_list(kind):
        return pa.large_list(_bare_field("item", kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_bare_field("item", kind.value_field), kind.list_size)
    if kind.num_fields:
        raise RefusedError(
            "a column is nested in a way that is not known here: write it with lists or structs"
        )
    return kind


def _bare_field(name: str, field: Any) -> Any:
    return pa.field(name, _bare_type(field.type), field.nullable)


def _fields(kind: Any) -> list[Any]:
    return [kind.field(number) for number in range(kind.num_fields)]


def _names_in(kind: Any) -> Iterator[str]:
    """The names of the fields in a column; those inside lists and maps are given anew by `bare`."""
    if pa.types.is_map(kind):
        yield from (*_names_in(kind.key_type), *_names_in(kind.item_type))
        return
    for field in _fields(kind):
        if pa.types.is_struct(kind):
            yield field.name
        yield from _names_in(field.type)


def _looks_like_data(number: int) -> RefusedError:
    return RefusedError(
        f"the name of column {number + 1}, or of a field in it, looks like an identifier: name it otherwise, "
        "names leave as they are"
    )
