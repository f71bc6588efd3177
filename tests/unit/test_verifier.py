"""The verifier catches planted bugs of the masking, one by one, and lets the same data pass when the masking is sound."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.kinds import CODES, KINDS
from sluicegate.processors.masking.engine.scan import Re2Scanner
from sluicegate.processors.masking.engine.span_table import SpanTable, Stage
from sluicegate.processors.masking.engine.splice import spliced
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN, load_profile
from sluicegate.processors.masking.verifier import (
    Band,
    Canaries,
    Claim,
    Expected,
    Holds,
    Report,
    Residual,
    Verifier,
)
from sluicegate.processors.masking.verifier.residual import enough_rows, upper_share
from sluicegate.processors.masking.verifier.slow import SlowLook


def _titled(batch: TextBatch, _found: SpanTable) -> SpanTable:
    """Names after a title: the vocabularies of the closed world are not needed for what is tested here."""
    places = [match.span() for match in re.finditer(rb"Dr\. [A-Z][a-z]+(?: [A-Z][a-z]+)?", batch.text)]
    starts, ends = [start for start, _ in places], [end for _, end in places]
    return SpanTable.of(starts, ends, Kind.NAME, Stage.CLOSED_WORLD)


_ENGINE: Final = Engine.of(Re2Scanner.of(), None, _titled)
_SECRET: Final = b"a secret of one export, 32 bytes"
_PROFILE: Final = BUILT_IN["hipaa-safe-harbor"]
_EVERY: Final = Treatments(dict.fromkeys(KINDS, Treatment.SURROGATE))
_ROWS: Final = (
    "Björn's cardiologist, Dr. Amara Okafor, can be reached at amara.okafor@example.org or (555) 010-4477.",
    "MRN: 48213377 was opened on 03/14/2021; naïve T cells and the usual CPT 99213.",
    "SSN 078-05-1120 is on file. See https://portal.example.org/a/7 from 10.20.30.40 for images.",
    "中 no identifier here, blood pressure 132/78, saturation 97% on room air.",
    "Call 555-010-9921 on March 3, 2022, “surely”, he agreed. Account number 7714203311 was billed.",
)


@dataclass
class _Made:
    """What an engine made: rows, and what it says it did."""

    rows: list[str | None]
    claim: Claim | None


def _spans(rows: Sequence[str]) -> tuple[TextBatch, SpanTable]:
    batch = TextBatch.of_texts(list(rows))
    return batch, _ENGINE.spans(batch)


def _made(
    rows: Sequence[str],
    change: Callable[[TextBatch, SpanTable], SpanTable] = lambda _batch, spans: spans,
    secret: bytes = _SECRET,
    treatments: Treatments = _EVERY,
) -> _Made:
    """The engine's own stages, with what it found changed on the way."""
    batch, spans = _spans(rows)
    spans = change(batch, spans)
    replacing = Replacing(treatments, Surrogates(secret))
    starts, ends = batch.to_original(spans.start), batch.to_original(spans.end)
    made = [
        replacing.replacement(code, batch.original[start:end])
        for code, start, end in zip(spans.kind.tolist(), starts.tolist(), ends.tolist(), strict=True)
    ]
    masked = spliced(batch, starts, ends, made)
    return _Made(
        [row.decode(errors="surrogateescape") for row in masked],
        Claim.of_places(starts, ends, batch.original_offsets),
    )


def _table(rows: Sequence[str | None], **others: Any) -> Any:
    texts = [None if row is None else row.encode(errors="surrogateescape") for row in rows]
    note = pa.array(texts, pa.binary()).cast(pa.string(), safe=False) if rows else pa.array([], pa.string())
    return pa.record_batch({"note": note, **{name: pa.array(values) for name, values in others.items()}})


def _report(
    before: Any, after: Any, claim: Claim | None, columns: dict[str, Holds] | None = None, **band: float
) -> Report:
    expected = Expected.of(_PROFILE, columns, Band(**band) if band else None)  # type: ignore[arg-type]
    return Verifier(expected, _SECRET).verify(before, after, {} if claim is None else {"note": claim})


