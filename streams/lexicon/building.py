"""From lists of words to classes of words: what the sources say together about each."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sluicegate.processors.masking.engine.folding import fold_word
from sluicegate.processors.masking.engine.hashing import phrase_hashes, word_hashes
from sluicegate.processors.masking.engine.lexicon import PHRASE_LENGTHS, HashTable, Lexicon, Word

from . import sources
from .vocabulary import STATES_BY_SHORT_NAME, VOCABULARY

BUILDER_VERSION: Final = 3
"""Part of the cache's key: raise it when the same packages give other classes."""

# Frequencies are logarithms of occurrences in 10**12 words, as of Google Books (`sources.frequencies`).
_A_WORD_ALTHOUGH_A_NAME: Final = 4.0
_A_WORD: Final = 2.0
_VERY_COMMON: Final = 4.9
_COMMON_SURNAMES: Final = 300
_FREQUENT_SURNAMES: Final = 3000
_FREQUENT_FIRST: Final = 0.004
_USUAL_FIRST: Final = 0.002
_OF_ONE_PERCENT: Final = 4.46
"""How frequent a first name is that one per cent of women or of men bear: the median over those that are no words."""
_EXPLAINED_BY_BEARERS: Final = 0.45
_MOSTLY_BY_BEARERS: Final = 0.75
_BORNE: Final = 0.02
_CITY_OF_ONE_WORD: Final = 15_000
_LESS_ABROAD: Final = 10
_SHORTEST_STEM: Final = 3
_CLINICAL_DESPITE_NAME: Final = 2


@dataclass(slots=True)
class Draft:
    """Classes by word and by phrase (words with a space between)."""

    words: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    phrases: dict[str, int] = field(default_factory=dict)

    def add(self, words: Iterable[str], classes: Word) -> None:
        """Each of the words is also that."""
        bits = int(classes)
        for word in words:
            self.words[fold_word(word)] |= bits

    def add_name(self, name: str, classes: Word) -> Iterator[str]:
        """A name of one word, or of two to four; gives back the single words."""
        parts = sources.words_of(name)
        if len(parts) == 1:
            self.words[parts[0]] |= int(classes)
            yield parts[0]
        elif len(parts) in PHRASE_LENGTHS:
            phrase = " ".join(parts)
            self.phrases[phrase] = self.phrases.get(phrase, 0) | int(classes)


def build() -> Lexicon:
    """Read every source and compile; takes seconds."""
    return compiled(draft())


def draft() -> Draft:
    """What the sources say together, and our own words on top."""
    made = Draft()
    last, first = sources.surnames(), sources.first_names()
    foreign_first, foreign_last = sources.foreign_names()
    frequency = sources.frequencies()
    names = last.keys() | first.keys() | foreign_first | foreign_last
    places = _add_places(made)
    common = _common_words(sources.dictionary(), frequency, names, last, first)
    common |= _add_clinical(made, common, names, places)
    common -= _explained_by_bearers(first, frequency, _EXPLAINED_BY_BEARERS)
    made.add(_explained_by_bearers(first, frequency, _MOSTLY_BY_BEARERS), Word.MOSTLY_FIRST)
    made.add(common, Word.COMMON)
    made.add((w for w in frequency if w not in names and w not in places), Word.KNOWN)
    made.add((w for w in common if frequency.get(w, 0) >= _VERY_COMMON), Word.VERY_COMMON)
    made.add(last, Word.LAST)
    made.add(first, Word.FIRST)
    made.add((word for word, rank in last.items() if rank <= _FREQUENT_SURNAMES), Word.FREQUENT_LAST)
    made.add((word for word, share in first.items() if share >= _FREQUENT_FIRST), Word.FREQUENT_FIRST)
    made.add((word for word, share in first.items() if share >= _USUAL_FIRST), Word.USUAL_FIRST)
    made.add(foreign_first, Word.FIRST | Word.FOREIGN_NAME)
    made.add(foreign_last, Word.LAST | Word.FOREIGN_NAME)
    for words, classes in VOCABULARY:
        made.add(words.split(), classes)
    return made


