"""What stands before a name: titles and words that announce one."""

from typing import Final

from .lexicon import Word
from .word_rule import Standing, WordRule, rule
from .words import Mask, Words, after, before

_LONGEST_TITLE: Final = 9


def _titled(w: Words) -> Mask:
    """A word with a capital behind a title with one."""
    title = w.has(Word.TITLE) & (w.capital | w.caseless) & (w.lengths <= _LONGEST_TITLE)
    written = w.capital | w.caseless & ~w.has(Word.VERY_COMMON)
    return before(title) & (w.space | w.dot) & written & ~w.has(Word.MONTH) & ~w.link


@rule(needs=Word.TITLE)
def titled(w: Words, _: Standing) -> Mask:
    """What follows a title is a name, and the title goes with it."""
    named = _titled(w)
    return named | after(named) & w.has(Word.TITLE)


@rule(needs=Word.TITLE)
def second_after_title(w: Words, _: Standing) -> Mask:
    """The word after a titled one is the surname, unless it is a very common word."""
    ordinary = w.has(Word.VERY_COMMON, Word.EPONYM_TAIL)
    second = before(_titled(w)) & (w.space | w.dot & before(w.initial)) & w.title_case & ~ordinary
    third = before(second) & w.space & w.title_case & (w.name | ~w.explained)
    return second | third


@rule(needs=Word.CUE)
def announced(w: Words, found: Standing) -> Mask:
    """A listed name behind `named`, `patient`, `attending` ... is one, even if it is a word."""
    cue = before(w.has(Word.CUE) & ~w.link) & (w.space | w.comma | w.colon)
    return cue & w.title_case & w.name & ~w.has(Word.VERY_COMMON, Word.MONTH) & ~found.kept


@rule()
def speaker(w: Words, _: Standing) -> Mask:
    """A first name at the start of a line, before a colon."""
    opens = w.title_case & w.has(Word.FIRST) & w.sentence_start & w.before_colon
    return opens & ~w.has(Word.VERY_COMMON, Word.MONTH)


@rule(needs=Word.FREQUENT_LAST)
def initial_and_surname(w: Words, _: Standing) -> Mask:
    """`cc: K. Green`: behind a colon, a quotation mark or a comma, an initial and a frequent surname that is a word too."""
    opens = w.initial & w.stopped & w.same_line & (w.sentence_start | w.comma)
    surname = w.title_case & w.has(Word.FREQUENT_LAST) & w.dot & before(opens) & ~w.has(Word.MONTH)
    return surname | after(surname) & opens


CONTEXT: Final[tuple[WordRule, ...]] = (titled, second_after_title, announced, speaker, initial_and_surname)