def _reasons(made: _Made, rows: Sequence[str] = _ROWS) -> tuple[str, ...]:
    return _report(_table(rows), _table(made.rows), made.claim).reasons


@pytest.mark.parametrize("profile", ["hipaa-safe-harbor", "limited-data-set", "pii-basic"])
@pytest.mark.parametrize("with_claim", [True, False])
def test_sound_masking_passes(profile: str, with_claim: bool) -> None:  # noqa: FBT001 (two cases)
    """The engine's own output passes under every profile, with what it claims and without."""
    made = _made(
        _ROWS, lambda _batch, spans: _not_kept(spans, profile), treatments=Treatments.of(BUILT_IN[profile])
    )
    verifier = Verifier(Expected.of(BUILT_IN[profile]), _SECRET)

    report = verifier.verify(
        _table(_ROWS), _table(made.rows), {"note": made.claim} if with_claim and made.claim else {}
    )

    assert report.reasons == ()
    assert report.passed


def _not_kept(spans: SpanTable, profile: str) -> SpanTable:
    replacing = Replacing(Treatments.of(BUILT_IN[profile]), Surrogates(_SECRET))
    return spans.take(np.array([not replacing.keeps(code) for code in spans.kind.tolist()], bool))


def test_sound_surrogates_pass_as_serialised_bytes() -> None:
    """A table is read from the Arrow stream that will leave; what else is in it must be the same bytes."""
    made = _made(_ROWS)
    before, after = (_table(rows, amount=[1, 2, None, 4, 5]) for rows in (_ROWS, made.rows))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, after.schema) as stream:
        stream.write_batch(after)

    report = _report(before, sink.getvalue().to_pybytes(), made.claim)

    assert report.passed
    assert report.forms == len(made.claim.starts if made.claim else ())
    assert report.rows == len(_ROWS)


def test_bytes_taken_for_code_points() -> None:
    """Planted 1: places that count characters are used as places in bytes."""

    def change(batch: TextBatch, spans: SpanTable) -> SpanTable:
        text = batch.original
        starts = [len(text[:place].decode()) for place in batch.to_original(spans.start).tolist()]
        ends = [len(text[:place].decode()) for place in batch.to_original(spans.end).tolist()]
        moved = SpanTable(np.array(starts), np.array(ends), spans.kind, spans.stage, spans.confidence)
        return moved.within(batch).merged()

    assert "torn" in _reasons(_made(_ROWS, change))


def test_one_column_forgotten() -> None:
    """Planted 2: one of two text columns is not masked."""
    made = _made(_ROWS)
    before, after = _table(_ROWS, remark=list(_ROWS)), _table(made.rows, remark=list(_ROWS))

    assert {"email", "known-value", "url"} <= set(_report(before, after, made.claim).reasons)


@pytest.mark.parametrize("with_claim", [True, False])
def test_wrong_row_order(with_claim: bool) -> None:  # noqa: FBT001 (two cases)
    """Planted 3: two masked rows changed places."""
    made = _made(_ROWS)
    made.rows[0], made.rows[2] = made.rows[2], made.rows[0]
    made.claim = made.claim if with_claim else None

    assert "kept-changed" in _reasons(made)


@pytest.mark.parametrize(
    "left",
    [
        "seen again: okafor, amara in the morning",
        "seen again: OKAFOR AMARA in the morning",
        "account 77 142 033 11 as above",
        f"token {base64.b64encode(b'amara.okafor').decode()} was used",
        "user amara%2Eokafor%40example.org was used",
    ],
)
def test_a_missed_normal_form(left: str) -> None:
    """Planted 4: what is masked in one row stands in another, in another spelling."""
    rows = [*_ROWS, left]
    last = len(_ROWS)
    made = _made(rows, lambda batch, spans: spans.take(batch.rows_of(spans.start) != last))

    assert {"known-value", "known-value-encoded"} & set(_reasons(made, rows))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kind.EMAIL, "email"),
        (Kind.SSN, "digits"),
        (Kind.URL, "url"),
        (Kind.IP, "ip"),
        (Kind.DATE, "date"),
        (Kind.NAME, "name"),
    ],
)
def test_a_disabled_rule(kind: Kind, reason: str) -> None:
    """Planted 5: one kind is not looked for."""
    made = _made(_ROWS, lambda _batch, spans: spans.take(spans.kind != CODES[kind]))

    assert reason in _reasons(made)


