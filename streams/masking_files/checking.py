"""The check of what would leave: `processors.masking.verifier` on each batch, as it is serialised.

Tables are looked at column by column; those that hold maps or JSON record by record, like documents, because there a place is more than
its column.
"""

from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute

from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.tables import as_texts
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import Profile
from sluicegate.processors.masking.verifier import Band, Claim, Expected, Holds, Reason, Report, Verifier
from sluicegate.schemas.errors import RefusedError

from .batches import NDJSON, Batch, Compared, ComparedTable
from .expected import columns_of_kind, expected_columns, is_text

_pc: Final[Any] = pyarrow.compute
_MEANT: Final = {
    Reason.KNOWN: "a value of an identifier column is left in another field",
    Reason.KNOWN_IN_KEPT: "a value of an identifier column stands in a column that the profile keeps",
    Reason.KNOWN_ENCODED: "an identifier is left in encoded text",
    Reason.SURROGATE: "something looks like a surrogate that this export did not make",
    Reason.ROWS: "records are missing, or there are more",
    Reason.SCHEMA: "columns are not those of the source",
    Reason.NULLS: "nulls are not where they were",
    Reason.STRUCTURE: "keys, or what is around values, are not those of the source",
    Reason.KEPT: "text that is no identifier is not as it was",
    Reason.UNTOUCHED: "what the profile keeps is not as it was",
    Reason.COLUMN: "an identifier column holds what is no tag, surrogate or year",
    Reason.DROPPED: "a column that the profile drops holds something",
    Reason.KEY: "a key that is an identifier is left",
    Reason.TORN: "a replacement begins or ends inside a word or number",
    Reason.DIGITS: "a long number is left",
    Reason.LABELLED: "a labelled number is left",
    Reason.DATE: "a date is left",
    Reason.EMAIL: "an e-mail address is left",
    Reason.IP: "an IP address is left",
    Reason.URL: "a link is left",
    Reason.NAME: "a name after a title is left",
    Reason.NAMES: "so many capitalised words are left that names were not looked for",
    Reason.RESIDUAL: "a slow look at a sample found more left than the profile allows",
}
_SHOWN: Final = 3
"""Places that a refusal names."""
_PAIRS: Final = 200.0
"""Pairs of capitalised words that may be left in 1,000 short records; in longer ones as many more."""
_SHORT: Final = 512
"""Bytes of a short record."""
_NOT_LOOKED_FOR: Final = 1e9
_JSON: Final = r"^\s*[{\[]"
_MEASURE: Final = r"^-?[0-9]{1,8}\.[0-9]{1,32}$"


