"""Columns of text cells, as tables and CSV files have them: every cell by what the profile says of its column.

A cell that holds JSON is walked like a record; equal cells of a column are searched once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final

from sluicegate.processors.masking.columns import Path
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.json_tree import edited, read, within_text
from sluicegate.processors.masking.profile import Column

from .fields import FieldBatch, Masking
from .records import Part, Place, Records, Walk
from .subjects import plain

_Cell = tuple[str, bytes | None]
"""What a cell holds, and whose it is."""

Results = Callable[[], "list[str | None]"]
"""What became of a column's cells, once the batch is masked."""

_FRACTION: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,32}(?:[eE][-+]?[0-9]{1,3})?")


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

    def add(
        self,
        path: Path,
        values: "Sequence[str | None]",
        owners: Sequence[int],
        *,
        column: Column | None = None,
        are_numbers: bool = False,
    ) -> Results:
        """Add the cells of one column (None: null); `owners` says whose row each is, `column` what stands there by itself."""
        found = self._masking.at(path, column)
        if self._masking.keeps(found):
            return lambda: list(values)
        if self._masking.drops(found):
            return lambda: [None] * len(values)
        if isinstance(found.holds, Kind):
            return self._typed(found, values, owners)
        return self._read(found, path, values, owners, are_numbers=are_numbers)

    def add_records(
        self, path: Path, texts: "Sequence[str | None]", owners: Sequence[int], inherited: Column | None
    ) -> Results:
        """Add JSON of one place; its keys are judged like those of a record."""
        nodes = [None if text is None else read(text) for text in texts]
        self._records.judge_keys([node for node in nodes if node is not None], self._batch)
        parts = [
            []
            if node is None
            else list(self._walk.parts(node, self._place(path, inherited, self._batch.subject_of(owner))))
            for node, owner in zip(nodes, owners, strict=True)
        ]
        return lambda: [
            None if text is None else edited(text, self._walk.edits(some))
            for text, some in zip(texts, parts, strict=True)
        ]

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

    def _typed(self, column: Column, values: "Sequence[str | None]", owners: Sequence[int]) -> Results:
        full = [number for number, value in enumerate(values) if value is not None and value.strip()]
        group, first = self._batch.add_column(
            column, [values[number] or "" for number in full], [owners[number] for number in full]
        )

        def results() -> list[str | None]:
            masked = list(values)
            for number, new in zip(full, group.results[first : first + len(full)], strict=True):
                masked[number] = new
            return masked

        return results

    def _place(self, path: Path, column: Column | None, subject: bytes | None) -> Place:
        return Place(path, column, listed=False, owner=self._walk.next_owner(subject))

    def _read(
        self,
        column: Column,
        path: Path,
        values: "Sequence[str | None]",
        owners: Sequence[int],
        *,
        are_numbers: bool,
    ) -> Results:
        whose: Iterable[bytes | None] = (
            map(self._batch.subject_of, owners) if self._masking.subjects else repeat(None)
        )
        cells = list(zip(values, whose, strict=False))
        weights = Counter((value, subject) for value, subject in cells if value is not None and value.strip())
        json_parts: dict[_Cell, list[Part]] = {}
        texts: list[_Cell] = []
        numbers: list[_Cell] = []
        for cell in weights:
            value, subject = cell
            if are_numbers or _FRACTION.fullmatch(value):
                numbers.append(cell)
            elif (node := within_text(value)) is not None:
                self._records.judge_keys([node], self._batch)
                json_parts[cell] = list(self._walk.parts(node, self._place(path, column, subject)))
            else:
                texts.append(cell)
        # Equal cells of one subject are searched once; any of its rows says whose they are.
        owner_of = dict(zip(cells, owners, strict=True)) if self._masking.subjects else {}
        added = [
            (some, *self._batch.add_column(
                column,
                [value for value, _ in some],
                [owner_of.get(cell, 0) for cell in some],
                weights=[weights[cell] for cell in some],
                is_number=is_number,
            ))
            for some, is_number in ((texts, False), (numbers, True))
            if some
        ]  # fmt: skip

        def results() -> list[str | None]:
            made: dict[tuple[str | None, bytes | None], str | None] = {
                cell: edited(cell[0], self._walk.edits(parts)) for cell, parts in json_parts.items()
            }
            for some, group, first in added:
                made.update(zip(some, group.results[first : first + len(some)], strict=True))
            return [made.get(cell, cell[0]) for cell in cells]

        return results