def test_the_last_row_dropped() -> None:
    """Planted 6: a row is missing at the end."""
    made = _made(_ROWS)
    made.rows.pop()

    assert _reasons(made) == ("rows",)


def test_double_replacement() -> None:
    """Planted 7: what was replaced is replaced once more, inside or beside."""
    made = _made(_ROWS)
    inside = _Made([(row or "").replace("<email:", "<email:<name>") for row in made.rows], made.claim)
    beside = _Made([(row or "").replace("<ssn:", "<name><ssn:") for row in made.rows], made.claim)

    assert {"kept-changed", "surrogate"} <= set(_reasons(inside))
    assert "kept-changed" in _reasons(beside)


def test_a_surrogate_of_another_export() -> None:
    """Planted 8: surrogates that another secret made."""
    assert _reasons(_made(_ROWS, secret=b"the secret of another export ...")) == ("surrogate",)


def test_null_became_empty() -> None:
    """Planted 9: a missing value comes back as an empty one."""
    made = _made(_ROWS)

    report = _report(_table([*_ROWS, None]), _table([*made.rows, ""]), made.claim)

    assert report.reasons == ("nulls",)


@pytest.mark.parametrize(("first", "last"), [(1, 0), (0, -1)])
def test_off_by_one_span(first: int, last: int) -> None:
    """Planted 10: spans begin a byte late, or end a byte early."""

    def change(_batch: TextBatch, spans: SpanTable) -> SpanTable:
        return SpanTable(spans.start + first, spans.end + last, spans.kind, spans.stage, spans.confidence)

    assert "torn" in _reasons(_made(_ROWS, change))


def test_untouched_columns_are_the_same_bytes() -> None:
    """A number, an order or a type that changed elsewhere in the table is told."""
    made = _made(_ROWS)
    before = _table(_ROWS, amount=[1, 2, 3, 4, 5])

    assert _report(before, _table(made.rows, amount=[1, 2, 3, 5, 4]), made.claim).reasons == (
        "untouched-changed",
    )
    assert _report(before, _table(made.rows, amount=["1", "2", "3", "4", "5"]), made.claim).reasons == (
        "schema",
    )
    assert _report(before, _table(made.rows, total=[1, 2, 3, 4, 5]), made.claim).reasons == ("schema",)


def test_identifier_columns_hold_forms_and_are_known() -> None:
    """A value of an identifier column that is no form is told, and so is one of its literals in free text."""
    surrogates = Surrogates(_SECRET)
    names = ["Amara Okafor", "Luis Tran", None]
    masked = [
        None if name is None else surrogates.surrogate(Kind.NAME, name.encode()).decode() for name in names
    ]
    notes = ["seen today", "no complaint", "will return"]
    columns = {"name": Holds.IDENTIFIER}

    def reasons(out: list[str | None], texts: list[str]) -> tuple[str, ...]:
        before, after = _table(texts, name=names), _table(texts, name=out)
        return _report(before, after, None, columns).reasons

    assert reasons(masked, notes) == ()
    assert reasons([*masked[:1], "Luis Tran", None], notes) == ("column",)
    assert reasons(masked, ["a talk with tran, luis", *notes[1:]]) == ("known-value",)


