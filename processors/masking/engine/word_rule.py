"""What a rule of the closed world is: a boolean expression over the words of a batch, with a name and a reason."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .batch import Offsets
from .kinds import SpanKind
from .lexicon import Word
from .words import Mask, Words


@dataclass(eq=False)
class Standing:
    """How the words of a batch stand: which are eponyms and so left alone, which are found, and what no vocabulary explains."""

    w: Words
    kept: Mask
    named: Mask
    """Found so far, by any rule."""
    free: Mask
    """Neither named nor found by another stage."""
    count: int = 0
    """How many are named."""

    def add(self, words: Offsets) -> None:
        """Name words that are free."""
        self.named[words] = True
        self.free[words] = False
        self.count += len(words)

    @cached_property
    def strong(self) -> Mask:
        """A listed name that is no ordinary word."""
        w = self.w
        return w.name & ~w.has(Word.COMMON) & ~(w.has(Word.CLINICAL) & ~w.frequent) & ~self.kept

    @cached_property
    def unknown(self) -> Mask:
        """In no list at all; without a vowel it is an abbreviation."""
        w = self.w
        listed = w.explained | w.name | w.has(Word.EPONYM, Word.PLACE, Word.STATE)
        unknown: Mask = w.letters & ~listed & (w.lengths > 1) & ~self.kept
        which = np.flatnonzero(unknown)  # few: only their letters are looked at
        unknown[which] = w.with_vowel(which)
        return unknown

    @cached_property
    def place(self) -> Mask:
        """A listed place that is no ordinary word."""
        w = self.w
        listed = w.has(Word.PLACE) & ~w.has(Word.CLINICAL) | w.has(Word.STATE)
        return listed & ~w.has(Word.COMMON) & ~self.kept

    @cached_property
    def ambiguous(self) -> Mask:
        """Both a name and an ordinary word, but not one of the most frequent words."""
        w = self.w
        ordinary = w.has(Word.VERY_COMMON, Word.EPONYM_TAIL, Word.MONTH)
        return w.name & w.has(Word.COMMON) & ~ordinary & ~(w.has(Word.CLINICAL) & ~w.frequent) & ~self.kept


@dataclass(frozen=True, slots=True)
class WordRule:
    """Finds words, given those found so far; `name` switches it off in an ablation."""

    name: str
    reason: str
    kind: SpanKind
    finds: Callable[[Words, Standing], Mask]
    caseless: bool = False
    """Only finds words whose case tells nothing: needless where there are none."""
    needs: Word | None = None
    """Finds nothing in a batch without a word of these classes."""
    once: bool = False
    """Asks nothing of what is found so far: a second time it finds the same."""


def rule(
    kind: SpanKind = Kind.NAME, *, caseless: bool = False, needs: Word | None = None, once: bool = False
) -> Callable[[Callable[[Words, Standing], Mask]], WordRule]:
    """A rule out of a function: its name is the rule's, its docstring the reason."""

    def made(finds: Callable[[Words, Standing], Mask]) -> WordRule:
        name, reason = finds.__name__.replace("_", "-"), finds.__doc__ or ""
        return WordRule(name, reason, kind, finds, caseless, needs, once)

    return made
