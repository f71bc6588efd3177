"""Names that name no person: `Parkinson disease`, `Babinski sign`, `Glasgow Coma Scale`."""

from .lexicon import Word
from .words import Mask, Words, after, before

_RUN: int = 3


def eponyms(w: Words) -> Mask:
    """Words that are a name only inside the name of a disease, a sign, a scale or a device."""
    kept = _before_a_tail(w) | _possessive_eponym(w)
    for _ in range(_RUN):
        kept |= w.title_case & after(w.hyphen) & after(kept)  # Epstein-Barr virus
    eponym = w.has(Word.EPONYM)
    return kept | w.title_case & eponym & after(w.space) & after(kept)


def _before_a_tail(w: Words) -> Mask:
    """`Bell palsy`, `Bell's palsy`, `Graves' disease`, `Glasgow Coma Scale`; a usual first name only if diagnoses know it."""
    tail = w.has(Word.EPONYM_TAIL)
    eponym = w.has(Word.EPONYM)
    possessive = after(w.apostrophe) & after(w.has(Word.POSSESSIVE)) & after(w.space, 2)
    direct = (after(w.space) | after(w.hyphen) | after(w.plural_apostrophe)) & after(tail)
    over_a_word = (
        after(w.space) & after(w.space, 2) & after(w.explained | w.name) & after(w.has(Word.SCALE), 2)
    )
    finding = after(w.space) & after(w.has(Word.FINDING)) & eponym & ~w.frequent
    after_a_name = w.space & before(w.title_case & w.name & ~w.has(Word.COMMON))
    could_be = w.title_case & (eponym | ~w.has(Word.USUAL_FIRST)) & ~after_a_name
    return could_be & (direct | possessive & after(tail, 2) | over_a_word | finding)


def _possessive_eponym(w: Words) -> Mask:
    """`Alzheimer's`, `Parkinson's`: known from diagnoses, and no first name."""
    owned = after(w.apostrophe) & after(w.has(Word.POSSESSIVE)) | after(w.plural_apostrophe)
    return w.title_case & w.has(Word.EPONYM) & ~w.has(Word.FIRST) & owned
