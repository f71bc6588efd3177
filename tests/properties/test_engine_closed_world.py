"""What holds of all stages with the vocabulary, for any text of names, places, titles and ordinary words."""

from functools import cache
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatments
from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.streams.masking_engine import load_engine

# Words that rules of the closed world ask about, so that draws widen, join and break off.
_WRITTEN: Final = """Jane|jane|JANE|Roe|Xqulle|xqulle|Grace|Will|Brown|White|van|de la|O'|St.|Dr. |Mr. |named |patient |J. |, |. | |  |-|'s|\n|: |^
    |Springfield|OH|Ohio|New|North|Lake|Mercy|Hospital|Clinic|of |at |in |the |and |& |General|12 |Main Street|44101|Jr|MD|May|Monday|Parkinson
    |disease|metformin|CT|MRI|XQMC|Kaiser|Permanente|hypertension|was seen|denies pain|"|(|)|張偉|Иван|é|<name>|<place>|MRN 448217|3/14/2021|93 years old|\x1e|\u200b"""
_TEXT = st.lists(
    st.sampled_from([piece.strip("\n ") or piece for piece in _WRITTEN.split("|")] + [" "] * 20), max_size=16
).map("".join)


@cache
def _engine() -> Engine:
    return load_engine()


def _masked(rows: list[str]) -> list[str]:
    surrogates = Surrogates(b"a secret of one export, 32 bytes")
    replacing = Replacing(Treatments.of(BUILT_IN["hipaa-safe-harbor"]), surrogates)
    return [row.decode() for row in _engine().masked(TextBatch.of_texts(rows), replacing, surrogates).rows]


@settings(max_examples=150, deadline=None)
@given(_TEXT)
def test_masking_twice_finds_nothing_new_where_capitals_tell(text: str) -> None:
    """A second look changes nothing; what a row keeps shows that who wrote it knew capitals (in small letters alone more is a name)."""
    (once,) = _masked([f"{text}\nThe Pressure Was Normal."])

    assert _masked([once]) == [once]


@settings(max_examples=80, deadline=None)
@given(st.lists(_TEXT, min_size=2, max_size=4))
@example(["", "Main Street"])
def test_a_row_is_masked_alike_among_others(rows: list[str]) -> None:
    """Order and number of rows are kept, and neighbours tell nothing about each other."""
    assert _masked(rows) == [masked for row in rows for masked in _masked([row])]
