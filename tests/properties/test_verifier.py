"""What holds of the verifier for any text: sound masking is never said to have changed anything, and any change is told."""

import re
from typing import Final

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.kinds import KINDS
from sluicegate.processors.masking.engine.scan import Re2Scanner
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatment, Treatments
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.verifier import Claim, Expected, Report, Verifier
from sluicegate.processors.masking.verifier.residual import upper_share

_ENGINE: Final = Engine.of(Re2Scanner.of())
_SECRET: Final = b"a secret of one export, 32 bytes"
_EVERY: Final = Treatments(dict.fromkeys(KINDS, Treatment.SURROGATE))
_HARBOR: Final = BUILT_IN["hipaa-safe-harbor"]
_STRUCTURE: Final = {"rows", "schema", "nulls", "kept-changed", "untouched-changed", "utf-8", "failed"}

_WRITTEN: Final = """MRN: 48213377|SSN 078-05-1120|jo@example.org|on 03/14/2021|March 3, 2022|(555) 010-4477|10.20.30.40|https://a.example.org/7
    |Lives at 12 Oak Hill Road|, OH 44101|aged 93|and|the|.|,| |é|中|\u200b|\u2019|\uff11\uff12|<name>|<record:|>|\x1e|\x1f|2021|Okafor"""
_ROW = st.lists(st.sampled_from(_WRITTEN.split("|")), max_size=8).map(" ".join) | st.text(max_size=20)
_ROWS = st.lists(_ROW, min_size=1, max_size=5)


def _masked(rows: list[str], treatments: Treatments) -> tuple[list[str], Claim]:
    batch, surrogates = TextBatch.of_texts(rows), Surrogates(_SECRET)
    masked = _ENGINE.masked(batch, Replacing(treatments, surrogates), surrogates)
    starts, ends = batch.to_original(masked.spans.start), batch.to_original(masked.spans.end)
    return [row.decode() for row in masked.rows], Claim.of_places(starts, ends, batch.original_offsets)


def _report(rows: list[str], masked: list[str], claim: Claim | None) -> Report:
    before, after = (pa.record_batch({"note": pa.array(one, pa.string())}) for one in (rows, masked))
    return Verifier(Expected.of(_HARBOR), _SECRET).verify(
        before, after, {} if claim is None else {"note": claim}
    )


@settings(max_examples=120, deadline=None)
@given(_ROWS, st.sampled_from([_EVERY, Treatments.of(_HARBOR)]))
def test_sound_masking_changes_nothing_else(rows: list[str], treatments: Treatments) -> None:
    """Whatever the text, what the engine kept is found to be the same bytes, and the look itself does not fail."""
    masked, claim = _masked(rows, treatments)

    assert not _STRUCTURE & set(_report(rows, masked, claim).reasons)


@settings(max_examples=120, deadline=None)
@given(_ROWS, st.data())
def test_any_other_byte_is_told(rows: list[str], data: st.DataObject) -> None:
    """One character that is another, one more, or one less in what leaves, and it does not leave."""
    masked, claim = _masked(rows, _EVERY)
    number = data.draw(st.integers(0, len(rows) - 1))
    row = masked[number]
    at = data.draw(st.integers(0, len(row)))
    new = data.draw(st.sampled_from(["", "x", "7", "é", "<", ">"]))
    changed = row[:at] + new + row[at + 1 :]
    if changed == row:
        return
    masked[number] = changed

    assert not _report(rows, masked, claim).passed


@settings(max_examples=60, deadline=None)
@given(st.integers(10**6, 10**11), st.sampled_from([" ", "-", ".", "/", ""]), st.integers(1, 4))
def test_a_masked_number_is_found_in_any_spelling(number: int, joiner: str, size: int) -> None:
    """A number that was masked stands elsewhere with other signs between its digits: up to five groups."""
    digits = str(number)[: 5 * size]
    spelt = joiner.join(re.findall(f".{{1,{size}}}", digits))
    rows = [f"MRN: {digits} was opened", f"again {spelt} as above"]
    claim = Claim.of([0], [5], [5 + len(digits)])
    masked = ["MRN: <record> was opened", rows[1]]

    assert len(digits) < 5 or "known-value" in _report(rows, masked, claim).reasons


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(1, 200))
def test_the_bound_is_above_what_was_found(found: int, more: int) -> None:
    """More found, a higher bound; more rows, a lower one; always more than the share that was found."""
    rows = found + more
    assert found / rows < upper_share(found, rows) <= upper_share(min(found + 1, rows), rows)
    assert upper_share(found, rows + 1) < upper_share(found, rows)