class Checker:
    """Looks at every batch of one file, and refuses in doubt."""

    def __init__(self, profile: Profile, surrogates: Surrogates, *, names: bool = True) -> None:
        """`names`: whether names were looked for in free text."""
        self._profile = profile
        self._secret = surrogates.proving
        self._pairs = _PAIRS if names else _NOT_LOOKED_FOR
        self._documents: dict[int, Verifier] = {}
        self._tables: _Tables | None = None

    def look(self, batch: Batch) -> None:
        """Raise `RefusedError` with the reasons when this batch must not leave."""
        for compared in batch.compared:
            report = (
                self._document(compared, batch.records)
                if isinstance(compared, Compared)
                else self._table(compared, batch.records)
            )
            if not report.passed:
                raise RefusedError(_refusal(report, batch))

    def _document(self, compared: Compared, records: int) -> Report:
        longer = 1 << (len(compared.raw) // (_SHORT * max(records, 1))).bit_length()
        if longer not in self._documents:
            self._documents[longer] = _verifier(self._profile, self._secret, {}, self._pairs * longer)
        return self._documents[longer].verify_document(compared.media_type, compared.raw, compared.masked)

    def _table(self, compared: ComparedTable, records: int) -> Report:
        before, after = compared.before, compared.after
        if _holds_records(before):
            as_records = Compared(NDJSON, compared.as_records(before), compared.as_records(after))
            return self._document(as_records, records)
        if self._tables is None:
            self._tables = _Tables(self._profile, self._secret, before.schema, self._pairs)
        return self._tables.look(before, after)


class _Tables:
    """The check of tables of one schema."""

    def __init__(self, profile: Profile, secret: bytes, schema: Any, pairs: float) -> None:
        columns = expected_columns(profile, schema)
        self._names = columns_of_kind(profile, schema, Kind.NAME)
        # A column of its own, named as no other is.
        self._people = " " * (max(map(len, schema.names), default=0) + 1)
        kept = [
            field.name
            for field in schema
            if columns.get(field.name) is Holds.UNTOUCHED and is_text(field.type)
        ]
        identifying = [name for name in schema.names if columns.get(name) is Holds.IDENTIFIER]
        columns[self._people] = Holds.IDENTIFIER
        self._verifier = _verifier(profile, secret, columns, pairs)
        self._of_kept = [*identifying, *kept, self._people] if kept else []
        # In what the profile keeps nothing is looked for but the batch's own identifiers.
        only = dict.fromkeys([*identifying, self._people], Holds.IDENTIFIER)
        self._in_kept = _verifier(replace(profile, operators={}), secret, only, pairs)

    def look(self, before: Any, after: Any) -> Report:
        """The report on a batch."""
        before, after = _with_texts(before, after)
        if len(self._names) > 1 and before.num_rows == after.num_rows:
            people = _joined_names(before, self._names)
            before = before.append_column(self._people, people)
            after = after.append_column(self._people, _tags(people))
        before_and_after = _without_measures(before, after)
        report = self._verifier.verify(*before_and_after, _unchanged(*before_and_after))
        if not report.passed or not self._of_kept:
            return report
        some = [name for name in self._of_kept if name in before.schema.names]
        found = self._in_kept.verify(before.select(some), after.select(some))
        places = tuple(
            one._replace(reason=Reason.KNOWN_IN_KEPT) for one in found.objections if one.reason in _KNOWN
        )
        is_known = not {*found.reasons}.isdisjoint({*_KNOWN, Reason.FAILED})
        return replace(report, reasons=(Reason.KNOWN_IN_KEPT,), objections=places) if is_known else report


_KNOWN: Final = (Reason.KNOWN, Reason.KNOWN_ENCODED)


def _verifier(profile: Profile, secret: bytes, columns: "dict[str, Holds]", pairs: float) -> Verifier:
    # A file may hold no identifier at all, or columns of nothing else.
    return Verifier(Expected.of(profile, columns, Band(low=0.0, high=1.0, pairs=pairs)), secret)


def _holds_records(table: Any) -> bool:
    """Whether a place in it is more than a column: there are maps, or texts that begin like JSON."""
    return any(map(_is_or_holds_map, (field.type for field in table.schema))) or any(
        _pc.any(_pc.match_substring_regex(texts, _JSON)).as_py() for texts in _texts_in(table)
    )


def _is_or_holds_map(kind: Any) -> bool:
    return pa.types.is_map(kind) or any(
        _is_or_holds_map(kind.field(number).type) for number in range(kind.num_fields)
    )


def _texts_in(table: Any) -> "list[Any]":
    columns, found = [table.column(number) for number in range(table.num_columns)], []
    while columns:
        array = columns.pop()
        if isinstance(array.type, pa.BaseExtensionType):
            array = array.storage
        if pa.types.is_dictionary(array.type):
            array = array.dictionary
        if is_text(array.type):
            found.append(array.cast(pa.large_string()))
        elif array.type.num_fields:
            columns += array.flatten() if pa.types.is_struct(array.type) else [array.flatten()]
    return found


def _with_texts(before: Any, after: Any) -> tuple[Any, Any]:
    """Numbers that became texts, because some identify, as the texts they are."""
    for number, (old, new) in enumerate(zip(before.schema, after.schema, strict=False)):
        if is_text(new.type) and not is_text(old.type) and not pa.types.is_temporal(old.type):
            encoded = before.column(number).dictionary_encode()
            texts = pa.array(as_texts(encoded.dictionary), new.type).take(encoded.indices)
            before = before.set_column(number, pa.field(old.name, new.type), texts)
    return before, after


def _joined_names(table: Any, names: "list[str]") -> Any:
    several = [_pc.fill_null(table.column(table.schema.names.index(name)), "") for name in names]
    return _pc.utf8_trim(_pc.binary_join_element_wise(*several, " "), " ")


def _tags(people: Any) -> Any:
    return _pc.if_else(_pc.equal(people, ""), "", f"<{Kind.NAME}>")


def _without_measures(before: Any, after: Any) -> tuple[Any, Any]:
    """Without decimal numbers that stayed in columns of texts: measures and amounts have many digits and identify nobody."""
    for number, (old, new) in enumerate(zip(before.columns, after.columns, strict=False)):
        if is_text(old.type) and old.type == new.type and len(old) == len(new):
            measures = _pc.and_kleene(_pc.match_substring_regex(old, _MEASURE), _pc.equal(old, new))
            if _pc.any(measures).as_py():
                gone = pa.scalar(None, old.type)
                before = before.set_column(
                    number, before.schema.field(number).with_nullable(True), _pc.if_else(measures, gone, old)
                )
                after = after.set_column(
                    number, after.schema.field(number).with_nullable(True), _pc.if_else(measures, gone, new)
                )
    return before, after


def _unchanged(before: Any, after: Any) -> dict[str, Claim]:
    """Columns in which nothing was replaced; that all of it is there is quicker to see when it is said."""
    pairs = zip(before.schema.names, before.columns, after.columns, strict=False)
    return {name: Claim.of((), (), ()) for name, old, new in pairs if is_text(old.type) and old.equals(new)}


def _refusal(report: Report, batch: Batch) -> str:
    said = "; ".join(f"`{code}`: {_MEANT.get(code, 'the check could not finish')}" for code in report.reasons)
    where = _where(report, batch)
    return (
        f"what would leave did not pass the check{where}: {said}. Nothing was written; "
        "say in the profile what that column holds, or `drop` it"
    )


def _where(report: Report, batch: Batch) -> str:
    unit = "line" if batch.are_lines else "record"
    places = dict.fromkeys(
        (batch.first + one.record if one.record >= 0 else None, one.path) for one in report.objections
    )
    shown = [
        ", ".join(
            part
            for part in (
                f"{unit} {number}" if number is not None else "",
                f"`{path}`" if path.strip() else "",
            )
            if part
        )
        for number, path in list(places)[:_SHOWN]
    ]
    named = "; ".join(one for one in shown if one)
    last = batch.first + max(batch.records, 1) - 1
    return f", {named}" if named else f", in {unit}s {batch.first} to {last}"
