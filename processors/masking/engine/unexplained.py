"""The closed world itself: a word that no vocabulary explains is a name, and so is a listed name where it is no ordinary word."""

from typing import Final

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .hashing import phrase_hashes
from .lexicon import Word
from .word_rule import Standing, WordRule, rule
from .words import Mask, Words, after, before

_SHORT: Final = 4
_LONG: Final = 6
_TOO_LONG_FOR_A_CODE: Final = 7


@rule()
def listed_name(w: Words, found: Standing) -> Mask:
    """A listed name with a capital that is no ordinary word."""
    return w.title_case & found.strong


@rule()
def unknown_word(w: Words, found: Standing) -> Mask:
    """A word with a capital that is in no list is a name until shown otherwise."""
    return w.title_case & found.unknown


@rule()
def other_script(w: Words, _: Standing) -> Mask:
    """Nothing here reads a script without capitals, so its words are names."""
    return w.uncased


@rule(Kind.PLACE)
def listed_place(w: Words, found: Standing) -> Mask:
    """A listed city, county, state or country with a capital that is no ordinary word."""
    return w.title_case & found.place


@rule()
def name_in_capitals(w: Words, found: Standing) -> Mask:
    """A listed name in capitals, frequent or too long for an abbreviation."""
    clear = found.strong & ~w.has(Word.CLINICAL) & (w.lengths >= _SHORT)
    return w.all_capitals & clear & (w.frequent | (w.lengths >= _LONG))


@rule()
def unknown_in_capitals(w: Words, found: Standing) -> Mask:
    """A word in capitals that is in no list and too long for an abbreviation."""
    return w.all_capitals & found.unknown & (w.lengths >= _TOO_LONG_FOR_A_CODE)


@rule(Kind.PLACE, needs=Word.PLACE)
def place_in_capitals(w: Words, found: Standing) -> Mask:
    """A listed place in capitals that is no ordinary word and too long for an abbreviation."""
    return w.all_capitals & found.place & w.has(Word.PLACE) & (w.lengths > _SHORT)


@rule()
def ordinary_word_as_name(w: Words, found: Standing) -> Mask:
    """A frequent name that is a word too, with a capital inside a sentence."""
    return w.title_case & found.ambiguous & ~w.sentence_start & w.frequent


@rule(needs=Word.MOSTLY_FIRST)
def mostly_a_first_name(w: Words, found: Standing) -> Mask:
    """A first name that is a word too, but a rare one, wherever it has a capital."""
    return w.title_case & w.has(Word.MOSTLY_FIRST) & ~w.has(Word.MONTH) & ~found.kept


@rule(Kind.PLACE, needs=Word.STATE)
def country(w: Words, found: Standing) -> Mask:
    """A state or country that is a word too (`Turkey`), with a capital inside a sentence, before a postal code, or alone in its line."""
    ordinary = w.has(Word.VERY_COMMON, Word.CLINICAL)
    code = after(w.space) & after(w.number & (w.lengths >= _SHORT))
    alone = ~w.same_line & ~after(w.same_line)
    return w.title_case & w.has(Word.STATE) & ~ordinary & ~found.kept & (~w.sentence_start | code | alone)


@rule(caseless=True)
def caseless_name(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a listed name that is no ordinary word, frequent or of four letters."""
    return w.caseless & found.strong & ~w.has(Word.CLINICAL) & (w.frequent | (w.lengths >= _SHORT))


@rule(caseless=True)
def caseless_unknown(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a word of four letters or more that is in no list."""
    return w.caseless & found.unknown & (w.lengths >= _SHORT)


@rule(Kind.PLACE, caseless=True)
def caseless_place(w: Words, found: Standing) -> Mask:
    """Where case tells nothing: a listed place of four letters or more that is no ordinary word."""
    long = (w.lengths >= _SHORT) | w.has(Word.STATE) & (w.lengths > 2)  # noqa: PLR2004 (nyc, but not uk)
    return w.caseless & found.place & ~w.has(Word.CLINICAL) & long


@rule(Kind.PLACE)
def ordinary_word_as_place(w: Words, found: Standing) -> Mask:
    """A place that is a word too, with a capital behind `in`, `at`, `from` ..., or before the code of a state."""
    ordinary = w.has(Word.VERY_COMMON, Word.CLINICAL)
    listed = w.has(Word.PLACE, Word.STATE) & w.title_case & ~ordinary & ~found.kept
    state = after(w.comma) & after(w.has(Word.STATE_CODE) & w.all_capitals)
    return listed & (w.space & before(w.has(Word.WHERE)) | state)


@rule(Kind.PLACE)
def place_of_words(w: Words, _: Standing) -> Mask:
    """A listed place of two to four words, the first and the last with a capital (or where case tells nothing)."""
    joined = w.space | w.hyphen | w.apostrophe | w.dot
    written = w.cased | w.caseless
    found = np.zeros(len(w), bool)
    for length, table in w.lexicon.phrases.items():
        run = written.copy()
        for step in range(1, length):
            run &= after(joined, step)
        run &= after(written, length - 1)
        starts = np.flatnonzero(run)
        if len(starts):
            hashes = phrase_hashes([w.hashes[starts + step] for step in range(length)])
            starts = starts[table.classes(hashes) != 0]
            for step in range(length):
                found[starts + step] = True
    return found


UNEXPLAINED: Final[tuple[WordRule, ...]] = (
    listed_name,
    unknown_word,
    other_script,
    listed_place,
    name_in_capitals,
    unknown_in_capitals,
    place_in_capitals,
    ordinary_word_as_name,
    mostly_a_first_name,
    country,
    caseless_name,
    caseless_unknown,
    caseless_place,
    ordinary_word_as_place,
    place_of_words,
)
