"""Arrow tables in, Arrow tables out: structs, lists and maps are walked down to their texts, JSON in texts too.

Rows, their order, nulls and columns that are not touched stay as they are. An identifier column of another type (a number, a date)
becomes a column of text, because a tag is text; what cannot be read (binary) becomes null. Metadata of schema and fields does not leave;
names of columns and fields do, so one that is an identifier is refused.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sluicegate.processors.masking.columns import Path, closed, spelled
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import Column
from sluicegate.schemas.errors import RefusedError

from .cells import Cells, Different
from .fields import Masking
from .records import Records, Siblings

Built = Callable[[], Any]
"""A masked array, once the batch is masked."""
Numbers = NDArray[np.int64]

ANY_KEY: Final = "*"
"""In a path: the items of a map, whatever their keys."""
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
        owners = np.arange(batch.num_rows)
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
        self,
        cells: Cells,
        array: Any,
        path: Path,
        inherited: Column | None,
        owners: Numbers,
        *,
        listed: bool = False,
    ) -> Built:
        said = self._masking.columns.column(path) or inherited
        if said is not None and (said.holds is Reading.KEEP or self._masking.drops(said)):
            column = self._masking.at(path, inherited)
            return lambda: array if self._masking.keeps(column) else pa.nulls(len(array), array.type)
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            return self._array(cells, array.storage, path, inherited, owners, listed=listed)
        if pa.types.is_dictionary(kind):
            return self._array(cells, array.cast(kind.value_type), path, inherited, owners, listed=listed)
        if pa.types.is_struct(kind):
            return self._struct(cells, array, path, _passed_on(said), owners)
        if pa.types.is_map(kind):
            return self._map(cells, array, path, _passed_on(said), owners, listed=listed)
        if _is_list(kind):
            return self._list(cells, array, path, inherited, owners)
        return self._leaf(cells, array, path, inherited, owners)

    def _struct(
        self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Numbers
    ) -> Built:
        names = [field.name for field in _fields(array.type)]
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

    def _list(self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Numbers) -> Built:
        nest = _Nest.of(array)
        whose = owners[nest.parents]
        if pa.types.is_nested(array.type.value_type):
            whose = cells.inner_owners(whose)
        inner = self._array(cells, nest.values, path, inherited, whose, listed=True)
        return lambda: nest.built(inner())

    def _map(
        self,
        cells: Cells,
        array: Any,
        path: Path,
        inherited: Column | None,
        owners: Numbers,
        *,
        listed: bool,
    ) -> Built:
        """A map is an object whose keys may be data; what stands at one key is a column."""
        nest = _Nest.of(array)
        keys, items = nest.values.flatten()
        if (*path, ANY_KEY) in self._long:
            encoded = items.dictionary_encode()
            items = pa.array(as_texts(encoded.dictionary), pa.string()).take(encoded.indices)
        if not _is_text(keys.type):
            keys = keys.cast(pa.string())
        encoded = keys.dictionary_encode()
        codes, names = encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
        if len(np.unique(nest.parents * len(names) + codes)) < len(codes):
            raise RefusedError("a map has one key twice: mend the file first")
        is_leaf = not items.type.num_fields
        judged = cells.judge_keys(names, path, is_field=listed and is_leaf)
        whose = cells.inner_owners(owners)[nest.parents]
        columns: dict[Column | str, list[int]] = {}
        for number, (_, step) in enumerate(judged):
            at = (*path, step)
            column = self._masking.at(at, self._of_type(items.type, at, inherited)) if is_leaf else step
            columns.setdefault(column, []).append(number)
        parts = []
        for numbers in columns.values():
            here = np.flatnonzero(np.isin(codes, numbers))
            at = (*path, judged[numbers[0]][1])
            parts.append((here, self._array(cells, items.take(pa.array(here)), at, inherited, whose[here])))

        def build() -> Any:
            new_keys = _renamed(cells, judged, names, codes, nest.parents)
            order = np.argsort(np.concatenate([np.zeros(0, np.int64), *(here for here, _ in parts)]))
            arrays = [part() for _, part in parts] or [items]
            if len({one.type for one in arrays}) > 1:
                raise RefusedError(
                    "a map holds identifiers that are no texts: `drop` the column, or write its values as text"
                )
            values = pa.concat_arrays([bare(one) for one in arrays]).take(pa.array(order))
            return nest.built_map(keys if new_keys is None else new_keys, values)

        return build

    def _leaf(self, cells: Cells, array: Any, path: Path, inherited: Column | None, owners: Numbers) -> Built:
        kind = array.type
        column = self._masking.at(path, self._of_type(kind, path, inherited))
        if self._masking.keeps(column) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
            return lambda: array
        if _is_binary(kind):
            return lambda: pa.nulls(len(array), kind)
        is_text, is_identifier = _is_text(kind), isinstance(column.holds, Kind)
        if not is_text and not is_identifier and path not in self._long:
            return lambda: array
        encoded = (array.cast(pa.large_string()) if is_text else array).dictionary_encode()
        different, codes = _different(cells, encoded, owners)
        results = cells.add(path, different, column=column, are_numbers=not is_text and not is_identifier)
        made_of = kind if is_text else pa.string()
        return lambda: pa.array(results(), pa.large_string()).take(codes).cast(made_of)

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


class _Nest:
    """Lists or maps of one array: what stands in them, without what nulls hide, and how they are put together again."""

    def __init__(self, array: Any, values: Any, lengths: Numbers, missing: Any) -> None:
        self._kind = array.type
        self._missing = missing
        self._lengths = lengths
        self.values = values
        self.parents: Numbers = np.repeat(np.arange(len(lengths)), lengths)

    @classmethod
    def of(cls, array: Any) -> "_Nest":
        missing = array.is_null()
        valid = ~missing.to_numpy(zero_copy_only=False)
        if pa.types.is_fixed_size_list(array.type):
            return cls(array, array.flatten(), np.where(valid, array.type.list_size, 0), missing)
        # The places of the entries hold whatever a null hides.
        offsets = array.offsets.to_numpy()
        lengths = np.where(valid, np.diff(offsets), 0)
        whole = array.values.slice(offsets[0], offsets[-1] - offsets[0])
        if lengths.sum() < len(whole):
            whole = whole.take(pa.array(np.flatnonzero(np.repeat(valid, np.diff(offsets)))))
        return cls(array, whole, lengths, missing)

    def _offsets(self) -> Any:
        offsets = np.zeros(len(self._lengths) + 1, np.int64)
        np.cumsum(self._lengths, out=offsets[1:])
        return pa.array(offsets, pa.int64() if pa.types.is_large_list(self._kind) else pa.int32())

    def built(self, values: Any) -> Any:
        """The lists, of these values."""
        if pa.types.is_fixed_size_list(self._kind):
            size = self._kind.list_size
            places = np.cumsum(np.repeat(self._lengths > 0, size)) - 1
            at = pa.array(places, mask=np.repeat(self._lengths == 0, size)) if size else pa.array(places)
            return pa.FixedSizeListArray.from_arrays(values.take(at), size, mask=self._missing)
        made = pa.LargeListArray if pa.types.is_large_list(self._kind) else pa.ListArray
        return made.from_arrays(self._offsets(), values, mask=self._missing)

    def built_map(self, keys: Any, values: Any) -> Any:
        """The maps, of these keys and values."""
        return pa.MapArray.from_arrays(self._offsets(), keys, values, mask=self._missing)


def _renamed(
    cells: Cells,
    judged: "Sequence[tuple[Kind | None, str]]",
    names: Sequence[str],
    codes: Numbers,
    parents: Numbers,
) -> Any:
    """The keys of all maps when some of them are data; None when all stay."""
    kinds = [kind or cells.known_key(name) for (kind, _), name in zip(judged, names, strict=True)]
    is_data = np.array([kind is not None for kind in kinds], bool)
    if not is_data.any():
        return None
    new = np.array(names, object)[codes]
    for number in dict.fromkeys(parents[is_data[codes]].tolist()):
        first, last = np.searchsorted(parents, (number, number + 1)).tolist()
        some: list[int] = codes[first:last].tolist()
        siblings = Siblings(names[code] for code in some)
        new[first:last] = [cells.new_key(kinds[code], names[code], siblings) for code in some]
    return pa.array(new.tolist(), pa.string())


def _different(cells: Cells, encoded: Any, owners: Numbers) -> "tuple[Different, Any]":
    """The different values of an array, and of each place which one it is."""
    texts = as_texts(encoded.dictionary)
    codes = encoded.indices
    at = codes.fill_null(-1).to_numpy()
    full = at >= 0
    present, whose = at[full], owners[full]
    everywhere: Callable[[], tuple[Sequence[str], Sequence[int]]] = lambda: (  # noqa: E731
        [texts[code] for code in present.tolist()],
        whose.tolist(),
    )
    subjects = cells.subjects_of(whose.tolist())
    if subjects is None:
        weights = np.bincount(present, minlength=len(texts)).tolist()
        return Different(texts, weights, [0] * len(texts), everywhere), codes
    numbers: dict[bytes | None, int] = {}
    told = np.array([numbers.setdefault(subject, len(numbers)) for subject in subjects], np.int64)
    pairs, first, inverse, counts = np.unique(
        present * max(1, len(numbers)) + told, return_index=True, return_inverse=True, return_counts=True
    )
    values = [texts[code] for code in present[first].tolist()]
    which = np.zeros(len(at), np.int64)
    which[full] = inverse
    del pairs
    return (
        Different(values, counts.tolist(), whose[first].tolist(), everywhere),
        pa.array(which, mask=~full),
    )


def as_texts(values: Any) -> list[str]:
    """Values as texts; whole numbers without a fraction, though they were kept as floats because some are missing."""
    if pa.types.is_temporal(values.type) and not pa.types.is_duration(values.type):
        values = values.cast(pa.string())
    return [
        value
        if isinstance(value, str)
        else f"{value:.0f}"
        if isinstance(value, float) and value.is_integer()
        else str(value)
        for value in values.to_pylist()
    ]


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


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
