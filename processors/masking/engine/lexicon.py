"""What a word is, for whole arrays of words at once: class bits from open-addressing tables of 64-bit hashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .hashing import Hashes

Classes = NDArray[np.uint64]

PHRASE_LENGTHS: Final = (2, 3, 4)
_INDEX_BITS: Final = 16
_INDEX: Final = np.uint64((1 << _INDEX_BITS) - 1)
_ROOM: Final = 2.5
_SMALLEST_BITS: Final = 4


class Word(IntFlag):
    """What a word can be; most are several things at once.

    The first block comes from packages, the second from `vocabulary`.
    """

    COMMON = auto()  # in the dictionary with a small letter (and its inflections)
    VERY_COMMON = auto()  # among the few thousand most frequent of those
    CLINICAL = auto()  # a drug, or lower-case in the texts of diagnoses
    KNOWN = auto()  # in a list of English words that does not tell case
    EPONYM = auto()  # capitalised in the texts of diagnoses
    LAST = auto()  # a surname
    FIRST = auto()  # a first name
    FREQUENT_LAST = auto()  # among the 3,000 most frequent surnames
    FREQUENT_FIRST = auto()  # a first name of one in 25,000 people or more
    USUAL_FIRST = auto()  # a first name of one in 50,000 people or more
    MOSTLY_FIRST = auto()  # a first name and a word, but no more frequent than its bearers make it
    PLACE = auto()  # a city or a county
    STATE = auto()  # a state or a country
    STATE_CODE = auto()  # two letters that stand for one
    FOREIGN_NAME = auto()  # a name of another country's list

    TITLE = auto()
    SUFFIX = auto()
    ORGANISATION = auto()  # ends the name of an institution
    INSTITUTION = auto()  # belongs to such a name
    MONTH = auto()  # also a day of the week
    EPONYM_TAIL = auto()  # disease, sign, score ...
    SCALE = auto()  # score, index, inventory ...
    FINDING = auto()  # negative, positive ...
    STREET = auto()
    STREET_SURELY = auto()
    LINK = auto()  # a particle of names, or a small word between words of one
    PARTICLE = auto()  # de, van, bin ...
    CUE = auto()  # stands before a name
    WHERE = auto()  # at, in, from, to, near
    AT = auto()
    OF = auto()
    CARE = auto()  # health, medicine, center, care: ends a name only behind another word of it
    SAINT = auto()  # opens a place: St., Mount, Fort
    POSSESSIVE = auto()  # the s behind an apostrophe
    NO_NAME_IN_CAPITALS = auto()  # peoples, languages, agencies
    REALM = auto()  # republic, kingdom, county: before `of` and a place
    AND = auto()
    CODE_SYSTEM = auto()
    JOINER = auto()  # and, for, at, in: inside the name of an institution only
    ARTICLE = auto()  # a, I: one letter that is no initial
    OPENER = auto()  # opens the name of a place: North, New, Lake


@dataclass(frozen=True, slots=True, eq=False)
class HashTable:
    """Open addressing with linear probing; a slot holds 48 bits of the hash and the number of a combination of classes.

    The slot itself is named by the highest bits of the hash, so a word that is not listed is taken for one about once in 10**14.
    """

    slots: NDArray[np.uint64]
    combinations: Classes
    probes: int

    @classmethod
    def of(cls, hashes: Hashes, classes: Classes) -> "HashTable":
        """Build a table.

        Raises ValueError when a hash repeats (a word is listed twice) or there are too many combinations of classes.
        """
        if len(np.unique(hashes)) < len(hashes):
            raise ValueError("a lexicon lists each word once")
        combinations, indices = np.unique(
            np.concatenate((np.zeros(1, np.uint64), classes)), return_inverse=True
        )
        if len(combinations) > int(_INDEX):
            raise ValueError("a lexicon may have at most 65,535 combinations of classes")
        bits = max(_SMALLEST_BITS, int(np.ceil(np.log2(max(1, len(hashes)) * _ROOM))))
        slots = np.zeros(1 << bits, np.uint64)
        entries = (hashes & ~_INDEX) | indices[1:].astype(np.uint64)
        places = _first_slots(hashes, bits)
        waiting = np.arange(len(hashes))
        probes = 0
        while len(waiting):
            probes += 1
            free = waiting[slots[places[waiting]] == 0]
            slots[places[free]] = entries[free]
            waiting = waiting[slots[places[waiting]] != entries[waiting]]
            places[waiting] = (places[waiting] + 1) & (len(slots) - 1)
        return cls(slots, combinations, probes)

    def classes(self, hashes: Hashes) -> Classes:
        """The classes of each word; 0 for one that is not listed."""
        places = _first_slots(hashes, len(self.slots).bit_length() - 1)
        found = self.slots[places]
        differs = (found ^ hashes) > _INDEX
        left = np.flatnonzero(differs & (found != 0))
        for _ in range(self.probes):
            if not len(left):
                break
            places[left] = (places[left] + 1) & (len(self.slots) - 1)
            found[left] = self.slots[places[left]]
            left = left[((found[left] ^ hashes[left]) > _INDEX) & (found[left] != 0)]
        found[left] = 0
        return self.combinations[(found & _INDEX).astype(np.intp)]


def _first_slots(hashes: Hashes, bits: int) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Words and phrases with their classes; `digest` names the content (SHA-256)."""

    words: HashTable
    phrases: Mapping[int, HashTable]
    digest: bytes
