"""For any text: tokens, offsets and hashes."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.closed_world import closed_world
from sluicegate.processors.masking.engine.folding import fold_word
from sluicegate.processors.masking.engine.hashing import token_hashes, word_hashes
from sluicegate.processors.masking.engine.lexicon import PHRASE_LENGTHS, HashTable, Lexicon
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.engine.tokens import Tokens
from sluicegate.processors.masking.engine.words import Words

_TEXT = st.text(
    st.one_of(
        st.sampled_from("AaBbé Zz09-'.,\n \u2019“\u200bИ张\u0301\U0001d409\x1e"),
        st.characters(exclude_categories=["Cs"]),
    )
)
_ROWS = st.lists(_TEXT, max_size=5)
_NOTHING = HashTable.of(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
_EMPTY = Lexicon(_NOTHING, dict.fromkeys(PHRASE_LENGTHS, _NOTHING), b"")


@given(_ROWS)
@settings(max_examples=150, deadline=None)
def test_tokens_are_the_words(rows: list[str]) -> None:
    """Tokens are exactly the runs of letters, digits and bytes beyond ASCII, in order, and never cross a row."""
    batch = TextBatch.of_texts(rows)
    tokens = Tokens.of(batch)
    expected = [match.span() for match in re.finditer(rb"[A-Za-z0-9\x80-\xff]+", batch.text)]
    assert list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)) == expected
    assert (batch.rows_of(tokens.starts) == batch.rows_of(tokens.ends)).all()


@given(_ROWS)
@settings(max_examples=150, deadline=None)
def test_rows_come_back(rows: list[str]) -> None:
    """A folded row ends where its original does, and holds what is to be seen of each character."""
    batch = TextBatch.of_texts(rows)
    assert batch.to_original(batch.offsets[1:] - 1).tolist() == (batch.original_offsets[1:] - 1).tolist()
    assert [fold_word(row.replace("\x1e", " ")).encode() for row in rows] == [
        batch.text[start : end - 1] for start, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
    ]


@given(st.lists(st.text("abCDé7", min_size=1, max_size=70), min_size=1, max_size=8), st.integers(0, 70_000))
@settings(max_examples=60, deadline=None)
def test_hash_of_a_word_is_the_hash_in_text(words: list[str], shift: int) -> None:
    """A word has one hash: alone or in text, wherever it stands, small or in capitals."""
    batch = TextBatch.of_texts(["." * shift + " ".join(words), " ".join(words).upper()])
    tokens = Tokens.of(batch)
    hashes = token_hashes(tokens.codes, tokens.starts, tokens.ends)
    alone = word_hashes(words)
    assert np.array_equal(hashes, np.concatenate([alone, alone]))


@given(st.lists(st.text("aZyB70é\u5f20", min_size=1, max_size=200), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_letters_of_a_word(drawn: list[str]) -> None:
    """What a word holds is asked eight bytes at a time, and is what each of its bytes says, however long it is."""
    batch = TextBatch.of_texts([" ".join(drawn)])
    tokens = Tokens.of(batch)
    words = Words(batch, tokens, _EMPTY, np.zeros(len(tokens), bool))
    alone = [batch.text[a:b] for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]
    for asked, pattern in (
        (~words.letters, rb"[0-9]"),
        (~words.number, rb"[^0-9]"),
        (words.small, rb"[a-z\x80-\xff]"),
        (words.with_vowel(np.arange(len(tokens))), rb"(?i)[aeiouy\x80-\xff]"),
    ):
        assert asked.tolist() == [re.search(pattern, word) is not None for word in alone]


@given(_ROWS)
@settings(max_examples=100, deadline=None)
def test_spans_stay_in_rows_and_code_points(rows: list[str]) -> None:
    """Spans of the closed world are whole words of one row, so no code point is split, here or in the original."""
    batch = TextBatch.of_texts(rows)
    tokens = Tokens.of(batch)
    spans = closed_world(batch, _EMPTY, SpanTable.empty())
    assert set(spans.start.tolist()) <= set(tokens.starts.tolist())
    assert set(spans.end.tolist()) <= set(tokens.ends.tolist())
    assert (batch.rows_of(spans.start) == batch.rows_of(spans.end)).all()
    for start, end in zip(batch.to_original(spans.start), batch.to_original(spans.end), strict=True):
        assert batch.original[start:end].decode() is not None


@given(st.dictionaries(st.integers(1 << 16, (1 << 64) - 1), st.integers(1, 1 << 40), max_size=200))
@settings(max_examples=60, deadline=None)
def test_hash_table_is_a_dictionary(content: dict[int, int]) -> None:
    """Every listed word has its classes, every other word none."""
    by_prefix = {key >> 16: (key, value) for key, value in content.items()}
    keys = [key for key, _ in by_prefix.values()]
    table = HashTable.of(
        np.array(keys, np.uint64), np.array([value for _, value in by_prefix.values()], np.uint64)
    )
    assert table.classes(np.array(keys, np.uint64)).tolist() == [value for _, value in by_prefix.values()]
    others = [key ^ (1 << 40) for key in keys if (key ^ (1 << 40)) >> 16 not in by_prefix]
    assert not table.classes(np.array(others, np.uint64)).any()