def _common_words(
    dictionary: set[str],
    frequency: dict[str, float],
    names: set[str],
    last: dict[str, int],
    first: dict[str, float],
) -> set[str]:
    """Words that are written small: those of the dictionary that are in use, and their inflections.

    A name is one only if it is frequent as a word too.
    """
    common: set[str] = set()
    for word in dictionary:
        seen = frequency.get(word, 0)
        if seen >= (_A_WORD_ALTHOUGH_A_NAME if word in names else _A_WORD) or (
            word not in names and word in frequency
        ):
            common.add(word)
    inflected: set[str] = set()
    for word in common:
        for form in _inflections(word):
            seen = frequency.get(form, 0)
            if form not in names:
                if form in frequency:
                    inflected.add(form)
            elif (
                seen >= _A_WORD_ALTHOUGH_A_NAME
                and form not in first
                and last.get(form, _COMMON_SURNAMES + 1) > _COMMON_SURNAMES
            ):
                inflected.add(form)
    return common | inflected


def _explained_by_bearers(first: dict[str, float], frequency: dict[str, float], slack: float) -> set[str]:
    """First names that are seen hardly more often than names of so many people are: the dictionary's word is a rare one."""
    return {
        name
        for name, share in first.items()
        if share >= _BORNE and frequency.get(name, 0) <= _OF_ONE_PERCENT + math.log10(share) + slack
    }


def _inflections(word: str) -> Iterator[str]:
    if len(word) < _SHORTEST_STEM:
        return
    for ending in ("s", "ed", "ing", "ly", "er", "ers", "es"):
        yield word + ending
    if word[-1] == "e":
        for ending in ("ed", "ing", "er", "ers", "ation", "able"):
            yield word[:-1] + ending
    if word[-1] == "y":
        for ending in ("ies", "ied", "ily", "ier"):
            yield word[:-1] + ending
    if word[-1] not in "aeiouy":
        yield word + word[-1] + "ed"
        yield word + word[-1] + "ing"


def _add_places(made: Draft) -> set[str]:
    """Cities, counties, states and countries; gives back those of one word."""
    single: set[str] = set()
    for name, population, country in sources.cities():
        counted = population * (_LESS_ABROAD if country == "US" else 1)
        if counted >= _CITY_OF_ONE_WORD or " " in name or "-" in name:
            single.update(made.add_name(name, Word.PLACE))
    for name in sources.counties():
        single.update(made.add_name(name, Word.PLACE))
    states = sources.states()
    for name in (*(name for name, _ in states), *sources.countries(), *STATES_BY_SHORT_NAME):
        single.update(made.add_name(name, Word.STATE))
    made.add((code.lower() for _, code in states), Word.STATE_CODE)
    return single


def _add_clinical(made: Draft, common: set[str], names: set[str], places: set[str]) -> set[str]:
    """Diagnoses and drugs; gives back what diagnoses write small so often that it is no name there."""
    small, capital = sources.diagnoses()
    written_small = {word for word, count in small.items() if count >= capital.get(word, 0)}
    eponyms = (small.keys() | capital.keys()) - written_small | {
        w for w, n in capital.items() if n > small[w]
    }
    made.add(written_small, Word.CLINICAL)
    made.add(eponyms, Word.EPONYM)
    made.add(
        (drug for drug in sources.drugs() if drug not in names and (drug not in places or drug in common)),
        Word.CLINICAL,
    )
    return {word for word in written_small if word not in names or small[word] > _CLINICAL_DESPITE_NAME}


def compiled(made: Draft) -> Lexicon:
    """The tables of a draft, and the digest of their content."""
    # Of words that want one slot the last has it: an everyday word is found at once.
    listed = sorted(word for word, classes in made.words.items() if classes)
    words = sorted(listed, key=lambda word: bool(made.words[word] & Word.VERY_COMMON))
    classes = np.array([made.words[word] for word in words], np.uint64)
    table = HashTable.of(word_hashes(words), classes)
    phrases = {length: _phrase_table(made, length) for length in PHRASE_LENGTHS}
    digest = hashlib.sha256()
    for part in (table, *phrases.values()):
        digest.update(part.slots.tobytes())
        digest.update(part.combinations.tobytes())
    return Lexicon(table, phrases, digest.digest())


def _phrase_table(made: Draft, length: int) -> HashTable:
    phrases = sorted(phrase for phrase in made.phrases if phrase.count(" ") == length - 1)
    columns = zip(*(phrase.split() for phrase in phrases), strict=True)
    hashes = phrase_hashes([word_hashes(column) for column in columns]) if phrases else np.zeros(0, np.uint64)
    return HashTable.of(hashes, np.array([made.phrases[phrase] for phrase in phrases], np.uint64))