def test_nested_columns_are_walked() -> None:
    """Text in a list of structs is looked at like any other."""
    rows = [[{"text": "write to a.b@example.org", "n": 1}], None, [{"text": None, "n": 2}]]
    masked = [[{"text": "write to <email>", "n": 1}], None, [{"text": None, "n": 2}]]
    before, after = (pa.record_batch({"notes": pa.array(one)}) for one in (rows, masked))
    other = pa.record_batch({"notes": pa.array([*masked[:2], [{"text": None, "n": 3}]])})

    assert _report(before, after, None).reasons == ()
    assert _report(before, before, None).reasons == ("email",)
    assert _report(before, other, None).reasons == ("untouched-changed",)


def test_too_little_and_too_much_is_suspicious() -> None:
    """Nothing masked in much text, and nearly everything masked, are both told."""
    rows = ["nothing of interest happened on the ward today"] * 2000
    masked = ["<name>"] * 2000
    whole = Claim.of(range(2000), [0] * 2000, [len(rows[0])] * 2000)

    assert _report(_table(rows), _table(rows), Claim.of((), (), ())).reasons == ("share",)
    assert _report(_table(rows), _table(masked), whole).reasons == ("share",)


def test_a_look_alike_is_refused() -> None:
    """What is shaped like a surrogate and proves nothing does not leave, wherever it came from."""
    rows = ["see <name:abcdefghijklmnopqrstuvwx> there"]

    assert _report(_table(rows), _table(rows), None).reasons == ("surrogate",)


def test_canaries() -> None:
    """Planted identifiers come back masked, and one that does not is told."""
    expected = Expected.of(_PROFILE)
    canaries = Canaries.of(b"seed", expected)
    masked = [row or "" for row in _made(canaries.rows).rows]
    verifier = Verifier(expected, _SECRET)
    table = _table(["no complaint"])

    assert verifier.verify(table, table, canaries=(canaries, masked)).passed
    assert verifier.verify(table, table, canaries=(canaries, [*masked[:-1], canaries.rows[-1]])).reasons == (
        "canary",
    )
    assert verifier.verify(table, table, canaries=(canaries, masked[:-1])).reasons == ("canary",)


def test_in_doubt_nothing_leaves() -> None:
    """What cannot be read, a claim that makes no sense, a table that is none: no."""
    table = _table(["text"])

    assert _report(table, b"no stream", None).reasons == ("failed",)
    assert _report(None, table, None).reasons == ("failed",)
    assert not _report(table, table, Claim.of([7], [0], [1])).passed
    assert _report(table, table, Claim.of([0], [0], [9])).reasons == ("kept-changed",)


def test_the_residual_is_a_bound() -> None:
    """About three in n for none found, exact bounds for more, samples add up, and nothing is estimated where all was looked at."""
    assert upper_share(0, 3000) == pytest.approx(0.000998, abs=1e-6)
    assert upper_share(1, 100) == pytest.approx(0.04656, abs=1e-4)
    assert upper_share(10, 100) == pytest.approx(0.16373, abs=1e-4)
    assert upper_share(7, 7) == 1.0
    assert upper_share(0, enough_rows(5)) <= 0.005 < upper_share(0, enough_rows(5) - 1)
    whole = Residual.none_of(2) + Residual.of_row(0) + Residual.of_row(3)
    assert whole == Residual(2, 1, 2, 3, 2)
    assert (whole.rows_per_thousand, whole.per_thousand) == (500.0, 1500.0)
    part = Residual.none_of(1000) + whole
    assert part.rows_per_thousand == pytest.approx(974.7, abs=0.1)
    assert part.per_thousand == pytest.approx(3 * 974.7, abs=0.3)
    assert Residual().per_thousand is None


@pytest.mark.parametrize("leaking", [0.002, 0.01, 0.05])
def test_the_bound_covers_what_was_planted(leaking: float) -> None:
    """Of 600 samples of rows that leak at a known rate, the bound is below that rate in one of twenty at most."""
    found = np.random.default_rng(5).binomial(400, leaking, 600).tolist()
    bound = {count: Residual(400, count, of=10_000).rows_per_thousand or 0 for count in set(found)}

    assert (
        sum(bound[count] < 1000 * leaking for count in found) <= 600 * 0.05 + 3 * (600 * 0.05 * 0.95) ** 0.5
    )


