"""Columns of text cells, as tables and CSV files have them: every cell by what the profile says of its column.

A cell that holds JSON is walked like a record; equal cells of a column are searched once.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.columns import Path
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.json_tree import Node, edited, within_text
from sluicegate.processors.masking.profile import Column

from .fields import FieldBatch, Masking
from .records import Records, Siblings, Walk
from .subjects import plain

Results = Callable[[], "list[str | None]"]
"""What became of a column's different cells, once the batch is masked."""

_FRACTION: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,32}(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Different:
    """The different cells of a column.

    Attributes:
        values: what they hold.
        weights: how often each is there.
        owners: of each a row it stands in; what is equal in rows of two subjects is told twice.
        everywhere: every cell, and the row of each; asked for names, which belong together by row.
    """

    values: Sequence[str] = field(repr=False)
    weights: Sequence[int]
    owners: Sequence[int]
    everywhere: "Callable[[], tuple[Sequence[str], Sequence[int]]]"


class Cells:
    """The columns of one batch: add all, mask once, ask for the results."""

    def __init__(self, records: Records) -> None:
        self._masking: Masking = records.masking
        self._records = records
        self._batch: FieldBatch = records.masking.batch()
        self._walk = Walk(records, self._batch)

    def belong_to(self, subjects: "Sequence[str | None]") -> None:
        """Say whose each row is; before anything is added."""
        for owner, subject in enumerate(subjects):
            self._batch.belongs_to(owner, None if subject is None else plain(subject))

    def subjects_of(self, owners: Iterable[int]) -> "list[bytes | None] | None":
        """Whose each row is; None when that does not matter."""
        return [self._batch.subject_of(owner) for owner in owners] if self._masking.subjects else None

    def add(
        self, path: Path, cells: Different, *, column: Column | None = None, are_numbers: bool = False
    ) -> Results:
        """Add the cells of one column; `column` says what stands there by itself."""
        found = self._masking.at(path, column)
        if self._masking.keeps(found):
            return lambda: list(cells.values)
        if self._masking.drops(found):
            return lambda: [None] * len(cells.values)
        if isinstance(found.holds, Kind):
            return self._typed(found, cells)
        return self._read(found, path, cells, are_numbers=are_numbers)

    def inner_owners(self, owners: "NDArray[np.int64]") -> "NDArray[np.int64]":
        """Owners of their own for what stands in lists and maps: the names in one element are one person's."""
        subjects = self.subjects_of(owners.tolist())
        if subjects is not None:
            return np.array([self._walk.next_owner(subject) for subject in subjects], np.int64)
        last = self._walk.next_owner()
        self._walk.skip_owners(len(owners))
        return last - 1 - np.arange(len(owners))

    def judge_keys(
        self, names: Sequence[str], path: Path, *, is_field: bool
    ) -> "list[tuple[Kind | None, str]]":
        """Of each key of the maps at a place what identifier it is, if any, and its name in a path."""
        self._records.judge(names, self._batch)
        return [self._walk.key(name, path, is_field=is_field) for name in names]

    def known_key(self, name: str) -> Kind | None:
        """What identifier of the batch's own a key is, once the batch is masked."""
        return self._walk.known_key(name)

    def new_key(self, kind: Kind | None, name: str, siblings: Siblings) -> str:
        """A key as it leaves, once the batch is masked."""
        return self._walk.new_key(kind, name, siblings)

    def masked(self) -> None:
        """Give every cell its result."""
        self._batch.masked()
        self._walk.judge_known_keys()

    def own_identifiers(self, names: Sequence[str]) -> list[int]:
        """The numbers of those column names that are identifiers of the batch itself, once it is masked."""
        # In small letters: a column `RACE` is a word, though somebody is called Race.
        kinds = self._batch.known_in([name.lower() for name in names])
        return [
            number
            for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
            if kind is not None and not self._records.is_field_name(name)
        ]

    def _typed(self, column: Column, cells: Different) -> Results:
        is_full = [not value.isspace() and value != "" for value in cells.values]
        group, first = self._batch.add_column(
            column,
            list(compress(cells.values, is_full)),
            list(compress(cells.owners, is_full)),
            weights=list(compress(cells.weights, is_full)),
        )
        last = len(group.values)
        if column.holds is Kind.NAME:
            self._batch.add_people(*cells.everywhere())

        def results() -> list[str | None]:
            masked = iter(group.results[first:last])
            return [
                next(masked) if full else value for value, full in zip(cells.values, is_full, strict=True)
            ]

        return results

    def _read(self, column: Column, path: Path, cells: Different, *, are_numbers: bool) -> Results:
        texts: list[int] = []
        numbers: list[int] = []
        nodes: dict[int, Node] = {}
        for number, value in enumerate(cells.values):
            if not value or value.isspace():
                continue
            if are_numbers or _FRACTION.fullmatch(value):
                numbers.append(number)
            elif (node := within_text(value)) is not None:
                nodes[number] = node
            else:
                texts.append(number)
        self._records.judge_keys(list(nodes.values()), self._batch)
        place = self._records.place(path, column)
        parts = {
            number: self._walk.parts(node, place, self._inner_owner(cells.owners[number]))
            for number, node in nodes.items()
        }
        added = [
            self._added(column, cells, some, is_number=is_number)
            for some, is_number in ((texts, False), (numbers, True))
            if some
        ]

        def results() -> list[str | None]:
            made: list[str | None] = list(cells.values)
            for number, some in parts.items():
                made[number] = edited(cells.values[number], self._walk.edits(some))
            for some_numbers, masked in added:
                for number, new in zip(some_numbers, masked(), strict=True):
                    made[number] = new
            return made

        return results

    def _added(
        self, column: Column, cells: Different, some: list[int], *, is_number: bool
    ) -> "tuple[list[int], Callable[[], Sequence[str | None]]]":
        group, first = self._batch.add_column(
            column,
            [cells.values[number] for number in some],
            [cells.owners[number] for number in some],
            weights=[cells.weights[number] for number in some],
            is_number=is_number,
        )
        return some, lambda: group.results[first : first + len(some)]

    def _inner_owner(self, owner: int) -> int:
        return self._walk.next_owner(self._batch.subject_of(owner) if self._masking.subjects else None)
