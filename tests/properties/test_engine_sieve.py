"""For any identifiers and any text: what the sieve lets through is all that would be found without it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.known_values import KnownValues
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.identifiers import Kind

_WORDS = st.sampled_from(
    [
        "ann",
        "Li",
        "o",
        "okafor",
        "maynard46",
        "Lindqvist",
        "jane",
        "josé",
        "張偉",
        "4711",
        "44821",
        "617",
        "0143",
        "x\x1ey",
        "née",
    ]
)
_SIGN = st.sampled_from([" ", "-", "'", "", ".", "@", "_", ", "])
_VALUE = st.lists(st.tuples(_WORDS, _SIGN), min_size=1, max_size=7).map(
    lambda parts: "".join(word + sign for word, sign in parts)
)
_DAY = st.dates().map(str) | st.sampled_from(
    ["1984-03-14", "2001-01-01T00:00", "0999-12-31", "1984-13-14", "1984-03-77"]
)
_COLUMN = st.tuples(st.sampled_from(Kind), st.lists(_VALUE | _DAY, max_size=4))
_TEXT = st.one_of(
    _VALUE,
    st.sampled_from(
        ["March 14th, 1984", "14 of mar 1984", "3/14/1984", "19840314", "born 31.12.0999", "1 january 2001"]
    ),
    st.text(max_size=9),
)


def _spans(known: KnownValues, text: str) -> list[tuple[int, int, int]]:
    found = known(TextBatch.of([text.encode(errors="replace")]), SpanTable.empty()).merged()
    return [(span.start, span.end, 0) for span in found]


@given(
    st.lists(_COLUMN, max_size=4),
    st.lists(_TEXT, max_size=6),
    st.lists(st.integers(0, 2), min_size=16, max_size=16),
)
@settings(max_examples=200, deadline=None)
def test_the_sieve_holds_nothing_back(
    columns: list[tuple[Kind, list[str]]], texts: list[str], owners: list[int]
) -> None:
    """Whole values, their words in other orders, names of one person, dates however written."""
    plain, sieved = KnownValues(), KnownValues()
    names: list[str] = []
    for kind, values in columns:
        for value in values:
            plain.add(kind, value)
        sieved.add_column(kind, values)
        names += values if kind is Kind.NAME else []
    for person in set(owners):
        plain.add_names([name for name, owner in zip(names, owners, strict=False) if owner == person])
    sieved.add_people(names, np.array(owners[: len(names)], np.int64))

    for text in (" | ".join(texts), "x".join(texts), *texts):
        assert _spans(sieved, text) == _spans(plain, text)