def test_a_planted_leak_rate_is_bounded() -> None:
    """The slow look over drawn rows of a real column covers the rate, whichever rows the secret draws."""
    rows = [
        "seen by Dr. Huang, then home" if number % 25 == 0 else "slept well, no complaint"
        for number in range(2000)
    ]
    table = _table(rows)
    covered = [
        (Verifier(Expected.of(_PROFILE), bytes([number]) * 32, sample=150).verify(table, table)).residual
        for number in range(20)
    ]

    assert {one.rows for one in covered} == {150}
    assert len({one.leaking for one in covered}) > 1
    assert sum((one.per_thousand or 0) < 40 for one in covered) <= 3


def test_the_sample_is_the_seeds() -> None:
    """The same seed and secret draw the same rows, others draw others; the slow look is asked and its finds limit the batch."""
    asked: list[bytes] = []

    def slow(_before: bytes, after: bytes) -> int:
        asked.append(after)
        return 1

    rows = [f"row {chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(500)]
    expected = Expected.of(_PROFILE, band=Band(leaked=500.0))

    def drawn(seed: bytes, secret: bytes = _SECRET) -> list[bytes]:
        asked.clear()
        report = Verifier(expected, secret, seed, sample=5, slow=slow).verify(_table(rows), _table(rows))
        assert report.reasons == ("residual",)
        assert report.residual == Residual(5, 5, of=500)
        return list(asked)

    assert drawn(b"one") == drawn(b"one") != drawn(b"two")
    assert drawn(b"one") != drawn(b"one", bytes(32))


def test_a_limit_of_the_profile_chooses_the_sample() -> None:
    """As many rows are looked at as the limit needs, all of a small batch; what is found counts against it."""
    limited = load_profile("version: 1\nname: x\nextends: pii-basic\nresidual: 10\n", source="x")

    def report(rows: list[str]) -> Report:
        return Verifier(Expected.of(limited), _SECRET).verify(_table(rows), _table(rows))

    quiet = report(["slept well, no complaint"] * 5000)
    assert quiet.passed
    assert quiet.residual.rows == enough_rows(10) < 5000
    assert report(["slept well, no complaint"] * 50).residual == Residual(50, 0, of=50)
    loud = ["slept well, Margaret said"] * 5 + ["slept well, no complaint"] * 95
    assert report(loud).reasons == ("residual",)


@pytest.mark.parametrize(
    "left",
    [
        "write to roe at example dot org",
        "visit example.org for it",
        "pin 5\u200b5\u200b5\u200b0199 he said",
        "call 555 . 0199",
        "it was &#53;550199",
        "it was %35550199 he said",
        "on May 20th in the morning",
        "member no X-12B3",
        "lives at 12 oak hill road",
        "she is 93 years old",
        "and then Margaret Roe came",
    ],
)
def test_the_slow_look_finds_more(left: str) -> None:
    """Readings and spellings that the fast look has no time for."""
    assert SlowLook(Expected.of(_PROFILE))(b"", left.encode())


@pytest.mark.parametrize(
    "left",
    [
        "CPT 99213 for $12345.50, 132/78, 97 % on 2 l",
        "Parkinson's disease, stage IV <name:x> came",
        "a 41-year-old",
    ],
)
def test_the_slow_look_lets_medicine_be(left: str) -> None:
    """Codes, amounts, measures, ages under 90 and names of diseases are no leaks."""
    assert not SlowLook(Expected.of(_PROFILE))(b"", left.encode())


def test_reports_hold_no_value() -> None:
    """Neither a report nor the verifier shows what was in the batch, or the secret."""
    made = _made(_ROWS, lambda _batch, spans: spans.take(spans.kind != CODES[Kind.EMAIL]))
    report = _report(_table(_ROWS), _table(made.rows), made.claim)
    shown = repr(report) + repr(made.claim) + repr(Verifier(Expected.of(_PROFILE), _SECRET))

    assert "okafor" not in shown.lower()
    assert "secret of one" not in shown
