"""What holds of the masking engine for any text: hostile characters, any rows, both scanners."""

import re
from typing import Final

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine, replaced
from sluicegate.processors.masking.engine.scan import HyperscanScanner, Re2Scanner
from sluicegate.processors.masking.engine.surrogates import FORM, Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatments
from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN

_FAST, _PORTABLE = HyperscanScanner.of(), Re2Scanner.of()
_ENGINE = Engine.of(_FAST)
_SECRET = b"a secret of one export, 32 bytes"
_TREATMENTS = Treatments.of(BUILT_IN["hipaa-safe-harbor"])

# Pieces of what rules look for, so that draws come close to identifiers, overlap, and break off.
_WRITTEN: Final = """MRN|mrn:|Patient|id|#|number|no.|SSN|078-05-1120|555|-|0104|(555)|+1|.|,|:| |  |\n|@|jo|example|.org|.com|://|www.|http
    |12|3|/|2021|'23|March|mar|the|14th|of|Monday|T10:22|90|years|old|y/o|born|DOB|aged|OH|44101|12 Oak Hill Road|St|Street|Apt|Rue|de|la
    |weg 5|P.O. Box|4111|1111|DE89|3704|0044|A12|-123456|PJN123456H|1HGCM82633A004352|(01)00844588003288|::|fe80|:a1|x12|ext|fax|call
    |IMG_1.jpg|CPT|99213|$|%|mg|<name>|<record:|>|\x1e|\x1f|\0|é|\u0131|中|\u200b|\u2019|\u2011|\uff11\uff12|\U0001d7d9|O'|Ågren|account|license|user|template|FP-"""
_PIECES = st.sampled_from(_WRITTEN.split("|"))
_TEXT = st.lists(_PIECES, max_size=14).map("".join) | st.text(max_size=30)
_ROWS = st.lists(_TEXT, max_size=4)
_DISTINCT = st.sampled_from(("078-05-1120", "212-09-0001", "jo@example.org", "a.b@mail.example.com"))
_TELLING: Final = re.compile(
    rb"(?<!\w)(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[A-Za-z0-9.]+@[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)+)(?!\w)"
)


def _replacing() -> tuple[Replacing, Surrogates]:
    surrogates = Surrogates(_SECRET)
    return Replacing(_TREATMENTS, surrogates), surrogates


def _mask(rows: list[str]) -> list[str]:
    replacing, surrogates = _replacing()
    masked = _ENGINE.masked(TextBatch.of_texts(rows), replacing, surrogates)
    return [row.decode() for row in masked.rows]


@settings(max_examples=150, deadline=None)
@given(_ROWS)
@example(["record number id 5", "12-3456-78-90-12", "a@@b.c", "1:2:3:4::5::6", "1-2-34/5/67.8.90"])
def test_both_scanners_find_the_same(rows: list[str]) -> None:
    """Hyperscan and RE2 report the same outermost matches of every rule."""
    text = TextBatch.of_texts(rows).text

    for one, other in zip(_FAST.matches(text), _PORTABLE.matches(text), strict=True):
        assert np.array_equal(one, other)


@settings(max_examples=100, deadline=None)
@given(_ROWS)
def test_rows_keep_their_number_and_order(rows: list[str]) -> None:
    """Each row masked with others is what it is alone."""
    assert _mask(rows) == [masked for row in rows for masked in _mask([row])]


@settings(max_examples=100, deadline=None)
@given(_ROWS)
@example(["born(01)00844588003288O'\uff11\uff12"])
def test_masking_what_is_masked_changes_nothing(rows: list[str]) -> None:
    """Replacements hold nothing that a rule finds, and what is left was looked at."""
    once = _mask(rows)

    assert _mask(once) == once


@settings(max_examples=100, deadline=None)
@given(_ROWS, st.lists(_DISTINCT, min_size=1, max_size=3))
@example(["a 078-05-1120-", "078-05-1120"], ["078-05-1120"])
def test_no_row_shows_a_value_that_another_had_masked(rows: list[str], values: list[str]) -> None:
    """A masked value whose shape alone tells what it is (an address of e-mail, a Social Security number) is nowhere in what leaves."""
    batch = TextBatch.of_texts([f"{one} {value}" for one in [*rows, ""] for value in values])
    spans = _ENGINE.spans(batch)
    masked = {
        batch.text[start:end] for start, end in zip(spans.start.tolist(), spans.end.tolist(), strict=True)
    }
    replacing, surrogates = _replacing()

    shown = TextBatch.of(list(_ENGINE.masked(batch, replacing, surrogates).rows)).text

    literals = {found[0] for one in masked for found in _TELLING.finditer(one)}
    assert literals >= {value.encode() for value in values}
    for literal in literals:
        assert re.search(rb"(?<!\w)" + re.escape(literal) + rb"(?!\w)", shown) is None


@settings(max_examples=100, deadline=None)
@given(_ROWS)
def test_spans_are_whole_characters_inside_one_row(rows: list[str]) -> None:
    """Every span begins and ends between characters and crosses no row, in the text that is searched and in the original."""
    batch = TextBatch.of_texts(rows)
    spans = _ENGINE.spans(batch)

    starts, ends = batch.to_original(spans.start), batch.to_original(spans.end)
    assert (batch.rows_of(spans.start) == batch.rows_of(np.maximum(spans.end - 1, 0))).all()
    assert (spans.start[1:] >= spans.end[:-1]).all()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        batch.original[start:end].decode()


@settings(max_examples=80, deadline=None)
@given(_ROWS)
def test_what_is_not_replaced_keeps_its_bytes(rows: list[str]) -> None:
    """Between replacements stands exactly what stood there."""
    batch = TextBatch.of_texts(rows)
    spans = _ENGINE.spans(batch)
    masked = replaced(batch, spans, _replacing()[0])

    starts, ends = batch.to_original(spans.start).tolist(), batch.to_original(spans.end).tolist()
    kept = [
        batch.original[end:start]
        for end, start in zip([0, *ends], [*starts, len(batch.original)], strict=True)
    ]
    pattern = b"(?:[0-9]{4}|<[a-z0-9:+-]+>)".join(map(re.escape, kept))
    assert re.fullmatch(pattern, masked.rows.joined, re.DOTALL)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.sampled_from(Kind))
def test_the_same_secret_gives_the_same_surrogate(value: str, kind: Kind) -> None:
    """A surrogate depends on secret, kind and value alone; it proves its maker to nobody else."""
    first, second, other = Surrogates(_SECRET), Surrogates(_SECRET), Surrogates(b"another secret")
    made = first.surrogate(kind, value.encode())
    form = FORM.fullmatch(made)

    assert form is not None
    assert second.surrogate(kind, value.encode()) == made
    assert other.surrogate(kind, value.encode()) != made
    assert second.is_own(form)
    assert not other.is_own(form)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=20), st.sampled_from(Kind))
def test_no_rule_matches_a_surrogate(value: bytes, kind: Kind) -> None:
    """Even an engine without the secret finds nothing in a surrogate that stands in a sentence."""
    row = b"seen " + Surrogates(_SECRET).surrogate(kind, value) + b" today"

    assert len(_ENGINE.spans(TextBatch.of([row]))) == 0
